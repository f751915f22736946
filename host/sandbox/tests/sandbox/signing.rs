//! What a plugin wants signed is signed outside of it, or it reads why not.

use spin_deployer_sandbox::Value;

use crate::support::World;

/// The hostile plugin signs that many bytes, with the key of that option.
async fn report(option: &str, size: usize) -> (World, Vec<String>) {
    let world = World::new("sign")
        .with("signed-by", option)
        .with("size", &size.to_string());
    let report = world.report().await;
    (world, report)
}

#[tokio::test]
async fn message_and_option_reach_the_signer_and_the_signature_the_plugin() {
    for size in [0, 1, 1 << 20] {
        let (world, report) = report("key", size).await;
        assert_eq!(report, [format!("signed {}", "01".repeat(64))]);
        let asked = world.signer.asked.lock().unwrap();
        let expected = ("key".to_owned(), vec![b'x'; size]);
        assert!(*asked == [expected], "{size}");
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_to_the_plugin_and_not_its_end() {
    let (_, report) = report("refused", 1).await;
    assert_eq!(report, ["failed: not with this one"]);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_signed_by_nobody() {
    let (world, report) = report("key", (1 << 20) + 1).await;
    assert_eq!(
        report,
        ["failed: a message of more than 1 MiB is not signed"]
    );
    assert!(world.signer.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_value_of_a_key_is_its_public_half() {
    let mut world = World::new("script").with("script", "print <key>");
    world
        .options
        .insert("key".into(), Value::SigningKey(vec![0xff; 32]));
    let outcome = world.plan().await;
    outcome.result.unwrap();
    assert_eq!(
        outcome.stdout,
        "//////////////////////////////////////////8=\n"
    );
}
