//! What a plugin says comes back as it said it.

use spin_deployer_sandbox::{Action, CallError, Exports, Limits, PluginErrorKind};

use crate::support::{World, hostile};

#[tokio::test]
async fn every_export_answers() {
    let world = World::new("look");
    let (plugin, limits) = (hostile(), Limits::default());
    assert_eq!(
        plugin.exports(),
        Exports {
            releases: true,
            removal: true,
            logs: true,
            login: true
        }
    );
    let deployed = plugin
        .deploy(world.ports(), limits.clone())
        .await
        .result
        .unwrap();
    assert_eq!((&*deployed.id, deployed.active), ("deployed", true));
    let history = plugin
        .history(world.ports(), limits.clone(), 2)
        .await
        .result
        .unwrap();
    assert_eq!(
        history.iter().map(|r| &*r.id).collect::<Vec<_>>(),
        ["0", "1"]
    );
    let active = plugin
        .rollback(world.ports(), limits.clone(), "7")
        .await
        .result
        .unwrap();
    assert_eq!(active.id, "7");
    let removal = plugin
        .removal(world.ports(), limits.clone())
        .await
        .result
        .unwrap();
    assert_eq!(
        (removal[0].action, &*removal[0].name),
        (Action::Delete, "app")
    );
    let lines = plugin
        .tail(world.ports(), limits.clone(), 2)
        .await
        .result
        .unwrap();
    assert_eq!(lines, ["line 0", "line 1"]);
    let removed = plugin
        .destroy(world.ports(), limits.clone())
        .await
        .result
        .unwrap();
    assert_eq!(removed, ["app"]);
    let session = plugin.login(world.ports(), limits).await.result.unwrap();
    assert_eq!(session.saves, [("token".to_owned(), "s3cret".to_owned())]);
    assert!(!format!("{session:?}").contains("s3cret"), "{session:?}");
}

#[tokio::test]
async fn every_kind_of_failure_keeps_its_words() {
    for (name, kind) in [
        (
            "invalid-option",
            PluginErrorKind::InvalidOption("channel".into()),
        ),
        ("unauthenticated", PluginErrorKind::Unauthenticated),
        ("forbidden", PluginErrorKind::Forbidden),
        ("not-found", PluginErrorKind::NotFound),
        ("conflict", PluginErrorKind::Conflict),
        ("unsupported-app", PluginErrorKind::UnsupportedApp),
        ("unavailable", PluginErrorKind::Unavailable),
        ("failed", PluginErrorKind::Failed),
    ] {
        match World::new("fail").with("kind", name).plan().await.result {
            Err(CallError::Plugin(error)) => {
                assert_eq!(error.kind, kind);
                assert_eq!(error.message, "no such channel");
                assert_eq!(error.detail.as_deref(), Some("404"));
                assert_eq!(error.hint.as_deref(), Some("create it"));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}
