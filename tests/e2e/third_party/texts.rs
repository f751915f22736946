//! What a plugin says.

use super::author::Author;

#[test]
fn text_of_a_plugin_is_shown_and_not_obeyed() {
    let author = Author::new();
    let manifest = "name = \"demo\"\nversion = \"0.1.0\"\ndescription = \"nice\\u202eecin\"\n";
    author.machine.write("plugin.toml", manifest);
    let packed = author.machine.run(["plugins", "pack", "component.wasm"]);
    if packed.status.success() {
        let checked = author.machine.run(["plugins", "check", "demo.wasm"]).ok();
        assert!(!checked.stdout.contains('\u{202e}'), "{checked}");
    }
}
