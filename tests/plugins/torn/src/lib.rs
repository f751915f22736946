//! A plugin of two versions of the contract: it deploys by the older and reads the app by the newer.

mod newer {
    wit_bindgen::generate!({
        path: "../../../wit/0.2",
        inline: "
            package test:torn;
            world newer { import spin-deployer:api/app@0.2.0; }
        ",
        world: "test:torn/newer",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
        generate_all,
    });
}

wit_bindgen::generate!({
    path: "../../../wit/0.1",
    world: "spin-deployer:api/publisher",
    with: {
        "wasi:io/error@0.2.12": wasip2::io::error,
        "wasi:io/poll@0.2.12": wasip2::io::poll,
        "wasi:io/streams@0.2.12": wasip2::io::streams,
    },
    generate_all,
});

use exports::spin_deployer::api::deployer::{Change, Error, Guest, Release};
use spin_deployer::api::failures::Failure;

struct Torn;

impl Guest for Torn {
    fn plan() -> Result<Vec<Change>, Error> {
        Err(Error::Failed(Failure {
            message: newer::spin_deployer::api::app::name(),
            detail: None,
            hint: None,
        }))
    }

    fn deploy() -> Result<Release, Error> {
        Err(Self::plan().unwrap_err())
    }
}

export!(Torn);
