//! A loaded plugin and its calls.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{Component, InstancePre};
use wasmtime::{Store, UpdateDeadline};

use crate::contract::{Answer, Guest, Running};
use crate::error::{Stop, explain};
use crate::output::Output;
use crate::state::{State, linker};
use crate::{
    CallError, Change, Engine, Error, Exports, Interface, LimitKind, Limits, PluginError, Ports,
    Release,
};

/// A component that exports `deployer`, linked and ready to be called. Keeps nothing between calls.
#[derive(Clone)]
pub struct Plugin {
    engine: Engine,
    interface: Arc<Interface>,
    pre: InstancePre<State>,
    guest: Arc<dyn Guest>,
}

/// How a call ended, and what the plugin printed until then.
#[derive(Debug)]
pub struct Outcome<T> {
    /// The plugin's answer.
    pub result: Result<T, CallError>,
    /// As the plugin wrote it, cut with a note at [`Limits::output`]. To be escaped where it is shown.
    pub stdout: String,
    /// The same of stderr.
    pub stderr: String,
}

/// What a login returned.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Who the platform says this is.
    pub account: Option<String>,
    /// Names of options, and the values to be saved for them.
    pub saves: Vec<(String, String)>,
    /// RFC 3339, UTC.
    pub expires: Option<String>,
}

/// The values are secrets.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.saves.iter().map(|(name, _)| name).collect();
        f.debug_struct("Session")
            .field("account", &self.account)
            .field("saves", &names)
            .field("expires", &self.expires)
            .finish()
    }
}

type Calling<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

impl Plugin {
    pub(crate) fn new(engine: Engine, component: &Component) -> Result<Self, Error> {
        let ty = component.component_type();
        let wasmtime = engine.wasmtime();
        let interface = Interface::named(
            ty.imports(wasmtime).map(|(name, _)| name),
            ty.exports(wasmtime).map(|(name, _)| name),
        )?;
        // The names fit; what is left are functions and types that differ, of a plugin that was not built from the
        // contract.
        let unfit = |e: wasmtime::Error| {
            Error::Interface(format!(
                "it does not implement the interface as it is defined: {e:#}"
            ))
        };
        let contract = interface.contract();
        let pre = linker(wasmtime, contract)
            .and_then(|linker| linker.instantiate_pre(component))
            .map_err(unfit)?;
        let guest = contract.guest(&pre).map_err(unfit)?;
        Ok(Self {
            engine,
            interface: Arc::new(interface),
            pre,
            guest,
        })
    }

    /// What this plugin imports and exports.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// What this plugin can do, read from its exports.
    pub fn exports(&self) -> Exports {
        self.interface.exports
    }

    /// What `deploy` would do now. That nothing changes is the network port's to see to.
    pub async fn plan(&self, ports: Ports, limits: Limits) -> Outcome<Vec<Change>> {
        self.run(ports, limits, |guest, on| guest.plan(on)).await
    }

    /// Deploys.
    pub async fn deploy(&self, ports: Ports, limits: Limits) -> Outcome<Release> {
        self.run(ports, limits, |guest, on| guest.deploy(on)).await
    }

    /// At most `limit` releases, newest first.
    pub async fn history(&self, ports: Ports, limits: Limits, limit: u32) -> Outcome<Vec<Release>> {
        if !self.exports().releases {
            return cannot("it keeps no releases");
        }
        self.run(ports, limits, move |guest, on| guest.history(on, limit))
            .await
    }

    /// Makes an earlier release the active one.
    pub async fn rollback(&self, ports: Ports, limits: Limits, id: &str) -> Outcome<Release> {
        if !self.exports().releases {
            return cannot("it keeps no releases");
        }
        let id = id.to_owned();
        self.run(ports, limits, move |guest, on| guest.rollback(on, id))
            .await
    }

