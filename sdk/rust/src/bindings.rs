//! What `wit-bindgen` makes of the contract.
//!
//! Imports, and the types that exports share with them, are generated once. Each interface that a plugin may export
//! then is a world of its own over the same types, so that a plugin exports what it implements and nothing else: the
//! host reads the exports to learn what a plugin can do.
#![allow(unsafe_code, missing_docs, unreachable_pub)]

pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package spin-deployer:sdk;
            world imports {
                import spin-deployer:api/app@0.2.0;
                import spin-deployer:api/options@0.2.0;
                import spin-deployer:api/progress@0.2.0;
                import spin-deployer:api/signing@0.2.0;
                import spin-deployer:api/types@0.2.0;
            }
        ",
        world: "spin-deployer:sdk/imports",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
        generate_all,
    });
}

pub use imports::spin_deployer::api::{app, failures, options, progress, signing, types};

pub mod exports_deployer {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package spin-deployer:sdk;
            world exports-deployer { export spin-deployer:api/deployer@0.2.0; }
        ",
        world: "spin-deployer:sdk/exports-deployer",
        with: {
            "spin-deployer:api/failures@0.2.0": crate::bindings::failures,
            "spin-deployer:api/types@0.2.0": crate::bindings::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_deployer",
        default_bindings_module: "spin_deployer_sdk::bindings::exports_deployer",
    });
}

pub mod exports_releases {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package spin-deployer:sdk;
            world exports-releases { export spin-deployer:api/releases@0.2.0; }
        ",
        world: "spin-deployer:sdk/exports-releases",
        with: {
            "spin-deployer:api/failures@0.2.0": crate::bindings::failures,
            "spin-deployer:api/types@0.2.0": crate::bindings::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_releases",
        default_bindings_module: "spin_deployer_sdk::bindings::exports_releases",
    });
}

pub mod exports_logs {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package spin-deployer:sdk;
            world exports-logs { export spin-deployer:api/logs@0.2.0; }
        ",
        world: "spin-deployer:sdk/exports-logs",
        with: {
            "spin-deployer:api/failures@0.2.0": crate::bindings::failures,
        },
        pub_export_macro: true,
        export_macro_name: "export_logs",
        default_bindings_module: "spin_deployer_sdk::bindings::exports_logs",
    });
}

pub mod exports_login {
    wit_bindgen::generate!({
        path: "../../wit/0.2",
        inline: "
            package spin-deployer:sdk;
            world exports-login { export spin-deployer:api/login@0.2.0; }
        ",
        world: "spin-deployer:sdk/exports-login",
        with: {
            "spin-deployer:api/failures@0.2.0": crate::bindings::failures,
        },
        pub_export_macro: true,
        export_macro_name: "export_login",
        default_bindings_module: "spin_deployer_sdk::bindings::exports_login",
    });
}
