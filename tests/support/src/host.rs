//! Wasmtime's own host, with all of WASI for real: an environment, a folder, the network.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable, ResourceType};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

/// A component, and the folder that it is given as `/data`.
#[derive(Debug)]
pub struct Host {
    component: Component,
    folder: TempDir,
}

impl Host {
    /// Compiles the component.
    pub fn new(component: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hello.txt"), "from the folder").unwrap();
        Self {
            component: Component::new(&ENGINE, component).unwrap(),
            folder,
        }
    }

    fn store(&self, stdout: MemoryOutputPipe) -> Store<State> {
        let mut wasi = WasiCtx::builder();
        wasi.env("SECRET", "s3cret")
            .args(&["app", "argument"])
            .stdout(stdout);
        wasi.inherit_network()
            .allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(true);
        wasi.preopened_dir(self.folder.path(), "/data", FsPerms::ReadOnly)
            .unwrap();
        let state = State {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Wire,
            table: ResourceTable::new(),
        };
        Store::new(&ENGINE, state)
    }

    /// What is not WASI is there too, and traps. (Wasmtime's own way to do so would also shadow other versions of WASI.)
    fn linker(&self) -> Linker<State> {
        let mut linker = Linker::new(&ENGINE);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        for (name, import) in self.component.component_type().imports(&ENGINE) {
            if !name.starts_with("fermyon:") && !name.starts_with("wasi:config/") {
                continue;
            }
            let ComponentItem::ComponentInstance(instance) = import.ty else {
                panic!("{name} is no instance");
            };
            let mut definition = linker.instance(name).unwrap();
            for (export, item) in instance.exports(&ENGINE) {
                match item.ty {
                    ComponentItem::ComponentFunc(_) => definition
                        .func_new(export, |_, _, _, _| wasmtime::bail!("reached the host"))
                        .unwrap(),
                    ComponentItem::Resource(_) => definition
                        .resource(export, ResourceType::host::<()>(), |_, _| Ok(()))
                        .unwrap(),
                    _ => {}
                }
            }
        }
        linker
    }

    /// The body of the answer to `GET /<path>`.
    ///
    /// # Errors
    /// What the component ended with.
    pub async fn get(&self, path: &str) -> Result<String, String> {
        let pre = self.linker().instantiate_pre(&self.component).unwrap();
        let mut store = self.store(MemoryOutputPipe::new(0));
        let body = Empty::<Bytes>::new();
        let request = Request::get(format!("http://localhost/{path}")).body(body);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut http = store.data_mut().http();
        let request = http
            .new_incoming_request(Scheme::Http, request.unwrap())
            .unwrap();
        let out = http.new_response_outparam(sender).unwrap();
        let guest = async move {
            let proxy = ProxyPre::new(pre)
                .unwrap()
                .instantiate_async(&mut store)
                .await?;
            proxy
                .wasi_http_incoming_handler()
                .call_handle(store, request, out)
                .await
        };
        let answer = async move {
            let response: Response<_> = receiver.await.ok()?.unwrap();
            Some(response.into_body().collect().await.unwrap().to_bytes())
        };
        match tokio::join!(guest, answer) {
            (Ok(()), Some(body)) => Ok(String::from_utf8(body.to_vec()).unwrap()),
            (ended, _) => Err(format!("{ended:?}")),
        }
    }

    /// What a command prints.
    pub async fn run(&self) -> String {
        let stdout = MemoryOutputPipe::new(1 << 16);
        let mut store = self.store(stdout.clone());
        let linker = self.linker();
        let command = wasmtime_wasi::p2::bindings::Command::instantiate_async(
            &mut store,
            &self.component,
            &linker,
        );
        let ran = command
            .await
            .unwrap()
            .wasi_cli_run()
            .call_run(&mut store)
            .await;
        ran.unwrap().unwrap();
        drop(store);
        String::from_utf8(stdout.contents().to_vec()).unwrap()
    }
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Wire,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

type Ending = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Sends requests, as plainly as it can be done.
struct Wire;

impl WasiHttpHooks for Wire {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Ending,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Ending), Error>> + Send> {
        let authority = request.uri().authority().unwrap().to_string();
        Box::new(async move {
            let mut stream = TcpStream::connect(authority).await.unwrap();
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let status: u16 = answer[9..12].parse().unwrap();
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let response = Response::builder().status(status).body(body).unwrap();
            Ok((response, Box::new(async { Ok(()) }) as Ending))
        })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        64
    }
}
