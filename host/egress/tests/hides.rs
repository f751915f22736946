//! What a rule hides in answers is used by the guest and never read by it, and what cannot be looked into reaches nobody.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use http::Method;
use rstest::rstest;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use spin_deployer_manifest::Secret;

/// Has the characters of a JWT, and two that JSON may escape.
const TOKEN: &str = "eyJhbGciOi.J9eyJzdWIi/OiJ4+In0";

const HIPPO: &str = r#"
    name = "hippo"
    version = "0.1.0"
    description = "Logs in"
    [[options]]
    name = "url"
    type = "url"
    help = "Where"
    [[options]]
    name = "other"
    type = "url"
    help = "Another place"
    [[options]]
    name = "password"
    type = "secret"
    help = "What it logs in with"
    [[http]]
    to = "{url}"
    methods = ["GET", "POST"]
    sends = ["password"]
    follows = ["location"]
    why = "everything"
    [[http]]
    to = "{url}"
    methods = ["POST"]
    paths = ["/api/auth-tokens"]
    hides = ["/token", "/items/*/key", "/items/0/key", "/list/1"]
    follows = ["location"]
    why = "log in"
    [[http]]
    to = "{other}"
    methods = ["GET", "POST"]
    why = "tell somebody"
"#;

/// A platform, another place that the user named too, and a run in which both are known.
async fn platform(
    login: impl Fn(&Seen) -> String + Send + Sync + 'static,
) -> (Server, Server, Run) {
    let platform = Server::start(move |seen| match seen.target.split('?').next().unwrap() {
        "/api/auth-tokens" => login(seen),
        _ => answer(
            "200 OK",
            &format!("you are {}", seen.header("authorization")),
        ),
    })
    .await;
    let other = Server::start(ok).await;
    let options = [("url", platform.url("/")), ("other", other.url("/"))];
    let grant = grant(HIPPO, &options);
    let run = run_with(direct(), grant, Phase::Deploy, Limits::default());
    (platform, other, run)
}

const JSON: &str = "content-type: application/json; charset=utf-8";

async fn login(platform: &Server, run: &Run) -> Result<String, SendError> {
    let headers = [
        ("accept", "text/xml"),
        ("range", "bytes=0-1"),
        ("if-range", "x"),
    ];
    let url = platform.url("/api/auth-tokens?q=1");
    let answer = run
        .send(request(Method::POST, &url, &headers, "{}"))
        .await?;
    let headers = format!("{:?}", answer.headers());
    assert!(!headers.contains(TOKEN), "{headers}");
    Ok(text(answer).await)
}

async fn bearer(run: &Run, url: &str, token: &str) -> Result<String, SendError> {
    let header = [("authorization", format!("Bearer {token}"))];
    let header = header
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    Ok(text(run.send(request(Method::GET, url, &header, "")).await?).await)
}

