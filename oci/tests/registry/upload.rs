//! An upload ends with the blob in the registry, whatever breaks on the way, and with a clear error where it cannot.

use std::time::Duration;

use crate::script::{Expected, Script, on, run};
use spin_deployer_oci::{Assembly, Component, Contents, Digest, Error, Image, Registry, media};

const MIB: u64 = 1 << 20;

struct Nothing;

impl Contents for Nothing {
    type Error = std::convert::Infallible;

    fn bytes(&self, _: &Digest) -> Result<Vec<u8>, Self::Error> {
        Ok(Vec::new())
    }

    fn archive(&self, id: &str) -> Result<(Digest, u64), Self::Error> {
        Ok((Digest::of(id.as_bytes()), 1))
    }
}

/// An image of which the registry has all but the Wasm of `size` bytes, whose digest is that of `b"wasm"`.
fn image(size: u64) -> (Image, spin_deployer_oci::Survey) {
    let wasm = Digest::of(b"wasm");
    let locked = format!(r#"{{"components":[{{"id":"a","source":{{"digest":"{wasm}"}}}}]}}"#);
    let component = Component {
        id: "a".to_owned(),
        wasm: wasm.clone(),
        wasm_size: size,
        files: vec![],
    };
    let assembly = Assembly {
        locked: &locked,
        components: &[component],
        annotations: Default::default(),
        archives: false,
    };
    let image = Image::assemble(&assembly, &Nothing).unwrap();
    let blobs = image
        .contents()
        .map(|layer| {
            let presence = if layer.descriptor.media_type == media::WASM {
                spin_deployer_oci::Presence::Missing
            } else {
                spin_deployer_oci::Presence::Present
            };
            (layer.descriptor.digest.clone(), presence)
        })
        .collect();
    (
        image,
        spin_deployer_oci::Survey {
            tags: vec![],
            blobs,
            manifest: false,
        },
    )
}

fn upload(size: u64, script: &Script) -> Result<(), Error> {
    let (image, survey) = image(size);
    let registry = Registry::new(script, "https://reg.test", "a/b", None, &[]);
    run(registry.push_blobs(&image, &survey))
}

fn succeeds(size: u64, expected: impl IntoIterator<Item = Expected>) -> Vec<Duration> {
    let script = Script::new(expected);
    upload(size, &script).unwrap();
    script.finished();
    script.slept.take()
}

fn fails(size: u64, expected: impl IntoIterator<Item = Expected>) -> Error {
    let script = Script::new(expected);
    let error = upload(size, &script).unwrap_err();
    script.finished();
    error
}

fn begins() -> Expected {
    on("POST /v2/a/b/blobs/uploads/")
        .answers(202)
        .header("location", "/v2/a/b/blobs/uploads/1?_state=x")
}

/// The blob is not there yet.
fn is_missing() -> Expected {
    on("HEAD /v2/a/b/blobs/sha256:*").answers(404)
}

fn commits() -> Expected {
    on("PUT /v2/a/b/blobs/uploads/1?_state=x&digest=sha256%3A*").answers(201)
}

#[test]
fn a_small_blob_goes_in_one_piece() {
    let whole = commits()
        .with_body(0, 1_000)
        .with("content-type", "application/octet-stream")
        .header("docker-content-digest", Digest::of(b"wasm").to_string());
    assert!(succeeds(1_000, [begins(), whole]).is_empty());
}

#[test]
fn a_large_blob_goes_as_a_stream_and_follows_where_it_is_led() {
    succeeds(
        5 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 5 * MIB)
                .with("content-range", "")
                .answers(202)
                .header(
                    "location",
                    "https://reg.test/v2/a/b/blobs/uploads/1?_state=y",
                )
                .header("range", format!("0-{}", 5 * MIB - 1)),
            on("PUT /v2/a/b/blobs/uploads/1?_state=y&digest=sha256%3A*").answers(201),
        ],
    );
}

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
            on("POST /v2/a/b/blobs/uploads/").unreachable(),
            on("POST /v2/a/b/blobs/uploads/").breaks(),
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
fn what_is_too_large_in_one_piece_goes_in_parts() {
    for status in [413, 400, 416] {
        let empty = if status == 416 { "0-0" } else { "" };
        let mut asked = on("GET /v2/a/b/blobs/uploads/1?_state=x").answers(204);
        if !empty.is_empty() {
            asked = asked.header("range", empty);
        }
        succeeds(
            10 * MIB,
            [
                begins(),
                on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                    .with_body(0, 10 * MIB)
                    .answers(status),
                asked,
                on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                    .with_body(0, 5 * MIB)
                    .with("content-range", format!("0-{}", 5 * MIB - 1))
                    .answers(202),
                on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                    .with_body(5 * MIB, 10 * MIB)
                    .with("content-range", format!("{}-{}", 5 * MIB, 10 * MIB - 1))
                    .answers(202),
                commits(),
            ],
        );
    }
}

