//! What is on the server after a push is the app, as Spin 0.10 and Hippo read it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use rstest::rstest;
use toml::Value;

use super::app::{self, Arrived, shop, shop_manifest, shop_parcels};
use super::{Site, create_key, deploy, id};
use crate::harness::run::Machine;
use crate::harness::servers::{Bindle, Options, PASSWORD, Release, USER};

/// The server has all of the shop.
#[track_caller]
fn holds_the_shop(server: &Bindle, id: &str) -> Arrived {
    let arrived = Arrived::on(server, id);
    assert_eq!(arrived.manifest, shop_manifest());
    let wasm = [
        "application/vnd.fermyon.spin+toml",
        "application/wasm",
        "application/wasm",
    ];
    assert_eq!(arrived.order[..3], wasm);
    let names = |parcels: &[app::Parcel]| -> Vec<_> {
        let all = parcels.iter();
        all.map(|it| (it.name.clone(), it.media_type.clone(), it.groups.clone()))
            .collect()
    };
    let expected = shop_parcels();
    assert_eq!(names(&arrived.parcels), names(&expected));
    assert!(arrived.parcels == expected, "the bytes are others");
    assert_eq!(arrived.head("name"), "shop");
    assert_eq!(arrived.head("description"), "Sells things");
    assert_eq!(format!("shop/{}", arrived.head("version")), id);
    let build = id
        .strip_prefix("shop/1.2.3+q")
        .expect("the fingerprint is in the version");
    assert!(
        build.len() == 7 && build.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    let authors = arrived.invoice["bindle"]["authors"].as_array().unwrap();
    assert_eq!(authors, &[Value::from("Jane Doe <jane@example.com>")]);
    let groups = arrived.invoice["group"].as_array().unwrap();
    let groups: Vec<_> = groups
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(groups, ["files-front", "files-back"]);
    arrived
}

#[rstest]
fn on_0_8_where_everybody_may_push(#[values(false, true)] embedded_db: bool) {
    let options = Options {
        embedded_db,
        ..Options::default()
    };
    let server = Bindle::start(Release::V0_8, &options);
    let pushed = deploy(&Machine::new(), &shop(), &server.url(), &[]).ok();
    holds_the_shop(&server, &id(&pushed));
    let report = pushed.json();
    let version = report["release"]["version"].as_str().unwrap();
    assert_eq!(format!("shop/{version}"), id(&pushed));
}

#[rstest]
fn on_0_8_with_users(#[values(false, true)] embedded_db: bool) {
    let options = Options {
        user: Some((USER, PASSWORD)),
        embedded_db,
        ..Options::default()
    };
    let server = Bindle::start(Release::V0_8, &options);
    let mut machine = Machine::new();
    machine.set("BINDLE_PASSWORD", PASSWORD);
    let pushed = deploy(
        &machine,
        &shop(),
        &server.url(),
        &["--bindle-username", USER],
    )
    .ok();
    holds_the_shop(&server, &id(&pushed));
}

#[rstest]
fn on_0_9_signed(#[values(false, true)] embedded_db: bool) {
    let mut site = Site::with_database();
    site.options.embedded_db = embedded_db;
    let server = site.server();
    let pushed = deploy(&site.machine, &shop(), &server.url(), &[]).ok();
    let id = id(&pushed);
    let arrived = holds_the_shop(&server, &id);
    let public = &site.options.creators[0];
    verifies(&arrived, "Jane Doe <jane@example.com>", public);
}

#[test]
fn signed_by_whom_the_user_names() {
    let machine = Machine::new();
    let public = create_key(&machine);
    let options = Options {
        creators: vec![public],
        ..Options::default()
    };
    let server = Bindle::start(Release::V0_9, &options);
    let more = [
        "--bindle-key",
        super::KEY,
        "--bindle-author",
        "CI <ci@example.com>",
    ];
    let pushed = deploy(&machine, &shop(), &server.url(), &more).ok();
    verifies(
        &Arrived::on(&server, &id(&pushed)),
        "CI <ci@example.com>",
        &public,
    );
}

/// The invoice has one signature of its creator, over what servers say it is over.
#[track_caller]
pub(super) fn verifies(arrived: &Arrived, by: &str, public: &[u8; 32]) {
    let signatures = arrived.invoice["signature"].as_array().unwrap();
    let creators = signatures
        .iter()
        .filter(|it| it["role"].as_str() == Some("creator"));
    let [signature] = creators.collect::<Vec<_>>()[..] else {
        panic!("not one signature: {signatures:?}");
    };
    let text = |key: &str| signature[key].as_str().unwrap();
    assert_eq!(text("by"), by);
    assert_eq!(text("key"), BASE64_STANDARD.encode(public));
    let (name, version) = (arrived.head("name"), arrived.head("version"));
    let mut signed = format!("{by}\n{name}\n{version}\ncreator\n~");
    for parcel in arrived.invoice["parcel"].as_array().unwrap() {
        signed += "\n";
        signed += parcel["label"]["sha256"].as_str().unwrap();
    }
    let bytes = BASE64_STANDARD.decode(text("signature")).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, public);
    key.verify(signed.as_bytes(), &bytes)
        .expect("the signature is good");
}