#[tokio::test]
async fn a_token_is_got_and_used_without_being_seen() {
    let (platform, other, run) = platform(|seen| {
        let body = serde_json::json!({"token": TOKEN, "expiration": "2999-01-02", "echo": [TOKEN], "sent": seen.text()});
        answer(&format!("200 OK\n{JSON}\nx-token: {TOKEN}\nlocation: /next/{TOKEN}"), &body.to_string())
    })
    .await;
    let secret = Secret::new("hunter2-hunter2".to_owned());
    let password = run
        .vault
        .insert("password", secret, Audience::Rules)
        .unwrap();
    let login = request(
        Method::POST,
        &platform.url("/api/auth-tokens"),
        &[("content-type", "application/json")],
        &format!(r#"{{"userName":"me","password":"{password}"}}"#),
    );
    let read = text(run.send(login).await.unwrap()).await;
    assert_eq!(
        platform.only().text(),
        r#"{"userName":"me","password":"hunter2-hunter2"}"#
    );
    assert!(
        !read.contains(TOKEN) && !read.contains("hunter2-hunter2"),
        "{read}"
    );
    let document: serde_json::Value = serde_json::from_str(&read).unwrap();
    let token = document["token"].as_str().unwrap();
    assert!(token.starts_with(PLACEHOLDER_PREFIX), "{token}");
    assert_eq!(document["echo"][0], token);
    assert_eq!(document["expiration"], "2999-01-02");

    let said = bearer(&run, &platform.url("/api/apps"), token)
        .await
        .unwrap();
    assert_eq!(
        platform.seen()[1].header("authorization"),
        format!("Bearer {TOKEN}")
    );
    assert_eq!(said, format!("you are Bearer {token}"));
    // Neither the placeholder nor what it stands for goes anywhere else.
    for carried in [token, TOKEN] {
        let line = bearer(&run, &other.url("/"), carried).await.unwrap_err();
        let name = format!("the secret `/token of {}`", platform.url(""));
        assert!(line.to_string().contains(&name), "{line}");
    }
    assert_eq!(other.connections(), 0);
    let audit = run.audit.json();
    let named = format!(r#""secrets":["/token of {}"]"#, platform.url(""));
    assert!(audit.contains(&named) && !audit.contains(TOKEN), "{audit}");
    // What the login saves is what the placeholder stands for; what another stands for is not told.
    let (secret, origin) = run.vault.hidden(token).unwrap();
    assert_eq!(
        (secret.expose(), origin.to_string()),
        (TOKEN, platform.url(""))
    );
    assert!(run.vault.hidden(&password).is_none());
    let shown = run.vault.redacted(format!("it is {TOKEN}"));
    assert_eq!(shown, format!("it is (/token of {})", platform.url("")));
}

#[tokio::test]
async fn the_same_token_has_the_same_placeholder() {
    let (platform, _, run) = platform(|_| {
        answer(
            &format!("200 OK\n{JSON}"),
            &format!("{{\"token\":\"{TOKEN}\"}}"),
        )
    })
    .await;
    let first = login(&platform, &run).await.unwrap();
    for _ in 0..3 {
        assert_eq!(login(&platform, &run).await.unwrap(), first);
    }
    let seen = platform.seen();
    // Nobody would find a token in another format, or in a part.
    assert_eq!(seen[0].header("accept"), "application/json");
    assert!(
        seen.iter()
            .all(|seen| seen.header("range").is_empty() && seen.header("if-range").is_empty())
    );
}

/// Where an upload would go on, it is hidden too, and what was hidden there goes nowhere: no rule leads there.
#[tokio::test]
async fn an_address_that_an_answer_names_hides_the_same() {
    let storage = Server::start(|_| {
        answer(
            &format!("200 OK\n{JSON}"),
            &format!("{{\"token\":\"{TOKEN}\"}}"),
        )
    })
    .await;
    let next = storage.url("/next");
    let (platform, _, run) =
        platform(move |_| answer(&format!("202 Accepted\nlocation: {next}"), "")).await;
    login(&platform, &run).await.unwrap();
    let read = text(run.get(&storage.url("/next")).await.unwrap()).await;
    let document: serde_json::Value = serde_json::from_str(&read).unwrap();
    let token = document["token"].as_str().unwrap();
    assert!(token.starts_with(PLACEHOLDER_PREFIX), "{read}");
    bearer(&run, &storage.url("/next"), token)
        .await
        .unwrap_err();
    bearer(&run, &platform.url("/api/apps"), token)
        .await
        .unwrap_err();
}

/// Whatever it calls itself. `T` is the token.
#[rstest]
#[case::plain("content-type: text/plain", r#"{"token":"T","n":1}"#)]
#[case::nameless("x-a: b", r#" {"token":"T"} "#)]
#[case::marked("content-type: text/plain", "\u{feff}{\"token\":\"T\"}")]
#[case::error_page("content-type: application/problem+json", r#"{"token":"T"}"#)]
#[case::escaped(JSON, r#"{"\u0074oken":"eyJhbGciOi\u002eJ9eyJzdWIi\/OiJ4\u002bIn0"}"#)]
#[case::twice(JSON, r#"{"token":"T","token":"another-token-of-yours"}"#)]
#[case::items(JSON, r#"{"items":[{"key":"T"},{"key":"T","x":null},{"no":"key"},3]}"#)]
#[case::item(JSON, r#"{"list":["a","T"]}"#)]
#[case::elsewhere_too(JSON, r#"{"token":"T","T":{"deep":["T T"]}}"#)]
#[tokio::test]
async fn a_text_at_a_hidden_place_is_hidden(
    #[case] header: &'static str,
    #[case] body: &'static str,
) {
    let (platform, _, run) =
        platform(move |_| answer(&format!("200 OK\n{header}"), &body.replace('T', TOKEN))).await;
    let read = login(&platform, &run).await.unwrap();
    assert!(
        !read.contains(TOKEN) && !read.contains("J9eyJzdWIi"),
        "{read}"
    );
    assert!(read.contains(PLACEHOLDER_PREFIX), "{read}");
    serde_json::from_str::<serde_json::Value>(&read).unwrap();
}

#[rstest]
#[case::nothing(JSON, "", "")]
#[case::null(
    JSON,
    r#"{"token": null, "items": [], "list": ["a"]}"#,
    r#"{"items":[],"list":["a"],"token":null}"#
)]
#[case::no_text_there(
    JSON,
    r#"{"token":"","items":{"key":"a"}}"#,
    r#"{"items":{"key":"a"},"token":""}"#
)]
#[case::large_numbers(
    JSON,
    r#"{"n": 18446744073709551616, "m": 1.10}"#,
    r#"{"n":18446744073709551616,"m":1.10}"#
)]
#[case::number("content-type: text/plain", "502", "502")]
#[tokio::test]
async fn where_nothing_is_hidden_nothing_is_lost(
    #[case] header: &'static str,
    #[case] body: &'static str,
    #[case] shown: &str,
) {
    let (platform, _, run) = platform(move |_| answer(&format!("200 OK\n{header}"), body)).await;
    let read = login(&platform, &run).await.unwrap();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    assert!(
        read == shown || json(&read).is_some_and(|read| Some(read) == json(shown)),
        "{read}"
    );
}

