//! An upload ends with the blob in the registry, whatever breaks on the way, and with a clear error where it cannot.

use std::time::Duration;

use spin_deployer_oci::Error;

use crate::blob::{MIB, begins, commits, fails, is_missing, succeeds, upload};
use crate::script::{Script, on};

#[test]
fn a_stream_that_breaks_goes_on_where_the_registry_is() {
    let slept = succeeds(
        5 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 5 * MIB)
                .breaks(),
            on("GET /v2/a/b/blobs/uploads/1?_state=x")
                .answers(204)
                .header("location", "/v2/a/b/blobs/uploads/1?_state=z")
                .header("range", format!("0-{}", 2 * MIB - 1)),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=z")
                .with_body(2 * MIB, 5 * MIB)
                .with("content-range", format!("{}-{}", 2 * MIB, 5 * MIB - 1))
                .answers(202),
            on("PUT /v2/a/b/blobs/uploads/1?_state=z&digest=sha256%3A*").answers(201),
        ],
    );
    assert_eq!(slept, [Duration::from_millis(250)]);
}

#[test]
fn a_small_blob_whose_answer_is_lost_is_not_sent_again_when_it_arrived() {
    succeeds(
        1_000,
        [
            begins(),
            on("PUT /v2/a/b/blobs/uploads/1?*")
                .with_body(0, 1_000)
                .breaks(),
            on("GET /v2/a/b/blobs/uploads/1?_state=x").answers(404),
            on("HEAD /v2/a/b/blobs/sha256:*").answers(200),
        ],
    );
}

#[test]
fn a_session_that_the_registry_forgot_starts_again() {
    for status in [404, 400, 416, 410] {
        succeeds(
            1_000,
            [
                begins(),
                on("PUT /v2/a/b/blobs/uploads/1?*")
                    .with_body(0, 1_000)
                    .breaks(),
                on("GET /v2/a/b/blobs/uploads/1?_state=x")
                    .answers(status)
                    .body(r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#),
                is_missing(),
                begins(),
                commits().with_body(0, 1_000),
            ],
        );
    }
}

#[test]
fn a_connection_that_breaks_at_the_beginning_is_tried_again() {
    let slept = succeeds(
        1_000,
        [
            on("POST /v2/a/b/blobs/uploads/").breaks(),
            on("POST /v2/a/b/blobs/uploads/").unreachable(),
            begins(),
            commits().with_body(0, 1_000),
        ],
    );
    assert_eq!(
        slept,
        [Duration::from_millis(250), Duration::from_millis(500)]
    );
}

#[test]
fn a_connection_that_breaks_while_asking_is_tried_again() {
    succeeds(
        5 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 5 * MIB)
                .breaks(),
            on("GET /v2/a/b/blobs/uploads/1?_state=x").breaks(),
            on("GET /v2/a/b/blobs/uploads/1?_state=x")
                .answers(204)
                .header("range", format!("0-{}", 5 * MIB - 1)),
            commits(),
        ],
    );
}

#[test]
fn a_connection_that_breaks_at_the_last_request_is_cleared_up() {
    succeeds(
        5 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 5 * MIB)
                .answers(202),
            on("PUT /v2/a/b/blobs/uploads/1?*").breaks(),
            on("GET /v2/a/b/blobs/uploads/1?_state=x")
                .answers(204)
                .header("range", format!("0-{}", 5 * MIB - 1)),
            commits(),
        ],
    );
}

#[test]
fn a_registry_that_took_less_than_it_was_sent_gets_the_rest() {
    succeeds(
        6 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 6 * MIB)
                .answers(202)
                .header("range", format!("bytes=0-{}", 4 * MIB - 1)),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(4 * MIB, 6 * MIB)
                .answers(202),
            commits(),
        ],
    );
}

#[test]
fn a_registry_that_claims_more_than_it_was_sent_starts_again() {
    succeeds(
        6 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 6 * MIB)
                .answers(202)
                .header("range", "0-99999999999999999999"),
            // A number that is none says nothing; one that is too large is nonsense.
            commits(),
        ],
    );
    succeeds(
        6 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 6 * MIB)
                .answers(202)
                .header("range", "0-9999999999"),
            is_missing(),
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 6 * MIB)
                .answers(202),
            commits(),
        ],
    );
}

