//! Plugins that the user installed.
//!
//! `plugins.toml` says in the format of a `deployer.lock` which they are, where they came from and what the user agreed to;
//! beside it each component is a file named by its digest, `sha256-….wasm`, and where it was signed another one with what
//! proves that, `sha256-….signature.json`. A component is hashed each time that it is
//! read: what is run is what was installed, whatever happened to the disk. Components that no entry names are here too:
//! those that the lock of some app refers to, [`Installed::keep`], and those of earlier versions, because a lock may still
//! name them.

use std::path::PathBuf;

use spin_deployer_grants::{Lock, LockedPlugin};
use spin_deployer_manifest::PluginName;
use spin_deployer_oci::Digest;
use spin_deployer_signature::MAX_PROOF;

use crate::folder::{Folder, Held, Others};
use crate::plugins_error::PluginsError;

const FILE: &str = "plugins.toml";
/// Of `plugins.toml`, in bytes.
const LARGEST: u64 = 4 << 20;
/// The largest component that is taken, so that a wrong file does not fill the memory. In bytes.
pub const LARGEST_COMPONENT: u64 = 256 << 20;

/// A folder of plugins, which need not exist yet.
#[derive(Clone, Debug)]
pub struct Installed(Folder);

impl Installed {
    /// In this folder.
    pub fn at(folder: PathBuf) -> Self {
        Self(Folder::at(folder, Others::Read))
    }

    /// The file that says which plugins are installed.
    pub fn file(&self) -> PathBuf {
        self.0.file(FILE)
    }

    /// Where the component of this digest is, or would be.
    pub fn component_file(&self, digest: &Digest) -> PathBuf {
        self.0.file(&component_name(digest))
    }

    /// What is installed, by name.
    ///
    /// # Errors
    /// A folder or file that others could have written, a damaged file, or one that cannot be read.
    pub fn list(&self) -> Result<Lock, PluginsError> {
        let Some(bytes) = self.0.read(FILE, LARGEST)? else {
            return Ok(Lock::default());
        };
        let damaged = |why: String| PluginsError::Damaged {
            path: self.file(),
            why,
        };
        let text = std::str::from_utf8(&bytes).map_err(|e| damaged(e.to_string()))?;
        text.parse()
            .map_err(|e: spin_deployer_grants::LockError| damaged(e.to_string()))
    }

    /// The component with this digest, whoever put it here. `None`: it is not here.
    ///
    /// # Errors
    /// One that is not what its name says, that others could have written, or that cannot be read.
    pub fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, PluginsError> {
        let Some(bytes) = self.0.read(&component_name(digest), LARGEST_COMPONENT)? else {
            return Ok(None);
        };
        let found = Digest::of(&bytes);
        if found == *digest {
            return Ok(Some(bytes.to_vec()));
        }
        // Which one it is helps to mend it; where that cannot be known either, the file has to do.
        let plugins = self.list().unwrap_or_default().plugins;
        let entry = plugins.into_values().find(|entry| entry.digest == *digest);
        Err(PluginsError::Component {
            path: self.component_file(digest),
            found,
            source_text: entry.map(|entry| entry.source.as_str().to_owned()),
        })
    }

    /// What proves who signed the component of this digest, as [`Self::put`] or [`Self::keep`] got it. `None`: nothing, or
    /// nothing that could be read.
    pub fn proof(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bytes = self.0.read(&proof_name(digest), MAX_PROOF).ok()??;
        Some(bytes.to_vec())
    }

    /// Installs a plugin in place of the one of that name. The component of the earlier one stays, for locks that name it.
    /// `proof`: of who signed it.
    ///
    /// # Errors
    /// As [`Self::list`], a component that has not the digest of its entry, or it cannot be written. Then the plugin that
    /// was installed still is.
    pub fn put(
        &self,
        name: &PluginName,
        plugin: LockedPlugin,
        wasm: &[u8],
        proof: Option<&[u8]>,
    ) -> Result<(), PluginsError> {
        let found = Digest::of(wasm);
        if found != plugin.digest {
            return Err(PluginsError::Component {
                path: self.component_file(&plugin.digest),
                found,
                source_text: Some(plugin.source.as_str().to_owned()),
            });
        }
        let held = self.0.hold()?;
        let mut lock = self.list()?;
        self.put_component(&held, &found, wasm, proof)?;
        lock.plugins.insert(name.clone(), plugin);
        write(&held, &lock)
    }

    /// Puts the entry back that [`Self::put`] replaced; `None`: there was none. The component that came stays.
    ///
    /// # Errors
    /// As [`Self::list`], or it cannot be written.
    pub fn put_back(
        &self,
        name: &PluginName,
        before: Option<LockedPlugin>,
    ) -> Result<(), PluginsError> {
        let held = self.0.hold()?;
        let mut lock = self.list()?;
        match before {
            Some(before) => lock.plugins.insert(name.clone(), before),
            None => lock.plugins.remove(name),
        };
        write(&held, &lock)
    }

    /// Keeps a component that some lock refers to, by its digest alone: it gets no name, and nobody's name changes.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn keep(&self, wasm: &[u8], proof: Option<&[u8]>) -> Result<Digest, PluginsError> {
        let digest = Digest::of(wasm);
        let held = self.0.hold()?;
        self.put_component(&held, &digest, wasm, proof)?;
        Ok(digest)
    }

    /// Takes a plugin away, with its component where no other name has the same. `None`: none of that name is installed.
    ///
    /// # Errors
    /// As [`Self::list`], or it cannot be written.
    pub fn remove(&self, name: &str) -> Result<Option<LockedPlugin>, PluginsError> {
        if !self.0.exists()? {
            return Ok(None);
        }
        let held = self.0.hold()?;
        let mut lock = self.list()?;
        let Some(removed) = lock.plugins.remove(name) else {
            return Ok(None);
        };
        write(&held, &lock)?;
        let is_used = |other: &LockedPlugin| other.digest == removed.digest;
        if !lock.plugins.values().any(is_used) {
            held.remove(&component_name(&removed.digest))?;
            held.remove(&proof_name(&removed.digest))?;
        }
        Ok(Some(removed))
    }

    /// One that is there and whole is not written again, so that who reads it meanwhile is not disturbed.
    fn put_component(
        &self,
        held: &Held,
        digest: &Digest,
        wasm: &[u8],
        proof: Option<&[u8]>,
    ) -> Result<(), PluginsError> {
        if let Some(proof) = proof {
            held.write(&proof_name(digest), proof)?;
        }
        if matches!(self.component(digest), Ok(Some(_))) {
            return Ok(());
        }
        Ok(held.write(&component_name(digest), wasm)?)
    }
}

fn write(held: &Held, lock: &Lock) -> Result<(), PluginsError> {
    Ok(held.write(FILE, lock.to_string().as_bytes())?)
}

/// What the file of a component is called, here and in a folder of `--vendor`: `sha256-<64 hex>.wasm`.
pub fn component_name(digest: &Digest) -> String {
    format!("sha256-{}.wasm", digest.hex())
}

/// What the file beside it is called that proves who signed it: `sha256-<64 hex>.signature.json`.
pub fn proof_name(digest: &Digest) -> String {
    format!("sha256-{}.signature.json", digest.hex())
}
