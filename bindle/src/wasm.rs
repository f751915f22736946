//! Which Wasm the runtime behind a Bindle server does not load.
//!
//! It takes core modules, and gives them the interfaces of WASI's first version and those that Spin had of its own by then. A
//! module of today is most often on its way to become a component: it names interfaces that nobody there has ever heard of.
//! Which ones shows in its first sections; the rest, the largest part of it, need not be read.

use spin_deployer_publish::quote;
use wasmparser::{Chunk, Parser, Payload};

use crate::Unsupported;

/// How much of the beginning is worth to be looked at, in bytes: types, imports and exports are in front of the code.
pub const WASM_HEAD: u64 = 64 << 10;

/// What a module may import from.
const MODULES: [&str; 8] = [
    "key-value",
    "outbound-mysql",
    "outbound-pg",
    "outbound-redis",
    "spin-config",
    "wasi-outbound-http",
    "wasi_snapshot_preview1",
    "wasi_unstable",
];

/// Why the runtime does not load a component whose Wasm begins like this.
pub fn of_wasm(component: &str, head: &[u8]) -> Option<Unsupported> {
    if is_component(head) {
        return Some(Unsupported::ComponentModel(component.to_owned()));
    }
    let names = Names::read(head);
    if !names.imports.is_empty() {
        return Some(Unsupported::Imports {
            component: component.to_owned(),
            modules: quote(&names.imports.join("`, `")),
        });
    }
    names.export.map(|export| Unsupported::Export {
        component: component.to_owned(),
        export: quote(&export),
    })
}

/// The fields `version` and `layer` behind the magic number.
fn is_component(head: &[u8]) -> bool {
    head.get(4..8).is_some_and(|field| field[2..] == [1, 0])
}

/// What a module says that nobody there understands.
#[derive(Default)]
struct Names {
    /// Each once.
    imports: Vec<String>,
    /// A function of an interface.
    export: Option<String>,
}

impl Names {
    /// As far as it can be read: what is no Wasm at all is for others to say.
    fn read(head: &[u8]) -> Self {
        let mut names = Self::default();
        let (mut parser, mut rest) = (Parser::new(0), head);
        while let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, false) {
            rest = &rest[consumed..];
            match payload {
                Payload::ImportSection(imports) => {
                    let modules = imports.into_imports().map_while(Result::ok);
                    for module in modules.map(|import| import.module) {
                        if !MODULES.contains(&module) && !names.imports.iter().any(|n| n == module)
                        {
                            names.imports.push(module.to_owned());
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    // `wasi:http/incoming-handler@0.2.0#handle`
                    let exports = exports.into_iter().map_while(Result::ok);
                    let mut exports = exports.map(|export| export.name);
                    names.export = exports.find(|name| name.contains('#')).map(str::to_owned);
                }
                Payload::CodeSectionStart { .. } | Payload::End(_) => break,
                _ => {}
            }
        }
        names
    }
}