#[test]
fn what_arrived_damaged_is_sent_again_from_the_beginning() {
    let damaged = || {
        on("PUT /v2/a/b/blobs/uploads/1?*")
            .with_body(0, 1_000)
            .answers(400)
            .body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}"#)
    };
    succeeds(
        1_000,
        [
            begins(),
            damaged(),
            is_missing(),
            begins(),
            commits().with_body(0, 1_000),
        ],
    );
    let mut script = vec![begins(), damaged()];
    for _ in 0..5 {
        script.extend([is_missing(), begins(), damaged()]);
    }
    let error = fails(1_000, script);
    assert!(
        matches!(&error, Error::Damaged(failure) if failure.said.contains("did not match")),
        "{error}"
    );
}

#[test]
fn a_busy_registry_is_given_the_time_that_it_asks_for() {
    let slept = succeeds(
        1_000,
        [
            on("POST /v2/a/b/blobs/uploads/")
                .answers(429)
                .header("retry-after", "17"),
            on("POST /v2/a/b/blobs/uploads/")
                .answers(503)
                .header("retry-after", "Sun, 06 Nov 1994 08:50:04 GMT"),
            begins(),
            on("PUT /v2/a/b/blobs/uploads/1?*")
                .with_body(0, 1_000)
                .answers(429)
                .header("retry-after", "3"),
            on("GET /v2/a/b/blobs/uploads/1?_state=x").answers(204),
            commits().with_body(0, 1_000),
        ],
    );
    // The date is ten seconds after the first pause ended: the clock stood at 08:49:37, and slept 17.
    assert_eq!(
        slept,
        [
            Duration::from_secs(17),
            Duration::from_secs(10),
            Duration::from_secs(3)
        ]
    );
}

#[test]
fn a_registry_that_asks_for_an_hour_is_an_error_now() {
    let busy = on("POST /v2/a/b/blobs/uploads/")
        .answers(429)
        .header("retry-after", "3600")
        .body(r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#);
    let error = fails(1_000, [busy]);
    assert!(
        matches!(&error, Error::Busy { retry_after: Some(d), failure } if d.as_secs() == 3600 && failure.said.contains("slow down")),
        "{error}"
    );
}

#[test]
fn a_registry_that_stays_down_is_given_up_with_pauses_that_double() {
    let post = || on("POST /v2/a/b/blobs/uploads/");
    let script = Script::new(
        [post().breaks()]
            .into_iter()
            .chain((0..5).map(|_| post().unreachable())),
    );
    let error = upload(1_000, &script).unwrap_err();
    script.finished();
    assert!(matches!(error, Error::Transport { .. }));
    let pauses: Vec<u128> = script
        .slept
        .take()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000]);
}

#[test]
fn a_registry_that_nobody_ever_met_is_given_up_at_once() {
    let script = Script::new([on("POST /v2/a/b/blobs/uploads/").unreachable()]);
    assert!(matches!(
        upload(1_000, &script),
        Err(Error::Transport { .. })
    ));
    script.finished();
    assert!(script.slept.take().is_empty());
}

#[test]
fn a_registry_that_always_breaks_in_the_middle_is_given_up() {
    let mut script = vec![begins()];
    for _ in 0..5 {
        script.push(
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 5 * MIB)
                .breaks(),
        );
        script.push(
            on("GET /v2/a/b/blobs/uploads/1?_state=x")
                .answers(204)
                .header("range", "0-0"),
        );
    }
    script.push(
        on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
            .with_body(0, 5 * MIB)
            .breaks(),
    );
    assert!(matches!(fails(5 * MIB, script), Error::Transport { .. }));
}

#[test]
fn progress_renews_patience() {
    let mut script = vec![begins()];
    for mebibyte in 1..10 {
        script.push(
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body((mebibyte - 1) * MIB, 10 * MIB)
                .breaks(),
        );
        script.push(
            on("GET /v2/a/b/blobs/uploads/1?_state=x")
                .answers(204)
                .header("range", format!("0-{}", mebibyte * MIB - 1)),
        );
    }
    script.push(
        on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
            .with_body(9 * MIB, 10 * MIB)
            .answers(202),
    );
    script.push(commits());
    let slept = succeeds(10 * MIB, script);
    assert!(
        slept
            .iter()
            .all(|pause| *pause == Duration::from_millis(250))
    );
}
