//! The servers of `tests/servers`, shown by themselves: what a test of a deployer may rely on.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::harness::servers::{Bindle, Fault, Hippo, Options, PASSWORD, Release, USER};
use crate::harness::sha256;

const MANIFEST: &str = "[trigger]\ntype = \"http\"\nbase = \"/\"\n[[component]]\nid = \"front\"\nsource = \"00\"\n\
     [component.trigger]\nroute = \"/...\"\n";

/// The invoice of `team/shop` in this version, and the digest of its one parcel.
fn invoice(version: &str) -> (String, String) {
    let digest = sha256(MANIFEST.as_bytes()).split_off("sha256:".len());
    let text = format!(
        "bindleVersion = \"1.0.0\"\n[bindle]\nname = \"team/shop\"\nversion = \"{version}\"\n[[parcel]]\n[parcel.label]\n\
         sha256 = \"{digest}\"\nmediaType = \"application/vnd.fermyon.spin+toml\"\nname = \"spin.toml\"\nsize = {}\n",
        MANIFEST.len()
    );
    (text, digest)
}

/// The signature of its creator.
fn signature(pair: &Ed25519KeyPair, version: &str, digest: &str) -> String {
    let signed = format!("me\nteam/shop\n{version}\ncreator\n~\n{digest}");
    let signature = BASE64_STANDARD.encode(pair.sign(signed.as_bytes()));
    let key = BASE64_STANDARD.encode(pair.public_key());
    format!(
        "[[signature]]\nby = \"me\"\nsignature = \"{signature}\"\nkey = \"{key}\"\nrole = \"creator\"\nat = 1\n"
    )
}

/// Pushes both versions of the app that the tests of Hippo deploy.
fn push(bindle: &Bindle) {
    for version in ["0.1.0+q1", "0.2.0+q2"] {
        let (invoice, digest) = invoice(version);
        let (status, _) = bindle.post("_i", None, &invoice);
        if status == 202 {
            let path = format!("_i/team/shop/{version}@{digest}");
            assert_eq!(bindle.post(&path, None, MANIFEST).0, 200);
        }
    }
}

#[test]
fn bindle_0_8_takes_what_nobody_signed() {
    for embedded_db in [false, true] {
        let options = Options {
            embedded_db,
            ..Options::default()
        };
        let bindle = Bindle::start(Release::V0_8, &options);
        let (first, digest) = invoice("0.1.0+q1");
        let (status, text) = bindle.post("_i", None, &first);
        assert_eq!(status, 202, "{text}");
        assert!(text.contains("[[missing]]"), "{text}");
        let parcel = format!("_i/team/shop/0.1.0+q1@{digest}");
        assert_eq!(bindle.post(&parcel, None, MANIFEST).0, 200);
        assert_eq!(bindle.get(&parcel), (200, MANIFEST.to_owned()));
        // The second version has nothing that is missing.
        assert_eq!(bindle.post("_i", None, &invoice("0.2.0").0).0, 201);
        assert_eq!(bindle.post("_i", None, &first).0, 409);
    }
}

#[test]
fn bindle_0_9_takes_what_a_known_creator_signed() {
    let [known, unknown] =
        [[1; 32], [2; 32]].map(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).unwrap());
    let key = known.public_key().as_ref().try_into().unwrap();
    let options = Options {
        creators: vec![key],
        ..Options::default()
    };
    let bindle = Bindle::start(Release::V0_9, &options);
    let (invoice, digest) = invoice("0.1.0");
    let (status, text) = bindle.post("_i", None, &invoice);
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("No signatures found on invoice"), "{text}");
    let by_nobody = format!("{invoice}{}", signature(&unknown, "0.1.0", &digest));
    assert_eq!(bindle.post("_i", None, &by_nobody).0, 400);
    let tampered = format!("{invoice}{}", signature(&known, "0.2.0", &digest));
    assert_eq!(bindle.post("_i", None, &tampered).0, 400);
    let signed = format!("{invoice}{}", signature(&known, "0.1.0", &digest));
    assert_eq!(bindle.post("_i", None, &signed).0, 202);
}