    /// What [`Self::destroy`] would remove. That nothing changes is the network port's to see to.
    pub async fn removal(&self, ports: Ports, limits: Limits) -> Outcome<Vec<Change>> {
        if !self.exports().removal {
            return cannot("it cannot tell what it would remove");
        }
        self.run(ports, limits, |guest, on| guest.removal(on)).await
    }

    /// Removes the app from the platform; what it removed.
    pub async fn destroy(&self, ports: Ports, limits: Limits) -> Outcome<Vec<String>> {
        if !self.exports().releases {
            return cannot("it keeps no releases");
        }
        self.run(ports, limits, |guest, on| guest.destroy(on)).await
    }

    /// The last lines that the app wrote, oldest first. Nothing keeps a plugin to `lines`.
    pub async fn tail(&self, ports: Ports, limits: Limits, lines: u32) -> Outcome<Vec<String>> {
        if !self.exports().logs {
            return cannot("it keeps no logs");
        }
        self.run(ports, limits, move |guest, on| guest.tail(on, lines))
            .await
    }

    /// Logs in.
    pub async fn login(&self, ports: Ports, limits: Limits) -> Outcome<Session> {
        if !self.exports().login {
            return cannot("it knows no login of its own");
        }
        self.run(ports, limits, |guest, on| guest.login(on)).await
    }

    /// One call in a store of its own.
    async fn run<T>(
        &self,
        ports: Ports,
        limits: Limits,
        call: impl for<'a> FnOnce(&'a dyn Guest, Running<'a>) -> Calling<'a, T>,
    ) -> Outcome<T> {
        let (stdout, stderr) = (Output::new(limits.output), Output::new(limits.output));
        let deadline = Instant::now().checked_add(limits.wall);
        let progress = ports.progress.clone();
        let state = State::new(
            ports,
            limits.clone(),
            deadline,
            stdout.clone(),
            stderr.clone(),
        );
        let result = match state {
            Ok(state) => {
                let mut store = self.store(state, &limits, deadline);
                progress.started();
                let answer = tokio::time::timeout(limits.wall, async {
                    let instance = self.pre.instantiate_async(&mut store).await?;
                    let on = Running {
                        store: &mut store,
                        instance: &instance,
                    };
                    call(&*self.guest, on).await
                })
                .await;
                let out_of_memory = store.data().memory.refused();
                let disk = store.data().disk.clone();
                // Whatever happened, the store is never entered again.
                drop(store);
                match answer {
                    Ok(Ok(answer)) => answer.map_err(|error| {
                        let error = PluginError::from(error);
                        CallError::Plugin(match disk.failed() {
                            Some(why) => error.because(why),
                            None => error,
                        })
                    }),
                    Ok(Err(trap)) => Err(explain(&trap, out_of_memory, &limits)),
                    Err(_) => Err(CallError::Limit(limits.limit(LimitKind::Wall))),
                }
            }
            Err(error) => Err(error),
        };
        Outcome {
            result,
            stdout: stdout.text(),
            stderr: stderr.text(),
        }
    }

    fn store(&self, state: State, limits: &Limits, deadline: Option<Instant>) -> Store<State> {
        self.engine.tick();
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.host_call_data);
        store.set_max_component_handles(limits.handles);
        store.call_hook(|mut store, hook| {
            store.data_mut().clock.on(hook);
            Ok(())
        });
        // At each tick a computing plugin stops here: for good when its time is up, else long enough for timeouts and
        // signals to be noticed.
        store.set_epoch_deadline(1);
        let compute = limits.compute;
        store.epoch_deadline_callback(move |store| {
            if store.data().clock.spent() > compute {
                return Err(Stop::Limit(LimitKind::Compute).into());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Stop::Limit(LimitKind::Wall).into());
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        });
        store
    }
}

fn cannot<T>(why: &str) -> Outcome<T> {
    Outcome {
        result: Err(CallError::Interface(why.to_owned())),
        stdout: String::new(),
        stderr: String::new(),
    }
}
