//! A `tar.gz` that is the same bytes wherever it is packed: its files by name, all of them root's, one time for all.

use std::collections::BTreeMap;
use std::io;

use anyhow::{Result, ensure};
use flate2::{Compression, GzBuilder};

use super::licenses::Text;

/// What gzip writes for a system that is none of its list.
const ANY_SYSTEM: u8 = 255;

/// Files by their path, with slashes.
#[derive(Default)]
pub(crate) struct Archive {
    files: BTreeMap<String, File>,
}

struct File {
    mode: u32,
    bytes: Vec<u8>,
}

impl Archive {
    /// # Errors
    /// Where there is a file of this path already.
    pub(crate) fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.insert(path, File { mode: 0o644, bytes })
    }

    /// A file that can be run.
    pub(crate) fn add_program(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.insert(path, File { mode: 0o755, bytes })
    }

    /// The licences of a package.
    pub(crate) fn add_texts(&mut self, folder: &str, texts: Vec<Text>) -> Result<()> {
        for Text { path, bytes } in texts {
            self.add(&format!("licenses/{folder}/{path}"), bytes)?;
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, file: File) -> Result<()> {
        let there = self.files.insert(path.to_owned(), file);
        ensure!(there.is_none(), "two files want to be {path}");
        Ok(())
    }

    /// The archive, whose files are of this time, in seconds since 1970.
    pub(crate) fn pack(&self, seconds: u64) -> io::Result<Vec<u8>> {
        let gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(ANY_SYSTEM)
            .write(Vec::new(), Compression::best());
        let mut tar = tar::Builder::new(gzip);
        for (path, File { mode, bytes }) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(seconds);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, bytes.as_slice())?;
        }
        tar.into_inner()?.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const FILES: [&str; 4] = [
        "README.txt",
        "deployer",
        "licenses/a-1.0.0/LICENSE",
        "sbom.cdx.json",
    ];

    fn archive<'a>(paths: impl IntoIterator<Item = &'a str>) -> Archive {
        let mut archive = Archive::default();
        for path in paths {
            let bytes = path.as_bytes().to_vec();
            match path {
                "deployer" => archive.add_program(path, bytes).unwrap(),
                _ => archive.add(path, bytes).unwrap(),
            }
        }
        archive
    }

    fn unpacked(packed: &[u8]) -> tar::Archive<flate2::read::GzDecoder<&[u8]>> {
        tar::Archive::new(flate2::read::GzDecoder::new(packed))
    }

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let packed = archive(FILES).pack(1_700_000_000).unwrap();
        let again = archive(FILES.into_iter().rev());
        assert_eq!(again.pack(1_700_000_000).unwrap(), packed);
        // Names no time, no file and no system.
        assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
        assert_ne!(again.pack(1_700_000_001).unwrap(), packed);
    }

    #[test]
    fn files_stand_by_name_and_are_roots() {
        let packed = archive(FILES.into_iter().rev()).pack(1_700_000_000);
        let packed = packed.unwrap();
        let mut found = Vec::new();
        for entry in unpacked(&packed).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert_eq!(text, path);
            let header = entry.header();
            assert_eq!(header.entry_type(), tar::EntryType::Regular);
            assert_eq!(header.mtime().unwrap(), 1_700_000_000);
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let mode = if path == "deployer" { 0o755 } else { 0o644 };
            assert_eq!(header.mode().unwrap(), mode, "{path}");
            found.push(path);
        }
        assert_eq!(found, FILES);
    }

    /// As Spin does it: everything into the plugin's folder, and in there a program of the plugin's name.
    #[test]
    fn the_program_lies_at_the_top() {
        let folder = tempfile::tempdir().unwrap();
        let packed = archive(FILES).pack(0).unwrap();
        unpacked(&packed).unpack(folder.path()).unwrap();
        let program = folder.path().join("deployer");
        assert_eq!(std::fs::read_to_string(program).unwrap(), "deployer");
    }

    #[test]
    fn a_long_path_is_kept_whole() {
        let path = format!("licenses/{}/LICENSE", "long/".repeat(60));
        let packed = archive([path.as_str()]).pack(0).unwrap();
        let mut unpacked = unpacked(&packed);
        let mut entries = unpacked.entries().unwrap();
        let entry = entries.next().unwrap().unwrap();
        let found = entry.path().unwrap().to_str().unwrap().replace("//", "/");
        assert_eq!(found, path.replace("//", "/"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let mut archive = archive(FILES);
        archive.add("README.txt", Vec::new()).unwrap_err();
    }
}
