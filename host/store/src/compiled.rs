//! Compiled code of plugins, kept between runs.
//!
//! Machine code that comes from disk runs with all the rights of this process, so it is only taken from a file that
//! this user alone can have written, and only whole: a file begins with the SHA-256 of its key and of the code that
//! follows, is written aside and renamed, and is read into memory before it is checked, so that nobody changes it
//! after the check. A damaged file is removed and counts as absent; the plugin is then compiled again.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use spin_deployer_private as private;

/// In bytes. The code of the largest plugins known is a tenth of it.
const LARGEST: u64 = 512 << 20;
const HASH: usize = 32;

/// Why compiled code can be neither had nor kept. None of it keeps a plugin from being compiled and run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not `sha256:` and 64 hexadecimal digits.
    #[error("`{0}` is no digest of a component: `sha256:` and 64 hexadecimal digits in lower case")]
    Digest(String),
    /// Somebody else could have put code there.
    #[error("compiled code is not taken from {}: {why}", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Who could, and what to do.
        why: String,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One file of compiled code, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCode {
    /// Of the component that it was made of.
    pub digest: String,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it. `None`: nothing.
    pub problem: Option<String>,
}

/// A folder of compiled code, which need not exist yet.
#[derive(Debug, Clone)]
pub struct CompiledCode {
    dir: PathBuf,
}

impl CompiledCode {
    /// The store in this folder.
    pub fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The code that was kept for this component (`sha256:…`) by an engine of this compatibility. `None` where there
    /// is none, or a damaged one, which is removed.
    ///
    /// # Errors
    /// A digest that is none, a folder or file that others could have written, or one that cannot be read.
    pub fn get(
        &self,
        digest: &str,
        compatibility: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(digest, compatibility)?;
        if !self.folder_exists()? {
            return Ok(None);
        }
        let Some(file) = open(&path)? else {
            return Ok(None);
        };
        let metadata = file.metadata().map_err(at(&path))?;
        check(&path, &metadata)?;
        let code = if metadata.is_file() {
            read(file, digest, compatibility).map_err(at(&path))?
        } else {
            None
        };
        if code.is_none() {
            // Not there any more is as good: another process found it damaged too.
            fs::remove_file(&path)
                .or_else(absent_is_fine)
                .map_err(at(&path))?;
        }
        Ok(code)
    }

    /// Keeps the code for this component and compatibility, in place of what is there.
    ///
    /// # Errors
    /// As for [`CompiledCode::get`], or when the disk is full or read-only. Then nothing changed.
    pub fn put(
        &self,
        digest: &str,
        compatibility: &[u8; 32],
        code: &[u8],
    ) -> Result<(), StoreError> {
        let path = self.path(digest, compatibility)?;
        if !self.folder_exists()? {
            private::create_folder(&self.dir).map_err(at(&self.dir))?;
            self.folder_exists()?;
        }
        let write = || -> io::Result<()> {
            // Created with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(&hash(digest, compatibility, code))?;
            file.write_all(code)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(at(&path))
    }

    /// Looks at all of it, and changes nothing.
    ///
    /// # Errors
    /// The folder cannot be read, or others could have written to it.
    pub fn verify(&self) -> Result<Vec<VerifiedCode>, StoreError> {
        if !self.folder_exists()? {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(at(&self.dir))? {
            let path = entry.map_err(at(&self.dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some((digest, compatibility)) = name.and_then(key) else {
                continue;
            };
            all.push(VerifiedCode {
                problem: problem(&path, &digest, &compatibility),
                digest,
                file: path,
            });
        }
        all.sort_by(|one, two| one.file.cmp(&two.file));
        Ok(all)
    }

    /// # Errors
    /// When it is there and others could write to it.
    fn folder_exists(&self) -> Result<bool, StoreError> {
        match fs::symlink_metadata(&self.dir) {
            Ok(metadata) if metadata.is_dir() => check(&self.dir, &metadata).map(|()| true),
            Ok(_) => Err(at(&self.dir)(io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(&self.dir)(error)),
        }
    }

    fn path(&self, digest: &str, compatibility: &[u8; 32]) -> Result<PathBuf, StoreError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let component = digest
            .strip_prefix("sha256:")
            .filter(|digits| digits.len() == 64 && digits.bytes().all(hex))
            .ok_or_else(|| StoreError::Digest(digest.to_owned()))?;
        let engine: String = compatibility
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(self.dir.join(format!("{component}-{engine}")))
    }
}

/// `<64 digits>-<64 digits>`: of which component, by which engine.
fn key(name: &str) -> Option<(String, [u8; 32])> {
    let (component, engine) = name.split_once('-')?;
    if component.len() != 64 || engine.len() != 64 || !engine.is_ascii() {
        return None;
    }
    let mut compatibility = [0; 32];
    for (byte, at) in compatibility.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(engine.get(at..at + 2)?, 16).ok()?;
    }
    Some((format!("sha256:{component}"), compatibility))
}

fn problem(path: &Path, digest: &str, compatibility: &[u8; 32]) -> Option<String> {
    let read = || -> Result<bool, StoreError> {
        let Some(file) = open(path)? else {
            return Ok(true);
        };
        let metadata = file.metadata().map_err(at(path))?;
        check(path, &metadata)?;
        Ok(metadata.is_file()
            && read(file, digest, compatibility)
                .map_err(at(path))?
                .is_some())
    };
    match read() {
        Ok(true) => None,
        Ok(false) => Some("it is damaged, or somebody changed it".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn hash(digest: &str, compatibility: &[u8; 32], code: &[u8]) -> [u8; HASH] {
    // Both parts of the key have a fixed length.
    Sha256::new()
        .chain_update(digest)
        .chain_update(compatibility)
        .chain_update(code)
        .finalize()
        .into()
}

/// `None`: damaged.
fn read(mut file: File, digest: &str, compatibility: &[u8; 32]) -> io::Result<Option<Vec<u8>>> {
    let size = file.metadata()?.len();
    if !(HASH as u64..=LARGEST).contains(&size) {
        return Ok(None);
    }
    let mut recorded = [0; HASH];
    file.read_exact(&mut recorded)?;
    let mut code = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(LARGEST).read_to_end(&mut code)?;
    Ok((hash(digest, compatibility, &code) == recorded).then_some(code))
}

fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match private::open_anyones(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) => absent_is_fine(error).map(|()| None).map_err(at(path)),
    }
}

/// # Errors
/// Somebody else could have written it.
fn check(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    match private::foreign(metadata) {
        None => Ok(()),
        Some(why) => Err(StoreError::Foreign {
            path: path.to_owned(),
            why,
        }),
    }
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        path: path.clone(),
        source,
    }
}