#[rstest]
#[case::encoded(
    "200 OK",
    "content-type: text/plain\ncontent-encoding: gzip",
    r#"{"token":"T"}"#,
    "it is encoded"
)]
#[case::part(
    "206 Partial Content",
    "content-type: multipart/byteranges",
    r#""T""#,
    "a part"
)]
#[case::broken("200 OK", JSON, r#"{"token":"T""#, "says that it is JSON")]
#[case::lines_of_json(
    "200 OK",
    "content-type: application/x-ndjson",
    "{\"token\":\"T\"}\n{\"token\":\"T\"}",
    "after its JSON"
)]
#[case::two_documents(
    "200 OK",
    "content-type: text/plain",
    r#"{"token":"T"}{"token":"T"}"#,
    "after its JSON"
)]
#[case::deep("200 OK", JSON, &"[\"T\",".repeat(200), "says that it is JSON")]
#[case::object(
    "200 OK",
    JSON,
    r#"{"token":{"value":"T"}}"#,
    "what stands at /token is no text"
)]
#[case::too_deep("200 OK", "content-type: text/plain", &format!("{}\"T\"{}", "[".repeat(129), "]".repeat(129)), "nested more than 128 deep")]
#[case::no_unicode("200 OK", JSON, r#"{"token":"T\ud800"}"#, "says that it is JSON")]
#[case::long("200 OK", JSON, &format!("{{\"token\":\"T{}\"}}", "x".repeat(16 << 10)), "more than 16384 bytes")]
#[case::grown("200 OK", JSON, &format!("{{\"token\":\"T\",\"x\":\"{}\"}}", "T".repeat(30_000)), "without what is hidden")]
#[case::large("200 OK", "content-type: text/plain", &format!("{{\"token\":\"T\"}}{}", " ".repeat(1 << 20)), "more than 1048576 bytes")]
#[case::many("200 OK", JSON, &format!("{{\"items\":[{{}}{}]}}", (0..1001).map(|n| format!(",{{\"key\":\"T{n}\"}}")).collect::<String>()), "more than 1000 of its texts")]
#[tokio::test]
async fn an_answer_in_which_nobody_finds_what_is_hidden_reaches_nobody(
    #[case] status: &'static str,
    #[case] header: &'static str,
    #[case] body: &str,
    #[case] says: &str,
) {
    let body = match body.len() {
        // One that grows by placeholders, from a token shorter than those.
        30_000.. if says.contains("without") => body.replace('T', &TOKEN[..20]),
        _ => body.replace('T', TOKEN),
    };
    let (platform, _, run) = platform(move |_| answer(&format!("{status}\n{header}"), &body)).await;
    let error = login(&platform, &run).await.unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
    let request = format!("the answer to POST {}", platform.url("/api/auth-tokens"));
    assert!(error.contains(&request), "{error}");
    let audit = run.audit.json();
    assert!(
        audit.contains(says) && !audit.contains(TOKEN) && !error.contains(TOKEN),
        "{audit}"
    );
}

