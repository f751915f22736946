//! No plugin for Hippo sees a password, a token or a private key. That the output, the audit log and the logs that are kept have
//! none of them is looked at after every run of these tests, in `User::told_nothing`. Here the rules of the real plugin's manifest
//! are given to one that prints all that it sees; `login_with_password` has what such a plugin could try.

use rstest::rstest;
use serde_json::json;

use super::platform::{PASSWORD, Platform, User};
use crate::harness::plugin::hostile;

/// What the plugin `hippo` asks for, and what makes another plugin do what it is told.
const MANIFEST: &str = concat!(
    include_str!("../../../plugins/hippo/plugin.toml"),
    r#"
[[options]]
name = "behaviour"
type = "text"
default = "script"
help = "What it does"

[[options]]
name = "script"
type = "text"
default = " "
help = "What it asks"
"#
);

const KEY: &str = "planted-private-key-of-a-certificate";

#[rstest]
#[case::of_0_20(&[], "s", "auth-tokens")]
#[case::of_0_18(&["--api", "0.18"], "", "account/createtoken")]
#[case::of_0_12(&["--api", "0.12"], "", "account/createtoken")]
fn a_plugin_that_prints_all_that_it_sees_prints_no_secret(
    #[case] flags: &[&str],
    #[case] plural: &str,
    #[case] login: &str,
) {
    let platform = Platform::with(flags);
    let user = User::of(&platform);
    let certificate = json!({ "name": "c", "publicKey": "public", "privateKey": KEY });
    platform.ask("POST", &format!("/api/certificate{plural}"), &certificate);
    user.deploy(&["--channel-certificate", "c"]).ok();
    let token = platform.token();
    let channel = platform.hippo.state()["channels"][0]["id"].clone();
    let channel = channel.as_str().unwrap();

    let plugin = hostile(user.machine.home(), MANIFEST);
    let app = user.app.path().to_str().unwrap();
    let run = |script: &str, more: &[&str]| {
        let line = ["plan", "-v", "-f", app, "-t", plugin.to_str().unwrap()];
        let url = ["--hippo-url", platform.hippo.url(), "--script", script];
        let finished = user.machine.run([&line, &url[..], more].concat());
        let finished = user.told_nothing(finished);
        assert!(!finished.to_string().contains(KEY), "{finished}");
        assert!(!finished.to_string().contains(&token), "{finished}");
        finished.ok()
    };
    // What it prints it prints as it saw it.
    let buys = format!(
        "request POST <hippo-url>/api/{login}\nheader content-type: application/json\nheader accept: application/json\n\
         body {{\"userName\":\"<hippo-username>\",\"password\":\"<hippo-password>\"}}\nsend\nprint <body>"
    );
    let account = ["--hippo-username", "ada", "--hippo-password", PASSWORD];
    let bought = run(&buys, &account);
    bought
        .says("\"expiration\":")
        .says("\"token\":\"spin-deployer-secret-");

    for path in [
        format!("certificate{plural}"),
        format!("channel{plural}"),
        format!("channel{plural}/{channel}"),
    ] {
        let looks = format!(
            "request GET <hippo-url>/api/{path}\nheader authorization: Bearer <hippo-token>\nsend\nprint <body>"
        );
        let seen = run(&looks, &["--hippo-token", &token]);
        seen.says("\"privateKey\":\"spin-deployer-secret-");
    }
}
