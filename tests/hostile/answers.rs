//! Servers, and plugins, that do not come to an end.

use std::io::Write as _;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use super::attempt::{Attempt, soon};
use super::listener::{Listener, ok};
use crate::harness::DEADLINE;
use crate::harness::run::Finished;

/// The plugin asks this server once, and cannot go on without the answer.
fn asks(server: &Listener, flag: &str, value: &str) -> Finished {
    let attempt = Attempt::naming(&server.url("/")).with(flag, value);
    let script = format!(
        "request GET {}\nsend\nfail it did not work",
        server.url("/api/x")
    );
    let ended = soon(|| attempt.script(&script));
    server.only();
    ended
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn a_response_that_drips() {
    let drips = [
        ("", "H"),
        ("HTTP/1.1 200 OK\r\n", "x"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "x"),
        (CHUNKED, "1\r\nx\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", "x"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
    ];
    for (begin, drop) in drips {
        let server = Listener::writing(move |_, stream| {
            stream.write_all(begin.as_bytes())?;
            loop {
                stream.write_all(drop.as_bytes())?;
                // Slower than a limit of bytes would notice, faster than a limit of silence would.
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        asks(&server, "--timeout", "2s")
            .fails(70)
            .says("exceeded its time limit of 2 s");
    }
}

#[test]
fn a_server_that_says_nothing() {
    for begin in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", CHUNKED] {
        let server = Listener::writing(move |_, stream| {
            stream.write_all(begin.as_bytes())?;
            std::thread::park();
            Ok(())
        });
        asks(&server, "--timeout", "1s")
            .fails(70)
            .says("exceeded its time limit of 1 s");
    }
}

#[test]
fn an_answer_that_never_ends() {
    let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for begin in [
        "HTTP/1.1 200 OK\r\n\r\n",
        CHUNKED,
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
    ] {
        let piece = piece.clone();
        let server = Listener::writing(move |_, stream| {
            stream.write_all(begin.as_bytes())?;
            loop {
                stream.write_all(piece.as_bytes())?;
            }
        });
        asks(&server, "--max-answer", "1MiB")
            .fails(70)
            .says("exceeded its answer size limit of 1 MiB")
            .says("--max-answer");
    }
}

/// A server that talks without end is hung up on, and not with the end of the run only.
#[test]
fn an_answer_that_never_ends_is_hung_up_on() {
    let (tell, told) = mpsc::channel();
    let endless = Listener::writing(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        let hung_up = loop {
            if let Err(e) = stream.write_all(&[b'x'; 1 << 16]) {
                break e;
            }
        };
        // Nobody listens any more where the test has failed.
        let _ = tell.send(());
        Err(hung_up)
    });
    let told = Mutex::new(told);
    let asks = Listener::answering(move |_| {
        let hung_up = told.lock().unwrap().recv_timeout(DEADLINE / 2);
        ok(if hung_up.is_ok() {
            "hung up"
        } else {
            "still there"
        })
    });
    let attempt = Attempt::naming(&endless.url("/"))
        .with("--other", asks.url("/"))
        .with("--max-answer", "1MiB");
    let script = format!(
        "request GET {}\nsend\nrequest GET {}\nsend",
        endless.url("/api/x"),
        asks.url("/"),
    );
    let seen = attempt.sees(&script);
    assert!(seen[0].contains("broken after"), "{seen:?}");
    assert!(seen[1].ends_with("| hung up"), "{seen:?}");
}

#[test]
fn headers_that_never_end() {
    for (begin, name) in [
        ("HTTP/1.1 200 OK\r\n", "x-"),
        // One header, whose value has no end.
        ("HTTP/1.1 200 OK\r\nx: ", ""),
        // Trailers.
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            "x-",
        ),
    ] {
        let server = Listener::writing(move |_, stream| {
            stream.write_all(begin.as_bytes())?;
            for n in 0.. {
                let value = "v".repeat(1000);
                match name {
                    "" => stream.write_all(value.as_bytes())?,
                    name => stream.write_all(format!("{name}{n}: {value}\r\n").as_bytes())?,
                }
            }
            Ok(())
        });
        let ended = asks(&server, "--timeout", "20s");
        assert!(
            matches!(ended.status.code(), Some(1 | 70)),
            "{begin}\n{ended}"
        );
        assert!(!ended.stderr.contains("time limit"), "{begin}\n{ended}");
        assert!(ended.stderr.len() < 4096, "{ended}");
    }
}

#[test]
fn headers_that_are_many() {
    let server = Listener::answering(|_| {
        let headers: String = (0..70)
            .map(|n| format!("x-{n}: {}\r\n", "v".repeat(1000)))
            .collect();
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n")
    });
    let ended = asks(&server, "--timeout", "20s");
    ended
        .fails(70)
        .says("exceeded its header size limit of 64 KiB")
        .says("--max-headers");
}

/// Of what the plugin goes on to write a little is taken from it, which goes nowhere. Then its body is closed.
#[test]
fn a_body_of_a_request_that_never_ends() {
    for body in ["noise 3000000", "endless"] {
        let server = Listener::start();
        let attempt = Attempt::naming(&server.url("/")).with("--max-bytes", "1MiB");
        let script = format!(
            "request PUT {}\n{body}\nneeds no answer",
            server.url("/api/x")
        );
        soon(|| attempt.script(&script))
            .fails(70)
            .says("exceeded its limit of 1 MiB of bodies");
        let heard: usize = server.requests().iter().map(|seen| seen.body.len()).sum();
        // As chunks on the wire, whose sizes count beside the bytes.
        assert!(heard <= (1 << 20) + (1 << 16), "{heard}");
    }
}

#[test]
fn a_body_that_nobody_reads() {
    // Nobody takes the connection from the kernel: what the plugin writes has no place to go.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let attempt = Attempt::naming(&format!("http://{address}/")).with("--timeout", "2s");
    let script = format!("request PUT http://{address}/api/x\nendless\nneeds no answer");
    attempt
        .script(&script)
        .fails(70)
        .says("exceeded its time limit of 2 s");
}

/// A denied request's body is not kept for anybody either.
#[test]
fn a_body_that_never_ends_of_a_request_that_is_denied() {
    let trap = Listener::trap("127.0.0.1:0");
    let script = format!(
        "request PUT {}\nendless\nneeds no answer",
        trap.url("/api/x")
    );
    soon(|| Attempt::new().script(&script))
        .fails(5)
        .says("nobody named that host");
    trap.heard_nothing();
}
