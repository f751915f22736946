//! More than is allowed, of everything.

use std::hint::black_box;

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::Fields;

use crate::option;
use crate::spin_deployer::api::app;

pub fn endless() -> ! {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

pub fn host_calls() -> ! {
    loop {
        black_box(monotonic_clock::now());
    }
}

pub fn sleep() -> Vec<String> {
    let milliseconds: u64 = option("milliseconds").parse().unwrap();
    monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
    vec!["slept".into()]
}

pub fn memory() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1u8; 1 << 20]));
    }
}

pub fn resources() -> ! {
    let digest = option("digest");
    let mut kept = Vec::new();
    loop {
        kept.push(app::open(&digest).unwrap());
    }
}

pub fn streams() -> ! {
    let content = app::open(&option("digest")).unwrap();
    let mut kept = Vec::new();
    loop {
        kept.push(content.read(0, None).unwrap());
    }
}

pub fn random() -> Vec<String> {
    vec![
        wasip2::random::random::get_random_bytes(1 << 20)
            .len()
            .to_string(),
    ]
}

pub fn data() -> Vec<String> {
    let digest = "x".repeat(40 << 20);
    vec![app::open(&digest).is_ok().to_string()]
}

pub fn fields() -> ! {
    let fields = Fields::new();
    let mut n = 0;
    loop {
        fields.append(&format!("x-{n}"), &[b'v'; 1000]).unwrap();
        n += 1;
    }
}

pub fn flood() -> Vec<String> {
    let line = "x".repeat(1023);
    for _ in 0..3 * 1024 {
        println!("{line}");
        eprintln!("{line}");
    }
    vec!["printed".into()]
}

pub fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[allow(unconditional_recursion)]
pub fn overflow(frame: &[u64; 64]) -> u64 {
    let mut next = black_box(*frame);
    next[0] += 1;
    overflow(&next) + black_box(next[1])
}
