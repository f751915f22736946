//! A core module as a component.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1,
    WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as COMMAND,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as REACTOR,
};
use wasmparser::{Parser, Payload, Validator};
use wit_component::ComponentEncoder;

/// Why something is not a component, and cannot be made one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentizeError {
    /// Not Wasm in its binary form.
    #[error("is not a Wasm binary; build the component, or convert text with `wasm-tools parse`")]
    NotWasm,
    /// A module that breaks the rules of Wasm.
    #[error("is not valid Wasm: {0}; build it again")]
    Invalid(String),
    /// Made for Spin before components: only Spin has the parts to convert it, and does so when it loads the module.
    #[error(
        "is a module for the interfaces of Spin 1 (it has `{0}`), which only Spin can make a component; rebuild it \
         with a current Spin SDK"
    )]
    Legacy(String),
    /// Anything else that stands between a module and a component.
    #[error(
        "is a module that cannot be made a component: {0}; build it for `wasm32-wasip2` or with a current SDK"
    )]
    Unfit(String),
}

/// A core module as a component; a component as it is, unread but for its first bytes.
///
/// A module may use WASI 0.1. It becomes a command if it has a `_start` and was not made with wit-bindgen, else a
/// library with the exports that wit-bindgen describes in it.
///
/// # Errors
///
/// If the bytes are neither, or the module needs something that no component has.
pub fn componentize(wasm: &[u8]) -> Result<Cow<'_, [u8]>, ComponentizeError> {
    if Parser::is_component(wasm) {
        return Ok(Cow::Borrowed(wasm));
    }
    if !Parser::is_core_wasm(wasm) {
        return Err(ComponentizeError::NotWasm);
    }
    // First of all, because what follows takes valid input for granted.
    Validator::new()
        .validate_all(wasm)
        .map_err(|error| ComponentizeError::Invalid(error.to_string()))?;
    let module = Module::read(wasm).map_err(|e| ComponentizeError::Invalid(e.to_string()))?;
    if let Some(sign) = module.legacy {
        return Err(ComponentizeError::Legacy(sign));
    }
    let adapter = if module.starts && !module.bindgen {
        COMMAND
    } else {
        REACTOR
    };
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder
        .validate(true)
        .module(wasm)
        .and_then(|encoder| encoder.adapter(PREVIEW1, adapter))
        .and_then(ComponentEncoder::encode);
    match encoded {
        Ok(component) => Ok(Cow::Owned(component)),
        Err(error) => Err(ComponentizeError::Unfit(format!("{error:#}"))),
    }
}

/// What tells one kind of module from another.
#[derive(Default)]
struct Module {
    starts: bool,
    bindgen: bool,
    /// The import or export that only Spin's first interfaces have.
    legacy: Option<String>,
}

/// What modules of those days import from, and export.
const LEGACY_IMPORTS: [&str; 8] = [
    "key-value",
    "llm",
    "outbound-mysql",
    "outbound-pg",
    "outbound-redis",
    "spin-config",
    "sqlite",
    "wasi-outbound-http",
];
const LEGACY_EXPORTS: [&str; 2] = ["handle-http-request", "handle-redis-message"];

impl Module {
    fn read(wasm: &[u8]) -> wasmparser::Result<Self> {
        let mut module = Self::default();
        // Modules of today describe themselves; of those, a name alone tells nothing.
        let mut described = false;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::CustomSection(section) => {
                    described |= section.name().starts_with("component-type");
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let name = import?.module;
                        if LEGACY_IMPORTS.contains(&name) {
                            module.legacy = Some(name.into());
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let name = export?.name;
                        module.starts |= name == "_start";
                        module.bindgen |= ["cabi_realloc", "canonical_abi_realloc"].contains(&name);
                        if LEGACY_EXPORTS.contains(&name) {
                            module.legacy = Some(name.into());
                        }
                    }
                }
                _ => {}
            }
        }
        if described {
            module.bindgen = true;
            module.legacy = None;
        }
        Ok(module)
    }
}