/// What a server can write instead of JSON for a plugin that knows how to read it. `T` is the token.
#[rstest]
#[case::jsonp("application/javascript", r#"callback({"token":"T"})"#)]
#[case::prefix("text/plain", ")]}',\n{\"token\":\"T\"}")]
#[case::prefix_of_json(JSON_TYPE, ")]}',\n{\"token\":\"T\"}")]
#[case::no_number(JSON_TYPE, r#"{"n":1e999,"token":"T"}"#)]
#[case::half_a_character(JSON_TYPE, r#"{"n":"\ud800","token":"T"}"#)]
#[case::deep("text/plain", &format!("{}{{\"token\":\"T\"}}{}", "[".repeat(200), "]".repeat(200)))]
#[case::truncated("text/plain", r#"{"token":"T"#)]
#[case::comment("text/plain", r#"/* */{"token":"T"}"#)]
#[case::single_quotes("text/plain", "{'token':'T'}")]
#[case::form("application/x-www-form-urlencoded", "token=T&x=1")]
#[case::xml("application/xml", "<token>T</token>")]
#[case::yaml("application/yaml", "token: T")]
#[case::bare("text/plain", "T")]
#[case::octets("application/octet-stream", "T")]
#[case::events("text/event-stream", "data: {\"token\":\"T\"}\n\n")]
#[case::zeros("text/plain", "{\0\"\0t\0o\0k\0e\0n\0\"\0:T")]
#[tokio::test]
async fn a_token_in_disguise_is_not_shown(
    #[case] kind: &'static str,
    #[case] body: &str,
    #[values("200 OK", "404 Not Found", "500 Internal Server Error")] status: &'static str,
) {
    let body = body.replace('T', TOKEN);
    let (platform, _, run) =
        platform(move |_| answer(&format!("{status}\ncontent-type: {kind}"), &body)).await;
    match login(&platform, &run).await {
        Ok(read) => {
            let hidden = read.contains(PLACEHOLDER_PREFIX) || read.contains("left out");
            assert!(hidden && !read.contains(&TOKEN[5..15]), "{read}");
        }
        Err(error) => {
            assert_eq!(status, "200 OK", "an error is told as an error: {error}");
            assert!(!error.to_string().contains(&TOKEN[5..15]), "{error}");
        }
    }
}

const JSON_TYPE: &str = "application/json";

/// A rule of everything, which hides nothing, leads to the same server.
#[rstest]
#[case("/API/auth-tokens")]
#[case("/api/auth-tokens/")]
#[case("//api//auth-tokens")]
#[case("/api/auth%2Dtokens")]
#[case("/api/auth%252Dtokens")]
#[case("/api%2Fauth-tokens")]
#[case("/api/auth-tokens;x=1")]
#[case("/api/Auth-Tokens.")]
#[tokio::test]
async fn another_spelling_of_the_path_hides_the_same(#[case] path: &str) {
    let body = format!("{{\"token\":\"{TOKEN}\"}}");
    let platform = Server::start(move |_| answer(&format!("200 OK\n{JSON}"), &body)).await;
    let grant = grant(HIPPO, &[("url", platform.url("/"))]);
    let run = run_with(direct(), grant, Phase::Deploy, Limits::default());
    let request = request(Method::POST, &platform.url(path), &[], "{}");
    let read = text(run.send(request).await.unwrap()).await;
    assert!(read.contains(PLACEHOLDER_PREFIX), "{read}");
    assert_eq!(platform.only().header("accept"), "application/json");
}

