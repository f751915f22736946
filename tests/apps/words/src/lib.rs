//! A dependency that reaches for everything a host may offer.

wit_bindgen::generate!({
    path: "../wit",
    world: "dependency",
    generate_all,
});

use std::fmt::Debug;
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};

use fermyon::spin::redis;
use fermyon::spin2_0_0::{key_value, llm, sqlite, variables};
use wasi::config::store as config;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

struct Words;

impl exports::example::greeting::words::Guest for Words {
    fn attempt(what: String, argument: String) -> String {
        match what.as_str() {
            "greet" => format!("hello {argument}"),
            "environment" => {
                let mut all: Vec<_> = std::env::vars()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                all.sort();
                format!("{} {}", all.join(","), std::env::args().count())
            }
            "preopens" => wasip2::filesystem::preopens::get_directories()
                .len()
                .to_string(),
            "file" => text(std::fs::read_to_string(argument)),
            "http" => text(http(&argument)),
            "tcp" => text(TcpStream::connect(&argument).map(|_| "connected")),
            "udp" => text(UdpSocket::bind(&argument).map(|_| "bound")),
            "lookup" => text(argument.to_socket_addrs().map(|found| found.count() > 0)),
            "key-value" => text(key_value::Store::open(&argument).map(|_| "opened")),
            "sqlite" => text(sqlite::Connection::open(&argument).map(|_| "opened")),
            "llm" => text(llm::infer(&argument, "hello?").map(|inference| inference.text)),
            "redis" => text(redis::get("redis://localhost", &argument)),
            "variables" => text(variables::get(&argument)),
            "config" => format!("{:?} {:?}", config::get(&argument), config::get_all()),
            // More than the allocator of a refusal has at first.
            "large" => text(variables::get(&"x".repeat(1 << 20))),
            "often" => {
                let mut said: Vec<_> = (0..1000).map(|_| text(variables::get(&argument))).collect();
                said.dedup();
                said.join(",")
            }
            _ => panic!("unknown attempt {what}"),
        }
    }
}

export!(Words);

fn text<T: Debug, E: Debug>(result: Result<T, E>) -> String {
    format!("{result:?}")
}

/// The status of a request's answer.
fn http(authority: &str) -> Result<u16, wasip2::http::types::ErrorCode> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_path_with_query(Some("/")).expect("a path");
    request
        .set_authority(Some(authority))
        .expect("an authority");
    let answer = outgoing_handler::handle(request, None)?;
    answer.subscribe().block();
    let response = answer.get().expect("it is here").expect("not taken yet")?;
    Ok(response.status())
}
