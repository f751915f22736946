//! What a store holds, and what is linked into it.

use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use tokio::sync::Semaphore;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clock;
use crate::contract::Contract;
use crate::host::disk::{HasDisk, Left, of as disk_of};
use crate::host::random::{HasRandom, of as random_of};
use crate::http::Hooks;
use crate::memory::Memory;
use crate::output::Output;
use crate::{App, CallError, Limits, Options, Ports, Progress, Signer, mounts};

/// One call's world.
pub(crate) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) app: Arc<dyn App>,
    pub(crate) options: Arc<dyn Options>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) signer: Arc<dyn Signer>,
    /// What may still be written.
    pub(crate) disk: Left,
    /// One permit for each content that is being read.
    pub(crate) streams: Arc<Semaphore>,
    /// Of the next step.
    pub(crate) step: u32,
    /// After the handles on them: what is declared last is dropped last.
    _mounted: Vec<TempDir>,
}

impl State {
    /// No environment, no arguments, no input, no network: the builder starts with none, and nothing is inherited.
    pub(crate) fn new(
        ports: Ports,
        limits: Limits,
        deadline: Option<Instant>,
        stdout: Output,
        stderr: Output,
    ) -> Result<Self, CallError> {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(stdout).stderr(stderr);
        let mounted = mounts::open(&ports.mounts, &mut wasi)?;
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_fields);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        Ok(Self {
            wasi: wasi.build(),
            http,
            hooks: Hooks {
                network: ports.network,
                deadline,
            },
            table,
            memory: Memory::new(limits.memory),
            clock: Clock::new(),
            app: ports.app,
            options: ports.options,
            progress: ports.progress,
            signer: ports.signer,
            disk: Left::of(&limits),
            streams: Arc::new(Semaphore::new(limits.streams)),
            step: 0,
            limits,
            _mounted: mounted,
        })
    }
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

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Everything that a plugin of this version can reach; [`crate::interface`] has the same list by name. There is no
/// `wasi:sockets`.
pub(crate) fn linker(
    engine: &wasmtime::Engine,
    contract: Contract,
) -> wasmtime::Result<Linker<State>> {
    use wasmtime_wasi_io::bindings::wasi::io;

    let mut linker = Linker::<State>::new(engine);
    let l = &mut linker;
    io::error::add_to_linker::<_, HasTable>(l, |s| &mut s.table)?;
    io::poll::add_to_linker::<_, HasTable>(l, |s| &mut s.table)?;
    io::streams::add_to_linker::<_, HasTable>(l, |s| &mut s.table)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)?;
    random::random::add_to_linker::<_, HasRandom>(l, random_of)?;
    random::insecure::add_to_linker::<_, HasRandom>(l, random_of)?;
    random::insecure_seed::add_to_linker::<_, HasRandom>(l, random_of)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    filesystem::types::add_to_linker::<_, HasDisk>(l, disk_of)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    contract.link(l)?;
    Ok(linker)
}
