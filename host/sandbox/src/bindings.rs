//! What `bindgen!` makes of the contract. The documentation of these types is the contract's own.
#![allow(missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../wit/0.1",
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
