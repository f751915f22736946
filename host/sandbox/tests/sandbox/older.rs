//! A plugin that was built against an older version of the contract is called in the words of the newest.

use std::fs;
use std::sync::atomic::Ordering;

use spin_deployer_sandbox::{
    Action, CallError, Credential, Expectation, Mount, PluginErrorKind, Probe, Reference,
    StepEvent, Value,
};
use tempfile::TempDir;

use crate::support::{DIGEST, World, older, pattern};

/// An app with a content of this size, and a folder to keep it in.
fn world(size: u64) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new("");
    world.app.size.store(size, Ordering::Relaxed);
    let path = "/options/folder";
    world
        .options
        .insert("folder".into(), Value::Path(path.into()));
    world.mounts = vec![Mount {
        guest_path: path.into(),
        host_path: folder.path().to_owned(),
        writable: true,
    }];
    (world, folder)
}

#[tokio::test]
async fn it_plans_deploys_lists_and_destroys() {
    // Read in one go, and as a stream.
    for size in [1_000, 200_000] {
        let (world, folder) = world(size);
        let limits = || world.limits.clone();
        let planned = older().plan(world.ports(), limits()).await.result.unwrap();
        assert_eq!(planned.len(), 1);
        let change = &planned[0];
        assert_eq!(
            (change.action, &*change.kind, &*change.name),
            (Action::Upload, "content", "web")
        );
        assert_eq!(
            (change.detail.as_deref(), change.bytes),
            (Some(DIGEST), Some(size))
        );

        let release = older().deploy(world.ports(), limits()).await;
        let release = release.result.unwrap();
        assert_eq!((&*release.id, release.active), ("1", true));
        assert_eq!(release.artifact.as_deref(), Some("q1a2b3c4"));
        assert_eq!(release.version.as_deref(), Some("1.0.0"));
        assert_eq!(release.state, None);
        assert_eq!(&*release.routes[0].url, "https://app.example/");
        let kept = fs::read(folder.path().join(&DIGEST["sha256:".len()..])).unwrap();
        let expected: Vec<u8> = (0..size).map(pattern).collect();
        assert!(kept == expected, "{size}");
        let steps: Vec<_> = world.screen.steps.lock().unwrap().drain(..).collect();
        let expected = [
            StepEvent::Started("Keep contents".into()),
            StepEvent::Detail("web".into()),
            StepEvent::Expect(size),
            StepEvent::Done(None),
        ];
        assert_eq!(steps, expected.map(|event| (0, event)));

        let planned = older().plan(world.ports(), limits()).await.result.unwrap();
        assert_eq!(planned[0].action, Action::Keep);
        let history = older().history(world.ports(), limits(), 9).await;
        assert_eq!(history.result.unwrap(), [release]);
        let removed = older().destroy(world.ports(), limits()).await;
        assert_eq!(removed.result.unwrap(), ["release 1"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn what_its_version_does_not_have_it_is_not_asked_for() {
    let (world, _folder) = world(1);
    let exports = older().exports();
    assert!(exports.releases && exports.login && !exports.removal && !exports.logs);
    let removal = older().removal(world.ports(), world.limits.clone()).await;
    let lines = older().tail(world.ports(), world.limits.clone(), 1).await;
    for result in [removal.result.map(drop), lines.result.map(drop)] {
        assert!(
            matches!(&result, Err(CallError::Interface(_))),
            "{result:?}"
        );
    }
    assert_eq!(world.screen.started.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn its_probes_ask_at_one_place() {
    let (world, _folder) = world(1);
    let world = world.with("probe", "https://app.example/ready");
    let release = older().deploy(world.ports(), world.limits.clone()).await;
    let probe = |expect| Probe {
        url: "https://app.example/ready".into(),
        expect,
        otherwise: None,
    };
    let json = Expectation::Json(("/state".into(), "running".into()));
    assert_eq!(
        release.result.unwrap().ready_when,
        [probe(Expectation::Status(204)), probe(json)]
    );
}

#[tokio::test]
async fn its_failures_keep_kind_and_words() {
    let (world, _folder) = world(1);
    let limits = world.limits.clone();
    let result = older().rollback(world.ports(), limits, "7").await.result;
    let Err(CallError::Plugin(error)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.kind, PluginErrorKind::NotFound);
    assert_eq!(error.message, "there is no release 7 to go back to");
    assert_eq!(error.hint.as_deref(), Some("deploy the earlier app again"));
}

fn reference(credential: Option<Credential>) -> Value {
    Value::Registry(Reference {
        origin: "https://ghcr.io".into(),
        registry: "ghcr.io".into(),
        repository: "acme/shop".into(),
        tag: Some("v1".into()),
        digest: None,
        credential,
    })
}

/// What the plugin says of the option `value`, and the codes that it showed.
async fn read(value: Value) -> Result<String, CallError> {
    let (mut world, _folder) = world(1);
    world.options.insert("value".into(), value);
    let session = older().login(world.ports(), world.limits.clone()).await;
    let session = session.result?;
    assert_eq!(session.saves, [("token".into(), "s3cret".into())]);
    assert_eq!(session.expires.as_deref(), Some("2030-01-01T00:00:00Z"));
    let codes = world.screen.codes.lock().unwrap();
    assert_eq!(
        *codes,
        [("https://login.example/device".into(), "older".into())]
    );
    Ok(session.account.unwrap())
}

#[tokio::test]
async fn values_of_all_kinds_that_it_knows_reach_it() {
    let pair = || ("a".to_owned(), "b".to_owned());
    for value in [
        Value::Text("text".into()),
        Value::Number(-7),
        Value::Flag(true),
        Value::Many(vec!["one".into(), "two".into()]),
        Value::Pairs(vec![pair()]),
        Value::Secret("placeholder".into()),
        Value::Path("/options/value".into()),
        reference(None),
        reference(Some(Credential::Password(pair()))),
        reference(Some(Credential::IdentityToken("placeholder".into()))),
    ] {
        let expected = format!("{:?}", Some(&value));
        assert_eq!(read(value).await.unwrap(), expected);
    }
}

/// Without it the plugin would take the key for one that was not given.
#[tokio::test]
async fn a_key_to_sign_with_ends_the_call_and_names_the_versions() {
    let ended = read(Value::SigningKey(vec![7; 32])).await;
    let Err(CallError::Interface(why)) = ended else {
        panic!("{ended:?}");
    };
    assert!(why.contains("option `value`"), "{why}");
    assert!(why.contains("version 0.1.0"), "{why}");
    assert!(why.contains("built against 0.2.0"), "{why}");
}
