//! The name is taken: by the same bindle, by another one, by one that was taken back.

use spin_deployer_bindle::{Build, Error};

use crate::app::{bindle, bindle_with, push, run, server};
use crate::model::{Model, error};

#[test]
fn another_bindle_of_that_name_is_a_conflict_that_names_what_differs() {
    let model = Model::default();
    push(&model, &bindle_with(&["one", "two"], &Build::Nothing)).unwrap();
    let uploads = model.uploads();
    let other = bindle_with(&["one", "three"], &Build::Nothing);
    let error = push(&model, &other).unwrap_err();
    let Error::Other { id, parcels } = error else {
        panic!("{error}");
    };
    assert_eq!(id.to_string(), "shop/0.1.0");
    assert_eq!(parcels, ["three.txt", "two.txt"]);
    assert_eq!(model.uploads(), uploads);
}

#[test]
fn the_same_contents_under_the_same_name_are_no_conflict() {
    let model = Model::default();
    let build = Build::Given("42".into());
    let mut described = bindle_with(&["one"], &build);
    described.invoice.bindle.description = Some("sells things".into());
    described.invoice.parcel.reverse();
    push(&model, &described).unwrap();
    push(&model, &bindle_with(&["one"], &build)).unwrap();
}

#[test]
fn a_yanked_bindle_is_said_to_be_one() {
    let model = Model::default();
    push(&model, &bindle()).unwrap();
    model.yank(&bindle());
    let error = push(&model, &bindle()).unwrap_err();
    assert!(
        matches!(&error, Error::Yanked(id) if *id == bindle().id),
        "{error}"
    );
}

#[test]
fn an_invoice_that_somebody_writes_at_the_moment_is_waited_for() {
    let model = Model::default();
    model.answers("POST /v1/_i", 409, &error("resource already exists"));
    push(&model, &bindle()).unwrap();
    assert!(model.has(&bindle()));
    assert_eq!(model.slept.borrow().len(), 1);
}

/// A server that keeps files may take both.
#[test]
fn of_two_at_the_same_moment_the_one_that_was_not_kept_is_told() {
    let model = Model::default();
    push(&model, &bindle_with(&["kept"], &Build::Nothing)).unwrap();
    let other = bindle_with(&["other"], &Build::Nothing);
    let missing = other.contents().into_values().cloned().collect();
    let error = run(server(&model, None).complete(&other, missing)).unwrap_err();
    assert!(matches!(error, Error::Other { .. }), "{error}");
}

#[test]
fn an_invoice_that_nobody_ends_is_an_error() {
    let model = Model::default();
    for _ in 0..6 {
        model.answers("POST /v1/_i", 409, &error("a write is in progress"));
    }
    let error = push(&model, &bindle()).unwrap_err();
    assert!(matches!(&error, Error::Unfinished(_)), "{error}");
}

#[test]
fn what_servers_add_to_an_invoice_is_passed_over() {
    let model = Model::default();
    push(&model, &bindle()).unwrap();
    let theirs = format!(
        "{}\n[[signature]]\nby = \"host\"\nsignature = \"AA==\"\nkey = \"AA==\"\nrole = \"host\"\nat = 1\nnew = true\n\
         [[yankedSignature]]\nby = \"x\"\n",
        model
            .invoice(&bindle())
            .to_toml()
            .unwrap()
            .replace("[parcel.label]", "[parcel.label]\norigin = \"elsewhere\"")
    );
    model.answers("GET /v1/_i/", 200, &theirs);
    push(&model, &bindle()).unwrap();
}
