//! Every interface that a capability stands for, in shapes like those of WASI and Spin.

use rstest::rstest;
use spin_deployer_compose::Capability::{self, *};
use spin_deployer_compose::{Dependency, Inherit, Problem, compose};

use crate::support::{component, dependency, imports, some};

const APP: &str = "package a:app; world it { import a:b/words; export start: func(); }
                   package a:b { interface words { say: func() -> string; } }";

/// A component that answers `a:b/words` and imports `imported`.
fn asking(imported: &[&str], packages: &str) -> Vec<u8> {
    let imports: String = imported
        .iter()
        .map(|name| format!("import {name};"))
        .collect();
    component(&format!(
        "package a:it; world it {{ {imports} export a:b/words; }}
         package a:b {{ interface words {{ say: func() -> string; }} }} {packages}"
    ))
}

/// What is left to import for the host.
fn left(wasm: &[u8], inherit: Inherit) -> Vec<String> {
    let dependency = Dependency {
        inherit,
        ..dependency("a:b", wasm)
    };
    let composed = compose("app", &component(APP), &[dependency]).unwrap();
    imports(&composed).into_iter().collect()
}

#[rstest]
#[case(
    AiModels,
    "fermyon:spin/llm@2.0.0",
    "package fermyon:spin@2.0.0 { interface llm {
    enum model { small, large }
    record options { max: u32, temperature: f32, stop: list<string> }
    record usage { prompt: u32, generated: u32 }
    record embeddings { vectors: list<list<f32>>, usage: usage }
    variant error { model-not-supported, runtime-error(string), invalid-input(string) }
    infer: func(model: model, prompt: string, options: option<options>) -> result<string, error>;
    embed: func(model: model, text: list<string>) -> result<embeddings, error>;
} }"
)]
#[case(AllowedOutboundHosts, "fermyon:spin/http", "package fermyon:spin { interface http {
    enum http-error { success, invalid-url, destination-not-allowed }
    record request { method: u8, uri: string, headers: list<tuple<string, string>>, body: option<list<u8>> }
    record response { status: u16, body: option<list<u8>> }
    send: func(request: request) -> result<response, http-error>;
} }")]
#[case(AllowedOutboundHosts, "spin:redis/redis@3.0.0", "package spin:redis@3.0.0 { interface redis {
    variant error { invalid-address, too-many-connections, type-error, other(string) }
    variant parameter { int64(s64), binary(list<u8>) }
    variant outcome { nil, status(string), int64(s64), binary(list<u8>) }
    resource connection {
        open: static async func(address: string) -> result<connection, error>;
        execute: async func(command: string, arguments: list<parameter>) -> result<list<outcome>, error>;
    }
} }")]
#[case(
    AllowedOutboundHosts,
    "wasi:http/client@0.3.0-rc-2026-03-15",
    "package wasi:http@0.3.0-rc-2026-03-15 { interface client {
    use types.{request, response, error-code};
    send: async func(request: request) -> result<response, error-code>;
}
interface types {
    resource request { constructor(body: option<stream<u8>>); }
    resource response { status: func() -> u16; }
    variant error-code { dns-timeout, HTTP-request-denied, internal-error(option<string>) }
} }"
)]
#[case(
    Environment,
    "wasi:cli/environment@0.2.0",
    "package wasi:cli@0.2.0 { interface environment {
    get-environment: func() -> list<tuple<string, string>>;
    get-arguments: func() -> list<string>;
    initial-cwd: func() -> option<string>;
} }"
)]
#[case(
    Files,
    "wasi:filesystem/preopens@0.2.9",
    "package wasi:filesystem@0.2.9 { interface preopens {
    use types.{descriptor};
    get-directories: func() -> list<tuple<descriptor, string>>;
}
interface types { resource descriptor { sync: func() -> result<_, u8>; } } }"
)]
#[case(
    KeyValueStores,
    "spin:key-value/key-value@3.0.0",
    "package spin:key-value@3.0.0 { interface key-value {
    variant error { store-table-full, no-such-store, access-denied, other(string) }
    resource store {
        open: static async func(label: string) -> result<store, error>;
        get-keys: async func() -> tuple<stream<string>, future<result<_, error>>>;
    }
} }"
)]
#[case(SqliteDatabases, "spin:postgres/postgres@4.2.0", "package spin:postgres@4.2.0 { interface postgres {
    variant error { connection-failed(string), bad-parameter(string), other(string) }
    variant value { null, int(s64), floating(f64), text(string), uuid(tuple<u64, u64>) }
    resource builder { constructor(address: string); build: func() -> result<connection, error>; }
    resource connection { query: func(statement: string, parameters: list<value>) -> result<list<list<value>>, error>; }
} }")]
#[case(
    Variables,
    "wasi:config/store@0.2.0-rc.1",
    "package wasi:config@0.2.0-rc.1 { interface store {
    variant error { upstream(string), io(string) }
    get: func(key: string) -> result<option<string>, error>;
} }"
)]
fn an_import_is_left_only_to_who_inherits_it(
    #[case] capability: Capability,
    #[case] import: &str,
    #[case] packages: &str,
) {
    let wasm = asking(&[import], packages);
    let has = |inherit| left(&wasm, inherit).iter().any(|left| left == import);
    assert!(has(Inherit::All));
    assert!(has(some(&[capability])));
    assert!(!has(Inherit::nothing()));
    let others: Vec<_> = Capability::ALL
        .into_iter()
        .filter(|other| *other != capability)
        .collect();
    assert!(!has(some(&others)));
}

