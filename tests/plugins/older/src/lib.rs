//! A plugin as it was built against version 0.1 of the contract, and never again since. It keeps the contents of the app in
//! the folder of the option `folder`, each under its digest, and a line a release in `releases.txt`.

use std::fs;
use std::path::PathBuf;

wit_bindgen::generate!({
    path: "../../../wit/0.1",
    world: "spin-deployer:api/platform",
    with: {
        "wasi:io/error@0.2.12": wasip2::io::error,
        "wasi:io/poll@0.2.12": wasip2::io::poll,
        "wasi:io/streams@0.2.12": wasip2::io::streams,
    },
    generate_all,
});

use exports::spin_deployer::api::{deployer, login, releases};
use spin_deployer::api::app::{self, Content};
use spin_deployer::api::failures::{Error, Failure};
use spin_deployer::api::options::{self, Value};
use spin_deployer::api::progress::{self, Step};
use spin_deployer::api::types::{Action, Change, Expectation, Probe, Release, Route};
use wasip2::io::streams::StreamError;

struct Older;

impl deployer::Guest for Older {
    fn plan() -> Result<Vec<Change>, Error> {
        let folder = Folder::named();
        let changes = contents()?.into_iter().map(|(name, content)| Change {
            action: match folder.content(&content).exists() {
                true => Action::Keep,
                false => Action::Upload,
            },
            kind: "content".into(),
            name,
            detail: Some(content.digest()),
            bytes: Some(content.size()),
        });
        Ok(changes.collect())
    }

    fn deploy() -> Result<Release, Error> {
        let folder = Folder::named();
        let step = Step::new("Keep contents");
        for (name, content) in contents()? {
            step.detail(&name);
            if folder.content(&content).exists() {
                step.skip(content.size());
                continue;
            }
            step.expect(content.size());
            fs::write(folder.content(&content), bytes(&content)?).map_err(failed)?;
        }
        step.done(None);
        let mut kept = folder.releases();
        if kept.last() != Some(&app::fingerprint()) {
            kept.push(app::fingerprint());
            folder.keep(&kept)?;
        }
        Ok(release(kept.len(), &kept[kept.len() - 1], true))
    }
}

impl releases::Guest for Older {
    fn history(limit: u32) -> Result<Vec<Release>, Error> {
        let kept = Folder::named().releases();
        let newest_first = kept.iter().enumerate().rev().take(limit as usize);
        let active = kept.len();
        Ok(newest_first
            .map(|(at, fingerprint)| release(at + 1, fingerprint, at + 1 == active))
            .collect())
    }

    fn rollback(id: String) -> Result<Release, Error> {
        Err(Error::NotFound(Failure {
            message: format!("there is no release {id} to go back to"),
            detail: None,
            hint: Some("deploy the earlier app again".into()),
        }))
    }

    fn destroy() -> Result<Vec<String>, Error> {
        let folder = Folder::named();
        let kept = folder.releases().len();
        for entry in fs::read_dir(&folder.0).map_err(failed)? {
            fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        }
        Ok((1..=kept).map(|n| format!("release {n}")).collect())
    }
}

impl login::Guest for Older {
    /// Says what the option `value` is.
    fn login() -> Result<login::Session, Error> {
        progress::device_code("https://login.example/device", "older");
        Ok(login::Session {
            account: Some(format!("{:?}", options::get("value"))),
            saves: vec![("token".into(), "s3cret".into())],
            expires: Some("2030-01-01T00:00:00Z".into()),
        })
    }
}

export!(Older);

/// Where the app is kept.
struct Folder(PathBuf);

impl Folder {
    fn named() -> Self {
        match options::get("folder") {
            Some(Value::Path(path)) => Self(path.into()),
            other => panic!("folder is {other:?}"),
        }
    }

    fn content(&self, content: &Content) -> PathBuf {
        self.0.join(content.digest().trim_start_matches("sha256:"))
    }

    /// Fingerprints, oldest first.
    fn releases(&self) -> Vec<String> {
        let kept = fs::read_to_string(self.0.join("releases.txt")).unwrap_or_default();
        kept.lines().map(str::to_owned).collect()
    }

    fn keep(&self, releases: &[String]) -> Result<(), Error> {
        fs::write(self.0.join("releases.txt"), releases.join("\n")).map_err(failed)
    }
}

/// Of each component its Wasm, and its files as an archive where it has some.
fn contents() -> Result<Vec<(String, Content)>, Error> {
    let mut found = Vec::new();
    for component in app::components() {
        if !component.files.is_empty() {
            let files = format!("files of {}", component.id);
            found.push((files, app::archive(&component.id)?));
        }
        found.push((component.id, app::open(&component.wasm_digest)?));
    }
    Ok(found)
}

fn bytes(content: &Content) -> Result<Vec<u8>, Error> {
    if content.size() <= 64 << 10 {
        return content.bytes();
    }
    let stream = content.read(0, None)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(why)) => {
                return Err(failed(why.to_debug_string()));
            }
        }
    }
}

fn release(number: usize, fingerprint: &str, active: bool) -> Release {
    Release {
        id: number.to_string(),
        version: app::version(),
        artifact: Some(fingerprint.into()),
        created: None,
        active,
        routes: vec![Route {
            name: app::name(),
            url: "https://app.example/".into(),
        }],
        ready_when: waiting(),
    }
}

/// What the host is to wait for, where the option `probe` says so.
fn waiting() -> Vec<Probe> {
    let Some(Value::Text(url)) = options::get("probe") else {
        return vec![];
    };
    let json = Expectation::Json(("/state".into(), "running".into()));
    [Expectation::Status(204), json]
        .map(|expect| Probe {
            url: url.clone(),
            expect,
        })
        .into()
}

fn failed(why: impl ToString) -> Error {
    Error::Failed(Failure {
        message: why.to_string(),
        detail: None,
        hint: None,
    })
}
