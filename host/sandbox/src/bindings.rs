//! What `bindgen!` makes of the contract, a module a version. The documentation of these types is the contract's own.
//!
//! The newest version is the language of this host: its types are what everybody else here means by `bindings`. An older
//! version shares with it what is the same (failures, and the resources behind which the host's own things are); the rest
//! is converted in [`crate::contract`].
#![allow(missing_docs, unreachable_pub)]

pub use v0_2::*;

pub mod v0_2 {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2",
        world: "spin-deployer:api/platform",
        imports: {
            // What may touch a disk or start a credential helper runs aside, so that the plugin's deadline still holds.
            "spin-deployer:api/app.[method]content.read": async | trappable,
            "spin-deployer:api/app.[method]content.bytes": async | trappable,
            "spin-deployer:api/app.[method]content.head": async | trappable,
            "spin-deployer:api/app.archive": async | trappable,
            "spin-deployer:api/options.get": async | trappable,
            "spin-deployer:api/signing.sign": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "spin-deployer:api/app.content": crate::content::Content,
            "spin-deployer:api/progress.step": crate::host::Step,
        },
        additional_derives: [PartialEq],
        require_store_data_send: true,
    });
}

pub mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1",
        world: "spin-deployer:api/platform",
        imports: {
            "spin-deployer:api/app.[method]content.read": async | trappable,
            "spin-deployer:api/app.[method]content.bytes": async | trappable,
            "spin-deployer:api/app.archive": async | trappable,
            "spin-deployer:api/options.get": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "spin-deployer:api/failures": crate::bindings::v0_2::spin_deployer::api::failures,
            "spin-deployer:api/app.content": crate::content::Content,
            "spin-deployer:api/progress.step": crate::host::Step,
        },
        require_store_data_send: true,
    });
}
