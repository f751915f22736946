//! Outputs are kept under their inputs, so a changed output must change the key.

use sha2::{Digest as _, Sha256};
use spin_deployer_compose::{VERSION, componentize, compose};

use crate::support::{component, dependency};

#[test]
fn equal_inputs_give_equal_outputs_as_long_as_the_version_stays() {
    let app = component(
        "package a:app; world it { import a:b/one; export start: func(); }
         package a:b { interface one { run: func() -> u32; } }",
    );
    let answers = component(
        "package a:all; world it { import wasi:cli/environment@0.2.6; import fermyon:spin/llm; export a:b/one; }
         package a:b { interface one { run: func() -> u32; } }
         package wasi:cli@0.2.6 { interface environment { get-arguments: func() -> list<string>; } }
         package fermyon:spin { interface llm { infer: func(prompt: string) -> result<string, string>; } }",
    );
    let composed = compose("app", &app, &[dependency("a:b", &answers)]).unwrap();
    let module =
        wat::parse_str("(module (memory (export \"memory\") 1) (func (export \"_start\")))")
            .unwrap();
    let mut digest = Sha256::new();
    digest.update(&composed);
    digest.update(componentize(&module).unwrap());
    let digest = digest
        .finalize()
        .iter()
        .take(8)
        .fold(0, |all, byte| all << 8 | u64::from(*byte));
    assert_eq!(
        (VERSION, digest),
        (1, 14_779_113_798_594_686_438),
        "the output changed: raise `VERSION` and note the new digest here"
    );
}
