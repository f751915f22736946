//! Apps that the Spin below Hippo can run: of core modules.

use crate::harness::app::App;

/// The smallest core module.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// The app `shop` in its version 0.1.0.
pub(super) fn shop() -> App {
    let app = App::empty();
    app.write("main.wasm", MODULE);
    write(&app, "shop", "0.1.0");
    app
}

/// Makes it an app of this name and version, with contents that no other version has.
pub(super) fn write(app: &App, name: &str, version: &str) {
    app.write(
        "spin.toml",
        format!(
            r#"spin_manifest_version = 2
[application]
name = "{name}"
version = "{version}"
[[trigger.http]]
route = "/..."
component = "front"
[component.front]
source = "main.wasm"
files = ["static/*"]
"#
        ),
    );
    app.write("static/version.txt", format!("{name} {version}"));
}
