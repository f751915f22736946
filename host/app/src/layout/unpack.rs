//! Files out of archive layers, by digest. Their names are never used as paths: they all go into one temporary file.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::Layout;
use super::image::Blob;
use crate::archive::{Bounded, temporary};
use crate::content::Content;
use crate::finding::LoadError;
use crate::hash::{BUFFER, read_all};

/// All archives of an image together, in bytes: what a few kilobytes can be made to unpack to has no bound.
const MOST_UNPACKED: u64 = 4 << 30;
/// A long name takes an entry of its own before the file's; it is read over.
const LONGEST_NAME: u64 = 64 << 10;

pub(super) fn unpack(
    layout: &Layout<'_>,
    archives: &[&Blob],
    mut missing: BTreeSet<String>,
    contents: &HashMap<String, Arc<Content>>,
    directory: Option<&Path>,
) -> Result<HashMap<String, Arc<Content>>, LoadError> {
    let mut unpacked = HashMap::new();
    if missing.is_empty() || archives.is_empty() {
        return Ok(unpacked);
    }
    let failed = |error: io::Error| {
        layout.error_with(
            "unreadable",
            "",
            format!("nothing can be unpacked: {error}"),
            "",
        )
    };
    let spool = Arc::new(temporary(directory).map_err(failed)?);
    let mut end = 0;
    let mut left = MOST_UNPACKED;
    let mut buffer = vec![0; BUFFER];
    for archive in archives {
        let path = archive.path();
        let broken = |error: io::Error| {
            layout.error(
                "archive",
                &path,
                format!("the archive cannot be unpacked: {error}"),
            )
        };
        let Some(content) = contents.get(&archive.digest) else {
            continue;
        };
        let reader = content
            .open(0)
            .map_err(|error| broken(io::Error::other(error)))?;
        let bounded = Bounded {
            inner: GzDecoder::new(io::BufReader::with_capacity(BUFFER, reader)),
            left,
        };
        let mut tar = Archive::new(bounded);
        // Raw: names of any length stay on the disk, and nothing in the archive reinterprets the entry after it.
        for entry in tar.entries().map_err(broken)?.raw(true) {
            let mut entry = entry.map_err(broken)?;
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => {}
                EntryType::Directory => continue,
                EntryType::GNULongName | EntryType::XHeader | EntryType::XGlobalHeader
                    if entry
                        .header()
                        .entry_size()
                        .is_ok_and(|size| size <= LONGEST_NAME) =>
                {
                    continue;
                }
                other => {
                    let message = format!(
                        "the archive has an entry of type {other:?}, only files are accepted"
                    );
                    return Err(layout.error("archive", &path, message));
                }
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..") {
                return Err(layout.error(
                    "outside-guest",
                    &path,
                    format!("the archive has an entry `{name}`"),
                ));
            }
            (&*spool).seek(SeekFrom::Start(end)).map_err(failed)?;
            let mut copying = Copying {
                from: &mut entry,
                to: &spool,
            };
            let (digest, size) = read_all(&mut copying, &mut buffer).map_err(broken)?;
            // What nobody asked for is written over by the next.
            if missing.remove(&digest) {
                let content = Content::temporary(digest.clone(), Arc::clone(&spool), end, size);
                unpacked.insert(digest, Arc::new(content));
                end += size;
            }
        }
        left = tar.into_inner().left;
    }
    Ok(unpacked)
}

/// Writes down what is read through it.
struct Copying<'a, R> {
    from: R,
    to: &'a std::fs::File,
}

impl<R: Read> Read for Copying<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}
