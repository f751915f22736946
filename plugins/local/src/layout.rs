//! The layout on disk.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;
use spin_deployer_oci::{Descriptor, Digest, layout as documents};
use spin_deployer_sdk::app::Content;
use spin_deployer_sdk::{Error, Result, files};

use crate::release::{Kept, LATEST};

pub(crate) struct Layout {
    directory: PathBuf,
    /// `index.json` as it was read, to notice when another run changes it.
    read: Option<Vec<u8>>,
    index: documents::Index,
    /// Oldest first.
    releases: Vec<Kept>,
    /// The number of what is called `latest`.
    active: Option<u64>,
}

impl Layout {
    /// The layout in `directory`, empty where there is none yet.
    ///
    /// # Errors
    /// Where it holds releases of another app, or is no layout that this plugin understands.
    pub(crate) fn open(directory: impl Into<PathBuf>, app: String) -> Result<Self> {
        let directory = directory.into();
        let read = read(&directory.join(documents::INDEX))?;
        let index: documents::Index = match &read {
            None => documents::Index::default(),
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| {
                Error::failed("the directory's index.json is not that of an OCI layout")
                    .detail(error.to_string())
                    .hint("choose another directory with --directory")
            })?,
        };
        if let Some(marker) = read_marker(&directory)?
            && !marker.starts_with("1.")
        {
            return Err(Error::failed(format!(
                "the directory is an OCI layout of version {marker}, not of 1.0"
            ))
            .hint("choose another directory with --directory"));
        }
        let mut releases: Vec<Kept> = index.manifests.iter().filter_map(Kept::read).collect();
        releases.sort_by_key(|release| release.number);
        if let Some(other) = releases.iter().find(|release| release.app != app) {
            return Err(Error::conflict(format!(
                "the directory holds releases of the app `{}`",
                other.app
            ))
            .detail(format!(
                "this app is `{app}`, and one directory is for one app"
            ))
            .hint(
                "choose another directory with --directory, or remove the other app with `destroy`",
            ));
        }
        let latest = index
            .manifests
            .iter()
            .find(|descriptor| name(descriptor) == Some(LATEST));
        let active = latest.and_then(Kept::read).map(|release| release.number);
        if latest.is_some() && active.is_none() {
            return Err(Error::conflict(
                "`latest` in the directory is not a release of this plugin's",
            )
            .hint("choose another directory with --directory"));
        }
        Ok(Self {
            directory,
            read,
            index,
            releases,
            active,
        })
    }

    pub(crate) fn releases(&self) -> &[Kept] {
        &self.releases
    }

    pub(crate) fn active(&self) -> Option<&Kept> {
        self.releases
            .iter()
            .find(|release| Some(release.number) == self.active)
    }

    /// Whether a run that was ended before its first release left something that nobody else has a part in.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.index.manifests.is_empty() && self.directory.join(documents::MARKER).exists()
    }

    pub(crate) fn next_number(&self) -> u64 {
        // Also past what others named with a number.
        let names = self.index.manifests.iter().filter_map(name);
        let numbers = names.filter_map(|name| name.parse::<u64>().ok());
        numbers
            .chain(self.releases.iter().map(|release| release.number))
            .max()
            .unwrap_or(0)
            .saturating_add(1)
    }

    /// Whether a content is there. Contents get their names only when they are complete, so the size is proof enough.
    pub(crate) fn has(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.blob(digest)).is_ok_and(|found| found.is_file() && found.len() == size)
    }

    /// Makes the directory a layout, and removes what a run that was killed left unfinished.
    pub(crate) fn prepare(&self) -> Result<()> {
        let blobs = self.directory.join(documents::BLOBS);
        fs::create_dir_all(&blobs).map_err(|error| files::failed("create", &blobs, &error))?;
        files::remove_unfinished(&self.directory)?;
        files::remove_unfinished(&blobs)?;
        if read_marker(&self.directory)?.is_none() {
            let marker = self.directory.join(documents::MARKER);
            files::write(documents::MARKER_CONTENT.as_bytes(), &marker)?;
        }
        Ok(())
    }

    /// Writes a content of the app.
    pub(crate) async fn save(&self, content: &Content) -> Result<()> {
        let digest = content
            .digest()
            .parse()
            .map_err(|error: spin_deployer_oci::DigestError| Error::failed(error.to_string()))?;
        files::save(content, &self.blob(&digest)).await
    }

    /// Writes a document, unless it is there.
    pub(crate) fn write(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        if self.has(digest, bytes.len() as u64) {
            return Ok(());
        }
        files::write(bytes, &self.blob(digest))
    }

    /// Makes a release the active one, a new one too.
    pub(crate) fn activate(&mut self, release: &Kept) -> Result<()> {
        if !self.releases.contains(release) {
            self.releases.push(release.clone());
        }
        self.active = Some(release.number);
        let manifests = &mut self.index.manifests;
        manifests.retain(|descriptor| Kept::read(descriptor).is_none());
        let active = self.active;
        manifests.extend(
            self.releases
                .iter()
                .map(|r| r.descriptor(Some(r.number) == active)),
        );
        self.write_index()
    }

    /// Removes all releases and what only they need. Returns their numbers.
    pub(crate) fn destroy(mut self) -> Result<Vec<u64>> {
        let ours: BTreeSet<Digest> = self
            .releases
            .iter()
            .map(|release| release.digest.clone())
            .collect();
        let mut unneeded = self.reachable(&ours);
        self.index
            .manifests
            .retain(|descriptor| Kept::read(descriptor).is_none());
        let others: BTreeSet<Digest> = self
            .index
            .manifests
            .iter()
            .map(|d| d.digest.clone())
            .collect();
        if read_marker(&self.directory)?.is_none() {
            return Ok(Vec::new());
        }
        self.write_index()?;
        if others.is_empty() {
            // Nothing is left that could need a content: those of an unfinished release go too.
            unneeded.extend(self.blobs()?);
        } else {
            let needed = self.reachable(&others);
            unneeded.retain(|digest| !needed.contains(digest));
        }
        for digest in &unneeded {
            remove(fs::remove_file, &self.blob(digest))?;
        }
        let blobs = self.directory.join(documents::BLOBS);
        files::remove_unfinished(&blobs)?;
        files::remove_unfinished(&self.directory)?;
        if others.is_empty() {
            remove(fs::remove_file, &self.directory.join(documents::INDEX))?;
            remove(fs::remove_file, &self.directory.join(documents::MARKER))?;
            // Where files of others are in them, they stay.
            let _ =
                fs::remove_dir(&blobs).and_then(|()| fs::remove_dir(self.directory.join("blobs")));
        }
        Ok(self.releases.iter().map(|release| release.number).collect())
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.directory.join(documents::BLOBS).join(digest.hex())
    }

    /// Replaces `index.json`, the last step of every change.
    fn write_index(&mut self) -> Result<()> {
        let path = self.directory.join(documents::INDEX);
        if read(&path)? != self.read {
            return Err(
                Error::conflict("another run changed the directory meanwhile").hint("run it again"),
            );
        }
        let bytes =
            serde_json::to_vec(&self.index).map_err(|error| Error::failed(error.to_string()))?;
        files::write(&bytes, &path)?;
        self.read = Some(bytes);
        Ok(())
    }

    /// These manifests, and every digest that they name.
    fn reachable(&self, manifests: &BTreeSet<Digest>) -> BTreeSet<Digest> {
        let mut found = manifests.clone();
        for digest in manifests {
            let bytes = fs::read(self.blob(digest)).unwrap_or_default();
            digests(
                &serde_json::from_slice(&bytes).unwrap_or_default(),
                &mut found,
            );
        }
        found
    }

    fn blobs(&self) -> Result<Vec<Digest>> {
        let blobs = self.directory.join(documents::BLOBS);
        let fail = |error: io::Error| files::failed("read", &blobs, &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&blobs).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            found.extend(format!("sha256:{}", name.to_string_lossy()).parse::<Digest>());
        }
        Ok(found)
    }
}

fn name(descriptor: &Descriptor) -> Option<&str> {
    descriptor
        .annotations
        .get(documents::REF_NAME)
        .map(String::as_str)
}

/// Every `digest` anywhere in a document.
fn digests(document: &Value, found: &mut BTreeSet<Digest>) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| digests(item, found)),
        Value::Object(fields) => {
            found.extend(
                fields
                    .get("digest")
                    .and_then(Value::as_str)
                    .and_then(|d| d.parse().ok()),
            );
            fields.values().for_each(|field| digests(field, found));
        }
        _ => {}
    }
}

fn read_marker(directory: &Path) -> Result<Option<String>> {
    let Some(bytes) = read(&directory.join(documents::MARKER))? else {
        return Ok(None);
    };
    let marker: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let version = marker.get("imageLayoutVersion").and_then(Value::as_str);
    Ok(Some(version.unwrap_or("unknown").to_owned()))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(files::failed("read", path, &error)),
    }
}

fn remove(how: fn(PathBuf) -> io::Result<()>, path: &Path) -> Result<()> {
    match how(path.to_owned()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(files::failed("remove", path, &error))
        }
        _ => Ok(()),
    }
}
