//! How a blob is sent is the registry's wish, and what is no registry is named.

use spin_deployer_oci::{Credential, Digest, Error, Registry};

use crate::blob::{MIB, begins, commits, fails, image, succeeds};
use crate::script::{Script, on, run};

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
    let credential = Credential::Password("user".to_owned(), "secret".to_owned());
    let registry = Registry::new(&script, "https://reg.test", "a/b", Some(credential), &[]);
    run(registry.push_blobs(&image, &survey)).unwrap();
    script.finished();
}
