//! Version 0.1 in the words of the newest.
//!
//! It knows no keys to sign with, no `content.head`, no logs; its releases have no state, its probes ask at one place, and
//! it cannot tell what `destroy` would remove.

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi_io::streams::DynInputStream;

use super::Contract;
use super::guest::exports;
use crate::bindings::spin_deployer::api as newest;
use crate::bindings::v0_1::exports::spin_deployer::api::{deployer, login, releases};
use crate::bindings::v0_1::spin_deployer::api::{app, failures, options, progress, types};
use crate::content::Content;
use crate::error::Stop;
use crate::host::Step;
use crate::state::State;
use crate::{Change, Release, Session};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    app::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    options::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    progress::add_to_linker::<_, HasSelf<State>>(linker, |s| s)
}

exports! {
    deployer {
        fn plan() -> Vec<Change> = call_plan() => all;
        fn deploy() -> Release = call_deploy() => Release::from;
    }
    releases {
        fn history(limit: u32) -> Vec<Release> = call_history(limit) => all;
        fn rollback(id: String) -> Release = call_rollback(&id) => Release::from;
        fn destroy() -> Vec<String> = call_destroy();
    }
    login {
        fn login() -> Session = call_login() => Session::from;
    }
}

fn all<T, U: From<T>>(list: Vec<T>) -> Vec<U> {
    list.into_iter().map(U::from).collect()
}

fn some<T, U: From<T>>(it: Option<T>) -> Option<U> {
    it.map(U::from)
}

/// Imports that are as they were.
macro_rules! as_newest {
    ($newest:path { $(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }) => {
        $(fn $name(&mut self, $($argument: $type),*) -> wasmtime::Result<$result> {
            <Self as $newest>::$name(self, $($argument),*)
        })*
    };
    ($newest:path { $(async fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }) => {
        $(async fn $name(&mut self, $($argument: $type),*) -> wasmtime::Result<$result> {
            <Self as $newest>::$name(self, $($argument),*).await
        })*
    };
}

type Failing<T> = Result<T, failures::Error>;

impl app::Host for State {
    as_newest! { newest::app::Host {
        fn name() -> String;
        fn version() -> Option<String>;
        fn locked() -> String;
        fn open(digest: String) -> Failing<Resource<Content>>;
        fn fingerprint() -> String;
    } }
    as_newest! { newest::app::Host {
        async fn archive(component: String) -> Failing<Resource<Content>>;
    } }

    fn components(&mut self) -> wasmtime::Result<Vec<app::ComponentSource>> {
        newest::app::Host::components(self).map(all)
    }
}

impl app::HostContent for State {
    as_newest! { newest::app::HostContent {
        fn digest(content: Resource<Content>) -> String;
        fn size(content: Resource<Content>) -> u64;
        fn drop(content: Resource<Content>) -> ();
    } }
    as_newest! { newest::app::HostContent {
        async fn read(
            content: Resource<Content>, offset: u64, length: Option<u64>
        ) -> Failing<Resource<DynInputStream>>;
        async fn bytes(content: Resource<Content>) -> Failing<Vec<u8>>;
    } }
}

impl progress::Host for State {
    as_newest! { newest::progress::Host {
        fn device_code(url: String, code: String) -> ();
    } }
}

impl progress::HostStep for State {
    as_newest! { newest::progress::HostStep {
        fn new(label: String) -> Resource<Step>;
        fn detail(step: Resource<Step>, text: String) -> ();
        fn expect(step: Resource<Step>, bytes: u64) -> ();
        fn skip(step: Resource<Step>, bytes: u64) -> ();
        fn done(step: Resource<Step>, text: Option<String>) -> ();
        fn drop(step: Resource<Step>) -> ();
    } }
}

impl options::Host for State {
    async fn get(&mut self, name: String) -> wasmtime::Result<Option<options::Value>> {
        use newest::options::Value as Newest;
        use options::Value;

        let Some(value) = newest::options::Host::get(self, name.clone()).await? else {
            return Ok(None);
        };
        Ok(Some(match value {
            Newest::Text(text) => Value::Text(text),
            Newest::Number(number) => Value::Number(number),
            Newest::Flag(flag) => Value::Flag(flag),
            Newest::Many(many) => Value::Many(many),
            Newest::Pairs(pairs) => Value::Pairs(pairs),
            Newest::Secret(placeholder) => Value::Secret(placeholder),
            Newest::Path(path) => Value::Path(path),
            Newest::Registry(reference) => Value::Registry(reference.into()),
            // Nothing that this version has is a key, and a plugin that takes one for absent would leave unsigned what the
            // user wants signed.
            Newest::SigningKey(_) => {
                return Err(Stop::Interface(format!(
                    "its option `{name}` is a key to sign with, and the plugin was built against version {} of the interface, which has none: it has to be built against {}",
                    Contract::V0_1.number(),
                    Contract::NEWEST.number()
                ))
                .into());
            }
        }))
    }
}

/// A record of the one in the other: fields that are the same, fields that are converted, fields that only the other has.
macro_rules! record {
    ($from:path => $to:path {
        $($same:ident),*; $($other:ident by $convert:expr),*; $($new:ident is $value:expr),*
    }) => {
        impl From<$from> for $to {
            fn from(it: $from) -> Self {
                Self {
                    $($same: it.$same,)*
                    $($other: $convert(it.$other),)*
                    $($new: $value,)*
                }
            }
        }
    };
}

record!(newest::app::File => app::File { path, digest, size;; });
record!(newest::app::ComponentSource => app::ComponentSource {
    id, wasm_digest, wasm_size; files by all;
});
record!(newest::options::Reference => options::Reference {
    origin, registry, repository, tag, digest; credential by some;
});

impl From<newest::options::Credential> for options::Credential {
    fn from(credential: newest::options::Credential) -> Self {
        use newest::options::Credential as Newest;
        match credential {
            Newest::Password(password) => Self::Password(password),
            Newest::IdentityToken(token) => Self::IdentityToken(token),
        }
    }
}

record!(types::Change => Change { kind, name, detail, bytes; action by newest::types::Action::from; });
record!(types::Route => newest::types::Route { name, url;; });
record!(types::Probe => newest::types::Probe {
    url; expect by newest::types::Expectation::from; otherwise is None
});
record!(types::Release => Release {
    id, version, artifact, created, active; routes by all, ready_when by all; state is None
});
record!(login::Session => Session { account, saves, expires;; });

impl From<types::Action> for newest::types::Action {
    fn from(action: types::Action) -> Self {
        use types::Action;
        match action {
            Action::Create => Self::Create,
            Action::Update => Self::Update,
            Action::Upload => Self::Upload,
            Action::Keep => Self::Keep,
            Action::Delete => Self::Delete,
        }
    }
}

impl From<types::Expectation> for newest::types::Expectation {
    fn from(expectation: types::Expectation) -> Self {
        use types::Expectation;
        match expectation {
            Expectation::Status(status) => Self::Status(status),
            Expectation::Json(value) => Self::Json(value),
        }
    }
}
