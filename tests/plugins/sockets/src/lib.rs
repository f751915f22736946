//! A plugin whose only fault is that it links `std::net`.

wit_bindgen::generate!({
    path: "../../../wit/0.2",
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

struct Sockets;

impl Guest for Sockets {
    fn plan() -> Result<Vec<Change>, Error> {
        let failure = match std::net::TcpStream::connect("127.0.0.1:1") {
            Ok(_) => "connected".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Error::Failed(Failure {
            message: failure,
            detail: None,
            hint: None,
        }))
    }

    fn deploy() -> Result<Release, Error> {
        Err(Self::plan().unwrap_err())
    }
}

export!(Sockets);
