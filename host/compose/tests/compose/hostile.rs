//! Bytes of anybody.

use std::sync::LazyLock;

use proptest::prelude::*;
use spin_deployer_compose::{Dependency, Inherit, componentize, compose};

use crate::support::component;

static APP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    component(
        "package a:app; world it { import a:b/one; export start: func(); }
         package a:b { interface one { run: func(a: list<string>) -> option<u32>; } }",
    )
});
static ANSWERS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    component(
        "package a:all; world it { import fermyon:spin/key-value; export a:b/one; }
         package a:b { interface one { run: func(a: list<string>) -> option<u32>; } }
         package fermyon:spin { interface key-value {
             resource store { open: static func(name: string) -> result<store, error>; }
             variant error { access-denied, other(string) }
         } }",
    )
});
static MODULE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    wat::parse_str(
        "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))
            (memory (export \"memory\") 1) (func (export \"_start\") i32.const 1 call 0))",
    )
    .unwrap()
});

fn all(component: &[u8], dependency: &[u8]) {
    let dependency = |inherit| Dependency {
        name: "a:b",
        wasm: dependency,
        export: None,
        inherit,
    };
    let _ = compose("app", component, &[dependency(Inherit::nothing())]);
    let _ = compose("app", component, &[dependency(Inherit::All)]);
}

/// Flips bytes of something valid, or cuts it.
fn damage(valid: &[u8], at: &[(prop::sample::Index, u8)], length: prop::sample::Index) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for (index, value) in at {
        let index = index.index(bytes.len());
        bytes[index] = *value;
    }
    if length.index(4) == 0 {
        bytes.truncate(length.index(bytes.len()));
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header in 0usize..3) {
        let headers: [&[u8]; 3] = [b"", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"];
        let bytes = [headers[header], bytes.as_slice()].concat();
        let _ = componentize(&bytes);
        all(&bytes, &ANSWERS);
        all(&APP, &bytes);
    }

    #[test]
    fn no_damage_is_a_panic(
        at in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4),
        length in any::<prop::sample::Index>(),
    ) {
        let _ = componentize(&damage(&MODULE, &at, length));
        all(&damage(&APP, &at, length), &ANSWERS);
        all(&APP, &damage(&ANSWERS, &at, length));
    }
}