/// Another server says that the platform is its token service, and the plugin logs in there by the platform's own rule.
#[rstest]
#[case::where_it_is_hidden("/api/auth-tokens", "/token of")]
#[case::where_no_rule_hides("/session", "token of")]
#[tokio::test]
async fn a_realm_onto_another_place_gets_no_token_of_that_place(
    #[case] path: &str,
    #[case] name: &str,
) {
    let manifest = format!(
        "{HIPPO}
        [[options]]
        name = \"mirror\"
        type = \"url\"
        help = \"A mirror\"
        [[http]]
        to = \"{{mirror}}\"
        methods = [\"GET\", \"POST\"]
        follows = [\"www-authenticate\"]
        why = \"pull\""
    );
    let body = format!("{{\"token\":\"{TOKEN}\"}}");
    let platform = Server::start(move |_| answer(&format!("200 OK\n{JSON}"), &body)).await;
    let realm = platform.url(path);
    let mirror = Server::start(move |_| {
        let challenge = format!("www-authenticate: Bearer realm=\"{realm}\"");
        answer(&format!("401 Unauthorized\n{challenge}"), "")
    })
    .await;
    let options = [("url", platform.url("/")), ("mirror", mirror.url("/"))];
    let grant = grant(&manifest, &options);
    let run = run_with(direct(), grant, Phase::Deploy, Limits::default());
    let secret = Secret::new("hunter2-hunter2".to_owned());
    let password = run
        .vault
        .insert("password", secret, Audience::Rules)
        .unwrap();
    text(run.get(&mirror.url("/v2/")).await.unwrap()).await;

    let login = request(
        Method::POST,
        &platform.url(path),
        &[("content-type", "application/json")],
        &format!(r#"{{"password":"{password}"}}"#),
    );
    let read = text(run.send(login).await.unwrap()).await;
    assert_eq!(platform.only().text(), r#"{"password":"hunter2-hunter2"}"#);
    let document: serde_json::Value = serde_json::from_str(&read).unwrap();
    let token = document["token"].as_str().unwrap();
    assert!(token.starts_with(PLACEHOLDER_PREFIX), "{read}");
    let bought = run
        .audit
        .0
        .lock()
        .unwrap()
        .iter()
        .rev()
        .find_map(|entry| entry.placeholders);
    assert_eq!(bought, Some(1));
    // To buy something there is a change like any other.
    assert_eq!(run.session.tally().changed.len(), 1);
    for carried in [token, TOKEN] {
        let line = bearer(&run, &mirror.url("/v2/"), carried)
            .await
            .unwrap_err();
        let says = format!("the secret `{name} {}`", platform.url(""));
        assert!(line.to_string().contains(&says), "{line}");
    }
    assert_eq!(mirror.seen().len(), 1);
    bearer(&run, &platform.url("/api/apps"), token)
        .await
        .unwrap();
    let last = platform.seen().pop().unwrap();
    assert_eq!(last.header("authorization"), format!("Bearer {TOKEN}"));
}

#[tokio::test]
async fn a_guest_holds_so_many_answers_and_no_more() {
    let (platform, _, run) = platform(|_| {
        let body = format!(
            "{{\"token\":\"{TOKEN}\",\"x\":\"{}\"}}",
            "x".repeat(1_000_000)
        );
        answer(&format!("200 OK\n{JSON}"), &body)
    })
    .await;
    let url = platform.url("/api/auth-tokens");
    let ask = || run.send(request(Method::POST, &url, &[], "{}"));
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(ask().await.unwrap());
    }
    let error = ask().await.unwrap_err().to_string();
    assert!(error.contains("has not read"), "{error}");
    // As soon as it reads one, or lets go of it.
    text(held.pop().unwrap()).await;
    drop(ask().await.unwrap());
    held.push(ask().await.unwrap());
}

/// A thousand secrets of a server that repeats them as often as fits is a moment's work.
#[tokio::test]
async fn a_flood_of_hidden_texts_ends_soon() {
    let (platform, _, run) = platform(|seen| {
        let round = seen.header("content-length").len();
        let secret = |n: usize| format!("{}-{round}-{n:03}", "a".repeat(300));
        let items: Vec<_> = (0..900)
            .map(|n| serde_json::json!({"key": secret(n)}))
            .collect();
        let echo = "a".repeat(300_000) + &secret(7);
        let body = serde_json::json!({"items": items, "echo": echo});
        answer(&format!("200 OK\n{JSON}"), &body.to_string())
    })
    .await;
    let url = platform.url("/api/auth-tokens");
    let ask = |body: &'static str| run.send(request(Method::POST, &url, &[], body));
    let minute = std::time::Duration::from_secs(60);
    let first = tokio::time::timeout(minute, async { text(ask("{}").await.unwrap()).await });
    let first = first.await.unwrap();
    assert!(!first.contains("a-1-"), "{}", &first[..200]);
    assert_eq!(first.matches(PLACEHOLDER_PREFIX).count(), 901);
    // 900 more are more than a run keeps.
    let second = tokio::time::timeout(minute, ask("{\"x\":123456}"));
    let error = second.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("more than 1000 tokens"), "{error}");
}
