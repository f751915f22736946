//! What is asked and sent where nothing goes wrong.

use spin_deployer_bindle::{Build, Error, Found};
use spin_deployer_publish::Digest;

use crate::app::{WASM, bindle, bindle_with, push, run, server};
use crate::model::Model;

#[test]
fn a_new_bindle_is_an_invoice_and_each_content_once() {
    let model = Model::default();
    let bindle = bindle_with(&["one", WASM], &Build::Fingerprint);
    push(&model, &bindle).unwrap();
    assert!(model.has(&bindle));
    let asked = model.asked.borrow();
    // The `+` as it is: servers decode nothing.
    assert_eq!(
        asked[..2],
        ["GET /v1/_i/shop/0.1.0+q1a2b3c4?yanked=true", "POST /v1/_i"]
    );
    let wasm = format!(
        "POST /v1/_i/shop/0.1.0+q1a2b3c4@{}",
        Digest::of(WASM.as_bytes()).hex()
    );
    assert_eq!(asked.iter().filter(|asked| **asked == wasm).count(), 1);
    assert_eq!(
        asked.last().unwrap(),
        "GET /v1/_r/missing/shop/0.1.0+q1a2b3c4"
    );
    assert_eq!(asked.len(), 2 + 3 + 1);
}

#[test]
fn nothing_is_sent_of_an_app_that_is_there() {
    let model = Model::default();
    push(&model, &bindle()).unwrap();
    model.asked.borrow_mut().clear();
    push(&model, &bindle()).unwrap();
    let asked = model.asked.borrow();
    assert!(
        asked.iter().all(|asked| asked.starts_with("GET ")),
        "{asked:?}"
    );
    assert_eq!(asked.len(), 2);
}

#[test]
fn of_the_next_version_only_what_is_new_is_sent() {
    let model = Model::default();
    push(&model, &bindle()).unwrap();
    let before = model.uploads();
    let next = bindle_with(&["one", "three"], &Build::Given("2".into()));
    push(&model, &next).unwrap();
    assert!(model.has(&next));
    // `three`, and the manifest is the same.
    assert_eq!(model.uploads() - before, 1);
}

#[test]
fn what_is_there_is_asked_with_get_and_changes_nothing() {
    let model = Model::default();
    let bindle = bindle();
    assert_eq!(
        run(server(&model, None).find(&bindle)).unwrap(),
        Found::Nothing
    );
    push(&model, &bindle).unwrap();
    assert_eq!(
        run(server(&model, None).find(&bindle)).unwrap(),
        Found::Invoice(vec![])
    );
}

#[test]
fn many_parcels_are_all_uploaded_many_at_a_time() {
    let model = Model::default();
    let texts: Vec<String> = (0..100).map(|number| format!("file {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let bindle = bindle_with(&texts, &Build::Nothing);
    push(&model, &bindle).unwrap();
    assert!(model.has(&bindle));
    assert_eq!(model.uploads(), 102);
    assert_eq!(model.most_under_way.get(), 16);
}

#[test]
fn a_server_cannot_ask_for_what_is_not_in_the_bindle() {
    let model = Model::default();
    let secret = Digest::of(b"another file of this machine").hex().to_owned();
    model.answers(
        "POST /v1/_i",
        202,
        &format!(
            "[[missing]]\nsha256 = \"{secret}\"\nmediaType = \"a/b\"\nname = \"x\"\nsize = 5\n"
        ),
    );
    let error = push(&model, &bindle()).unwrap_err();
    assert!(
        matches!(&error, Error::Nonsense { came, .. } if *came == secret),
        "{error}"
    );
    assert_eq!(model.uploads(), 0);
}