#[test]
fn a_registry_that_wants_parts_gets_them_as_large_as_it_wants() {
    succeeds(
        40 * MIB,
        [
            begins().header("oci-chunk-min-length", (20 * MIB).to_string()),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 20 * MIB)
                .answers(202),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(20 * MIB, 40 * MIB)
                .answers(202),
            commits(),
        ],
    );
}

#[test]
fn parts_get_smaller_until_they_fit() {
    succeeds(
        8 * MIB,
        [
            begins(),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 8 * MIB)
                .answers(413),
            on("GET /v2/a/b/blobs/uploads/1?_state=x").answers(204),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 4 * MIB)
                .answers(413),
            on("GET /v2/a/b/blobs/uploads/1?_state=x").answers(204),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(0, 2 * MIB)
                .answers(202),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(2 * MIB, 4 * MIB)
                .answers(202),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(4 * MIB, 6 * MIB)
                .answers(202),
            on("PATCH /v2/a/b/blobs/uploads/1?_state=x")
                .with_body(6 * MIB, 8 * MIB)
                .answers(202),
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
    let script = Script::new((0..6).map(|_| on("POST /v2/a/b/blobs/uploads/").unreachable()));
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

#[test]
fn what_is_no_registry_is_named_with_what_came() {
    let page = on("POST /v2/a/b/blobs/uploads/")
        .answers(200)
        .header("content-type", "text/html")
        .body("<h1>Welcome</h1>");
    let error = fails(1_000, [page]).to_string();
    assert!(
        error.contains("POST https://reg.test/v2/a/b/blobs/uploads/"),
        "{error}"
    );
    assert!(
        error.contains("200 OK, text/html: <h1>Welcome</h1>"),
        "{error}"
    );

    let nowhere = on("POST /v2/a/b/blobs/uploads/").answers(202);
    assert!(fails(1_000, [nowhere]).to_string().contains("`Location`"));
}

#[test]
fn a_registry_that_stored_something_else_is_an_error() {
    let other = commits()
        .with_body(0, 1_000)
        .header("docker-content-digest", Digest::of(b"other").to_string());
    assert!(matches!(
        fails(1_000, [begins(), other]),
        Error::Digest { .. }
    ));
}

#[test]
fn refusals_are_told_apart() {
    let answer = |status, code: &str| {
        [on("POST /v2/a/b/blobs/uploads/")
            .answers(status)
            .body(format!(
                r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#
            ))]
    };
    assert!(matches!(fails(1, answer(403, "DENIED")), Error::Denied(_)));
    assert!(matches!(
        fails(1, answer(404, "NAME_UNKNOWN")),
        Error::Name(_)
    ));
    assert!(matches!(
        fails(1, answer(400, "NAME_INVALID")),
        Error::Name(_)
    ));
    assert!(matches!(
        fails(1, answer(405, "UNSUPPORTED")),
        Error::Rejected(_)
    ));
}

#[test]
fn an_upload_that_leads_elsewhere_takes_no_credential_along() {
    let script = Script::new([
        on("POST /v2/a/b/blobs/uploads/")
            .answers(401)
            .header("www-authenticate", r#"Basic realm="r""#),
        on("POST /v2/a/b/blobs/uploads/")
            .with("authorization", "Basic dXNlcjpzZWNyZXQ=")
            .answers(202)
            .header("location", "https://storage.test/put?signature=s"),
        on("PUT https://storage.test/put?signature=s&digest=sha256%3A*")
            .with_body(0, 1_000)
            .with("authorization", "")
            .answers(201),
    ]);
    let (image, survey) = image(1_000);
    let credential =
        spin_deployer_oci::Credential::Password("user".to_owned(), "secret".to_owned());
    let registry = Registry::new(&script, "https://reg.test", "a/b", Some(credential), &[]);
    run(registry.push_blobs(&image, &survey)).unwrap();
    script.finished();
}
