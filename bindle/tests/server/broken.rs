//! Where it breaks, and what is left: at every request, in every way.

use std::time::Duration;

use rstest::rstest;
use spin_deployer_bindle::{Bindle, Build, Error, LONGEST_ANSWER};
use spin_deployer_publish::{Digest, TransportFailure};

use crate::app::{WASM, bindle, bindle_with, push, run, server};
use crate::model::{End, Fate, Model, error};

/// How many requests a push takes that nothing happens to.
fn requests() -> usize {
    let model = Model::default();
    push(&model, &bindle()).unwrap();
    model.asked.take().len()
}

#[rstest]
fn run_again_it_ends_the_same_bindle(
    #[values(End::Before, End::After)] end: End,
    #[values(true, false)] embedded: bool,
) {
    for at in 0..requests() {
        let model = Model::new(embedded);
        model.end.set(Some((at, end, Fate::Dies)));
        let error = push(&model, &bindle()).unwrap_err();
        assert!(matches!(error, Error::Transport { .. }), "{at}: {error}");
        model.end.set(None);
        push(&model, &bindle()).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert!(model.has(&bindle()), "{at}");
        // Nothing was sent that was there.
        assert!(
            model.uploads() <= 4 + usize::from(end == End::Before),
            "{at}: {:?}",
            model.asked
        );
    }
}

#[test]
fn killed_within_a_request_it_goes_on_where_a_server_keeps_no_halves() {
    for at in 0..requests() {
        let model = Model::new(true);
        model.end.set(Some((at, End::Within, Fate::Dies)));
        push(&model, &bindle()).unwrap_err();
        model.end.set(None);
        push(&model, &bindle()).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert!(model.has(&bindle()), "{at}");
    }
}

#[rstest]
fn a_connection_that_breaks_once_is_no_failure(
    #[values(End::Before, End::After)] end: End,
    #[values(true, false)] embedded: bool,
) {
    for at in 0..requests() {
        let model = Model::new(embedded);
        model.end.set(Some((at, end, Fate::Breaks)));
        push(&model, &bindle()).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert!(model.has(&bindle()), "{at}");
        assert_eq!(model.slept.borrow()[0], Duration::from_millis(250), "{at}");
    }
}

#[test]
fn an_upload_that_broke_off_is_named_where_the_server_never_takes_it_again() {
    let first_upload = 2;
    let model = Model::default();
    model
        .end
        .set(Some((first_upload, End::Within, Fate::Breaks)));
    let error = push(&model, &bindle()).unwrap_err();
    let Error::Stuck { id, parcels, cause } = error else {
        panic!("{error}");
    };
    assert_eq!(id, bindle().id);
    assert_eq!(parcels.len(), 1);
    let cause = cause.unwrap();
    assert!(matches!(*cause, Error::Transport { .. }), "{cause}");
    // All others are there.
    assert_eq!(model.uploads(), 4 + 1);
}

