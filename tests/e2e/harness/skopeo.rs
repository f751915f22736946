//! Debian's skopeo: what somebody else reads.

use std::path::Path;
use std::process::Command;

/// `skopeo inspect --raw`: the bytes of a manifest.
pub(crate) fn raw_manifest(image: &str) -> Vec<u8> {
    skopeo(&["inspect", "--raw", "--tls-verify=false", image])
}

/// `skopeo inspect`: what it understands of an image.
pub(crate) fn inspect(image: &str) -> serde_json::Value {
    let text = skopeo(&["inspect", "--tls-verify=false", image]);
    serde_json::from_slice(&text).unwrap()
}

/// Copies an image with everything in it into an OCI layout.
pub(crate) fn pull(image: &str, directory: &Path) {
    let to = format!("oci:{}:pulled", directory.display());
    skopeo(&["copy", "--src-tls-verify=false", image, &to]);
}

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let done = Command::new("skopeo")
        .arg("--insecure-policy")
        .args(arguments)
        .output()
        .expect("skopeo is installed: `cargo xtask test` brings it or says how");
    assert!(
        done.status.success(),
        "skopeo {}:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
    done.stdout
}
