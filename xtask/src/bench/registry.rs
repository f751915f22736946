//! The registry to push to: distribution, with storage of its own that goes with it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// An empty registry on a free port of loopback.
pub(crate) struct Registry {
    address: SocketAddr,
    accesses: PathBuf,
    child: Child,
    _folder: TempDir,
}

impl Registry {
    /// Starts one that stores below `folder`, so that no push writes into memory.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(folder)?;
        let config = folder.path().join("config.yml");
        let storage = folder.path().join("storage");
        fs::write(
            &config,
            format!(
                "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
                 http:\n  addr: 127.0.0.1:0\n  secret: bench\n",
                storage.display()
            ),
        )?;
        let accesses = folder.path().join("accesses");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(File::create(&accesses)?)
            .stderr(Stdio::piped())
            .spawn()
            .context("docker-registry")?;
        let mut log = BufReader::new(child.stderr.take().context("its log is piped")?).lines();
        let mut listening = log.by_ref().map_while(Result::ok).filter_map(|line| {
            let (_, address) = line.split_once("listening on ")?;
            address.split('"').next()?.parse().ok()
        });
        let address = listening.next().context("docker-registry ended")?;
        // A full pipe would stop it.
        std::thread::spawn(move || log.for_each(drop));
        Ok(Self {
            address,
            accesses,
            child,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has answered: a line each.
    pub(crate) fn requests(&self) -> Result<usize> {
        Ok(BufReader::new(File::open(&self.accesses)?).lines().count())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Nothing can be done about a registry that has ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