#[test]
fn bindle_lets_everybody_read_and_one_write() {
    let options = Options {
        user: Some((USER, PASSWORD)),
        ..Options::default()
    };
    let bindle = Bindle::start(Release::V0_8, &options);
    let (invoice, _) = invoice("0.1.0");
    assert_eq!(bindle.post("_i", None, &invoice).0, 403);
    assert_eq!(bindle.post("_i", Some((USER, "wrong")), &invoice).0, 401);
    assert_eq!(bindle.post("_i", options.user, &invoice).0, 202);
    assert_eq!(bindle.get("_i/team/shop/0.1.0").0, 200);
}

/// Name and password for a token.
fn login(hippo: &Hippo) -> String {
    let body = json!({ "userName": USER, "password": PASSWORD });
    let (status, answer) = hippo.ask("POST", "/api/auth-tokens", "", &body);
    assert_eq!(status, 200);
    answer["token"].as_str().unwrap().to_owned()
}

#[test]
fn the_stand_in_for_hippo_runs_what_it_was_told_to() {
    let bindle = Bindle::start(Release::V0_8, &Options::default());
    push(&bindle);
    let hippo = Hippo::start(&bindle, &["--platform-domain", "example:{port}"]);
    let token = login(&hippo);
    let ask = |method: &str, path: &str, body: &Value| hippo.ask(method, path, &token, body);
    let done = |method: &str, path: &str, body: &Value| {
        let (status, answer) = ask(method, path, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    };

    let app = json!({ "name": "shop", "storageId": "team/shop" });
    let app = done("POST", "/api/apps", &app);
    let channel = json!({
        "appId": app, "name": "live", "revisionSelectionStrategy": "UseRangeRule", "rangeRule": "~0.1.0",
    });
    let channel = done("POST", "/api/channels", &channel);
    let channel = format!("/api/channels/{}", channel.as_str().unwrap());
    assert_eq!(hippo.starts(), ["team/shop/0.1.0+q1"]);

    // A revision that is there twice, as it comes out of a deploy that is tried again.
    let revision = json!({ "appStorageId": "team/shop", "revisionNumber": "0.2.0+q2" });
    assert_eq!(ask("POST", "/api/revisions", &revision).0, 500);
    let revisions = hippo.state()["revisions"].as_array().unwrap().clone();
    assert_eq!(revisions.len(), 3);
    let second = revisions
        .iter()
        .find(|it| it["revisionNumber"] == "0.2.0+q2");

    let patch = json!({
        "revisionSelectionStrategy": "UseSpecifiedRevision", "activeRevisionId": second.unwrap()["id"],
    });
    done("PATCH", &channel, &patch);
    assert_eq!(hippo.starts().len(), 1);
    let id = channel.rsplit('/').next();
    let running = json!({ "channelId": id, "desiredStatus": "Running" });
    done("PUT", &format!("{channel}/desired-status"), &running);
    assert_eq!(
        hippo.starts()[1..],
        ["team/shop/0.2.0+q2", "team/shop/0.2.0+q2"]
    );

    let item = done("GET", &channel, &Value::Null);
    let domain = item["domain"].as_str().unwrap();
    let (status, info) = hippo.app(domain, "/.well-known/spin/info");
    assert_eq!(status, 200);
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["bindle_version"], "0.2.0+q2");
    hippo.write_logs(&["hello"]);
    let logs = done("GET", &format!("{channel}/logs"), &Value::Null);
    assert_eq!(logs, json!({ "logs": ["hello"] }));
    let last = hippo.requests().pop();
    assert_eq!(last, Some(format!("GET {channel}/logs 200")));
}

#[test]
fn the_stand_in_for_hippo_fails_when_it_is_told_to() {
    let bindle = Bindle::start(Release::V0_8, &Options::default());
    let hippo = Hippo::start(&bindle, &[]);
    let token = login(&hippo);
    let apps = || hippo.ask("GET", "/api/apps", &token, &Value::Null).0;
    hippo.fail(&Fault {
        request: "GET /api/apps",
        times: 2,
        status: 503,
        after_save: false,
    });
    assert_eq!([apps(), apps(), apps()], [503, 503, 200]);
    hippo.expire_tokens();
    assert_eq!(apps(), 401);
    hippo.nomad(false);
    let (status, health) = hippo.ask("GET", "/healthz", "", &Value::Null);
    assert_eq!((status, &health["Status"]), (503, &json!("Unhealthy")));
}