#[test]
fn every_version_of_an_interface_is_denied_at_once() {
    let versions = ["0.2.0", "0.2.6", "0.2.99", "0.3.0-rc-2026-03-15", "1.0.0"];
    let packages: String = versions
        .iter()
        .map(|version| {
            format!(
                "package wasi:cli@{version} {{ interface environment {{ get-arguments: func() -> list<string>; }} }}"
            )
        })
        .collect();
    let names: Vec<_> = versions
        .iter()
        .map(|version| format!("wasi:cli/environment@{version}"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let wasm = asking(&names, &packages);
    assert_eq!(left(&wasm, Inherit::nothing()), Vec::<String>::new());
}

const HTTP: &str = "package wasi:http@0.2.0 {
    interface outgoing-handler {
        use types.{outgoing-request, request-options, future-incoming-response, error-code};
        handle: func(request: outgoing-request, options: option<request-options>)
            -> result<future-incoming-response, error-code>;
    }
    interface types {
        resource outgoing-request { constructor(); }
        resource request-options { constructor(); }
        resource future-incoming-response { get: func() -> option<u8>; }
        variant error-code { dns-timeout, HTTP-request-denied, internal-error(option<string>) }
    }
}";

#[test]
fn types_that_others_use_too_stay_the_hosts() {
    let wasm = asking(
        &["wasi:http/types@0.2.0", "wasi:http/outgoing-handler@0.2.0"],
        HTTP,
    );
    assert_eq!(left(&wasm, Inherit::nothing()), ["wasi:http/types@0.2.0"]);
}

/// The request is made by the dependent and goes through the dependency, which may not send it.
#[test]
fn resources_of_the_host_pass_between_the_two() {
    let words = "package a:b { interface words {
        use wasi:http/types@0.2.0.{outgoing-request};
        say: func(request: outgoing-request) -> outgoing-request;
    } }";
    let app = component(&format!(
        "package a:app; world it {{ import a:b/words; export start: func(); }} {words} {HTTP}"
    ));
    let wasm = component(&format!(
        "package a:it; world it {{ import wasi:http/outgoing-handler@0.2.0; export a:b/words; }} {words} {HTTP}"
    ));
    let composed = compose("app", &app, &[dependency("a:b", &wasm)]).unwrap();
    assert_eq!(
        Vec::from_iter(imports(&composed)),
        ["wasi:http/types@0.2.0"]
    );
}

