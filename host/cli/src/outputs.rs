//! What a CI system hands on to later steps: `--outputs FILE`.
//!
//! One line a value, `name=value`, appended: what GitHub reads in `$GITHUB_OUTPUT` and GitLab as a dotenv report. The
//! values come from a platform, so that none of them may begin a line of its own.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use spin_deployer_deploy::report::DeployReport;
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
    pub(crate) fn write(&mut self, report: &DeployReport) -> Result<(), Error> {
        // In one piece, so that nothing half is read.
        self.file
            .write_all(lines(report).as_bytes())
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

fn lines(report: &DeployReport) -> String {
    let release = &report.release;
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
