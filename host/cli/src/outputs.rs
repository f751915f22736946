//! What a CI system hands on to later steps: `--outputs FILE`.
//!
//! One line a value, `name=value`, appended: what GitHub reads in `$GITHUB_OUTPUT` and GitLab as a dotenv report. The
//! values come from a platform, so that none of them may begin a line of its own.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use spin_deployer_deploy::report::Release;
use spin_deployer_deploy::{Code, Error};

/// The file, open before anything is deployed: a release that nobody can hand on is found out too late.
pub(crate) struct Outputs {
    path: PathBuf,
    file: File,
}

impl Outputs {
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| {
            Error::new(
                Code::Usage,
                format!("the outputs cannot be written to {}", path.display()),
            )
            .detail(error.to_string())
            .help("name a file that can be written with --outputs, or leave it out")
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends the values of a release.
    ///
    /// # Errors
    /// The disk is full. The release is there all the same.
    pub(crate) fn write(&mut self, release: &Release) -> Result<(), Error> {
        // In one piece, so that nothing half is read.
        self.file
            .write_all(lines(release).as_bytes())
            .map_err(|error| Error {
                sent: true,
                ..Error::new(
                    Code::Failed,
                    format!(
                        "it is deployed, and the outputs cannot be written to {}",
                        self.path.display()
                    ),
                )
                .detail(error.to_string())
            })
    }
}

fn lines(release: &Release) -> String {
    let url = release.routes.first().map(|route| route.url.as_str());
    let digest = release.artifact.as_deref().and_then(digest);
    [
        ("url", url),
        ("digest", digest),
        ("release", Some(release.id.as_str())),
    ]
    .into_iter()
    .map(|(name, value)| {
        let value = value.unwrap_or_default();
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        format!("{name}={value}\n")
    })
    .collect()
}

/// `sha256:…` of `registry.example.com/acme/shop@sha256:…`.
fn digest(artifact: &str) -> Option<&str> {
    let at = artifact.find("sha256:")?;
    let digest = &artifact[at..];
    let digits = digest.strip_prefix("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digest)
}

#[cfg(test)]
mod tests {
    use spin_deployer_deploy::report::Route;

    use super::*;

    fn release(id: &str, artifact: Option<&str>, url: Option<&str>) -> Release {
        Release {
            id: id.to_owned(),
            version: None,
            artifact: artifact.map(str::to_owned),
            created: None,
            active: true,
            state: None,
            routes: url
                .map(|url| Route {
                    name: "hello".to_owned(),
                    url: url.to_owned(),
                })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn no_value_begins_a_line_of_its_own() {
        let hostile = release(
            "1\nPATH=/evil",
            Some("shop@sha256:0\r\ndigest=x"),
            Some("https://a.example\u{85}\nurl<<EOF\n"),
        );
        let lines = lines(&hostile);
        let names: Vec<_> = lines
            .lines()
            .map(|l| l.split_once('=').unwrap().0)
            .collect();
        assert_eq!(names, ["url", "digest", "release"], "{lines}");
        assert!(lines.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn a_digest_is_one_or_is_empty() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for (artifact, expected) in [
            (
                Some(format!("registry.example.com/shop@{digest}")),
                &*digest,
            ),
            (Some(digest.clone()), &*digest),
            (Some("shop/1.0.0+q1234567".to_owned()), ""),
            (Some(format!("{digest}0")), ""),
            (None, ""),
        ] {
            let lines = lines(&release("1", artifact.as_deref(), None));
            assert_eq!(lines, format!("url=\ndigest={expected}\nrelease=1\n"));
        }
    }
}