#[test]
fn the_dependent_keeps_what_its_dependency_is_denied() {
    let app = component(&format!(
        "package a:app; world it {{ import a:b/words; import wasi:http/outgoing-handler@0.2.0; export start: func(); }}
         package a:b {{ interface words {{ say: func() -> string; }} }} {HTTP}"
    ));
    let wasm = asking(&["wasi:http/outgoing-handler@0.2.0"], HTTP);
    let composed = compose("app", &app, &[dependency("a:b", &wasm)]).unwrap();
    assert!(imports(&composed).contains("wasi:http/outgoing-handler@0.2.0"));
}

#[test]
fn nothing_of_sockets_is_left() {
    let wasm = asking(
        &[
            "wasi:sockets/network@0.2.0",
            "wasi:sockets/instance-network@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:sockets/tcp-create-socket@0.2.0",
            "wasi:sockets/ip-name-lookup@0.2.0",
            "wasi:io/poll@0.2.0",
        ],
        "package wasi:sockets@0.2.0 {
            interface network { resource network; enum error-code { unknown, access-denied, timeout } }
            interface instance-network { use network.{network}; instance-network: func() -> network; }
            interface tcp {
                use network.{network, error-code};
                use wasi:io/poll@0.2.0.{pollable};
                resource tcp-socket {
                    start-bind: func(network: borrow<network>, port: u16) -> result<_, error-code>;
                    subscribe: func() -> pollable;
                    is-listening: func() -> bool;
                }
            }
            interface tcp-create-socket {
                use tcp.{tcp-socket};
                use network.{error-code};
                create-tcp-socket: func() -> result<tcp-socket, error-code>;
            }
            interface ip-name-lookup {
                use network.{network, error-code};
                resource addresses { next: func() -> result<option<u32>, error-code>; }
                resolve-addresses: func(network: borrow<network>, name: string) -> result<addresses, error-code>;
            }
        }
        package wasi:io@0.2.0 { interface poll { resource pollable { block: func(); } } }",
    );
    assert_eq!(left(&wasm, Inherit::nothing()), ["wasi:io/poll@0.2.0"]);
    assert_eq!(left(&wasm, some(&[AllowedOutboundHosts])).len(), 6);
}

#[test]
fn an_unknown_interface_of_a_host_is_denied_unless_all_is_inherited() {
    let names = [
        "spin:tomorrow/things",
        "wasi:blobstore/store",
        "a:mine/thing",
    ];
    let wasm = asking(
        &names,
        "package spin:tomorrow { interface things { now: func() -> u64; } }
         package wasi:blobstore { interface store { now: func() -> f32; } }
         package a:mine { interface thing { now: func() -> bool; } }",
    );
    assert_eq!(left(&wasm, Inherit::All).len(), 3);
    assert_eq!(left(&wasm, some(&Capability::ALL)), ["a:mine/thing"]);
}

#[test]
fn types_alone_are_not_denied() {
    let wasm = asking(
        &["fermyon:spin/rdbms-types", "fermyon:spin/mysql"],
        "package fermyon:spin {
            interface rdbms-types { variant value { null, text(string) } }
            interface mysql {
                use rdbms-types.{value};
                query: func(address: string, parameters: list<value>) -> result<list<value>, string>;
            }
         }",
    );
    assert!(!left(&wasm, Inherit::nothing()).contains(&"fermyon:spin/mysql".into()));
}

/// Somebody else's interface uses a socket, so both must be the host's or neither.
#[test]
fn what_cannot_be_denied_is_an_error() {
    let wasm = asking(
        &["wasi:sockets/tcp@0.2.0", "a:tls/wrap"],
        "package wasi:sockets@0.2.0 { interface tcp { resource tcp-socket { constructor(); } } }
         package a:tls { interface wrap {
            use wasi:sockets/tcp@0.2.0.{tcp-socket};
            wrap: func(socket: tcp-socket) -> bool;
         } }",
    );
    let composed = compose("app", &component(APP), &[dependency("a:b", &wasm)]);
    let error = composed.unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error.problems[..], [Problem::Undeniable { .. }]),
        "{text}"
    );
    let way_out = "let it inherit `allowed_outbound_hosts`";
    assert!(
        text.contains("`a:tls/wrap`") && text.contains(way_out),
        "{text}"
    );
}