/// A server whose disk is full makes room for a parcel, fails, and takes it for one that it has begun.
#[test]
fn what_the_server_said_before_it_refused_is_told() {
    let model = Model::default();
    model.answers("POST /v1/_i/", 500, &error("No space left on device"));
    model.fails_with_halves.set(true);
    let error = push(&model, &bindle()).unwrap_err();
    let Error::Stuck { parcels, cause, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(parcels.len(), 1);
    let cause = cause.unwrap().to_string();
    assert!(
        cause.contains("500") && cause.contains("No space left"),
        "{cause}"
    );
}

/// What is dropped in its middle a server that keeps files never takes again.
#[rstest]
fn an_upload_that_is_refused_breaks_no_other_off(#[values(true, false)] embedded: bool) {
    let texts: Vec<String> = (0..40).map(|number| format!("file {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let bindle = bindle_with(&texts, &Build::Fingerprint);
    let model = Model::new(embedded);
    model.answers("POST /v1/_i/", 401, &error("unauthorized"));
    let refused = push(&model, &bindle).unwrap_err();
    assert!(matches!(refused, Error::Unauthorized(_)), "{refused}");
    // Of the sixteen that had begun all others have ended, and no more began.
    assert_eq!((model.uploads(), model.halves()), (16, 0));
    let missing = model.missing(&bindle.id.to_string()).len();
    assert_eq!(missing, 42 - 15);
    push(&model, &bindle).unwrap();
    assert!(model.has(&bindle));
    assert_eq!(model.uploads(), 16 + missing);
}

#[test]
fn a_poisoned_parcel_of_another_bindle_is_found_though_the_server_says_that_it_is_there() {
    let wasm = Digest::of(WASM.as_bytes());
    let model = Model::default();
    model.poison(wasm.hex());
    let error = push(&model, &bindle()).unwrap_err();
    let Error::Stuck { parcels, cause, .. } = &error else {
        panic!("{error}");
    };
    assert!(cause.is_none(), "{cause:?}");
    assert_eq!(
        parcels.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["main.wasm"]
    );
    assert_eq!(parcels[0].sha256, wasm.hex());
    // Others were given the time to end it.
    let waited: Duration = model.slept.borrow().iter().sum();
    assert!(waited >= Duration::from_secs(15), "{waited:?}");
}

#[test]
fn what_another_client_is_uploading_is_waited_for() {
    let model = Model::default();
    for text in [WASM, "one", "two"] {
        model.others_upload(Digest::of(text.as_bytes()).hex());
    }
    push(&model, &bindle()).unwrap();
    assert!(model.has(&bindle()));
    // Each that arrives renews the patience.
    let pauses: Vec<u128> = model
        .slept
        .borrow()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert_eq!(pauses, [500, 500, 500]);
}

#[test]
fn parcels_that_come_and_go_are_not_waited_for_without_end() {
    let model = Model::default();
    let list = |bindle: &Bindle, count: usize| {
        let labels: Vec<_> = bindle.contents().into_values().take(count).collect();
        let labels = toml::Value::try_from(labels).unwrap();
        toml::Table::from_iter([("missing".to_owned(), labels)]).to_string()
    };
    for count in [1, 2].into_iter().cycle().take(100) {
        model.answers("GET /v1/_r/", 200, &list(&bindle(), count));
    }
    let error = push(&model, &bindle()).unwrap_err();
    assert!(matches!(error, Error::Stuck { .. }), "{error}");
    assert!(model.slept.borrow().len() < 10, "{:?}", model.slept);
}

#[rstest]
#[case(500)]
#[case(503)]
#[case(429)]
fn a_server_that_is_busy_is_asked_again(#[case] status: u16) {
    let model = Model::default();
    for request in ["GET /v1/_i/", "POST /v1/_i", "GET /v1/_r/"] {
        model.answers(request, status, "out of order");
    }
    push(&model, &bindle()).unwrap();
    assert!(model.has(&bindle()));
}

#[test]
fn a_server_that_stays_busy_is_given_up() {
    let model = Model::default();
    for _ in 0..6 {
        model.answers("POST /v1/_i", 503, "");
    }
    let error = push(&model, &bindle()).unwrap_err();
    assert!(
        matches!(&error, Error::Busy { failure, .. } if failure.status == 503),
        "{error}"
    );
    let pauses: Vec<u128> = model
        .slept
        .borrow()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000]);
}

#[test]
fn a_server_that_nobody_ever_met_is_given_up_at_once() {
    let model = Model::default();
    model.unreachable.set(true);
    let error = push(&model, &bindle()).unwrap_err();
    assert!(
        matches!(&error, Error::Transport { source, .. } if source.failure == TransportFailure::Unreachable),
        "{error}"
    );
    assert!(model.slept.borrow().is_empty());
}

/// With a transport that reads no more, as all do.
#[test]
fn an_answer_that_is_too_long_is_told_from_nonsense() {
    let model = Model::default();
    let mut answer = "x".repeat(LONGEST_ANSWER + 1);
    model.answers("POST /v1/_i", 202, &answer);
    let long = push(&model, &bindle()).unwrap_err();
    assert!(matches!(long, Error::Long { .. }), "{long}");
    assert!(long.to_string().contains("longer than 16 MiB"), "{long}");
    answer.pop();
    model.answers("GET /v1/_i/", 200, &answer);
    let read = push(&model, &bindle()).unwrap_err();
    assert!(matches!(read, Error::Nonsense { .. }), "{read}");
}

/// All files of an app that somebody may have.
#[test]
fn of_thirty_thousand_files_the_answer_to_the_invoice_is_read() {
    let names: Vec<String> = (0..30_000)
        .map(|n| format!("static/pictures/of/2026/{n:05}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bindle = bindle_with(&names, &Build::Fingerprint);
    let model = Model::default();
    let missing = run(server(&model, None).create(&bindle, None)).unwrap();
    assert_eq!(missing.len(), 30_002);
}

#[rstest]
#[case("digest does not match")]
#[case("parcel size does not match invoice")]
fn what_arrived_damaged_is_not_sent_again(#[case] said: &str) {
    let model = Model::default();
    model.answers("POST /v1/_i/", 400, &crate::model::error(said));
    let error = push(&model, &bindle()).unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
}
