//! SHA-256 of files, natively and in parallel, with a fixed amount of memory whatever their size.

use std::io::{self, Read};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::folder::{Folder, Refusal};
use crate::memory::{DigestMemory, FileStamp};

/// What one thread reads at a time, in bytes.
pub(crate) const BUFFER: usize = 128 << 10;
/// More threads only make a spinning disk slower.
const MOST_THREADS: usize = 8;

/// A file whose content is known.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) digest: String,
    pub(crate) stamp: FileStamp,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("changed while it was read")]
    Changed,
}

/// Hashes each of `paths` once; the results are in the same order.
pub(crate) fn files(
    folder: &Folder,
    paths: &[String],
    memory: &dyn DigestMemory,
) -> Vec<Result<Hashed, HashError>> {
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_THREADS)
        .min(paths.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(paths.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; BUFFER];
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(index) else { return };
                    let result = file(folder, path, memory, SystemTime::now(), &mut buffer);
                    // Nothing panics while it holds the lock.
                    done.lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner())
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn file(
    folder: &Folder,
    path: &str,
    memory: &dyn DigestMemory,
    started: SystemTime,
    buffer: &mut [u8],
) -> Result<Hashed, HashError> {
    let (mut file, stamp) = folder.file(path)?;
    if let Some(digest) = memory.recall(&stamp) {
        return Ok(Hashed { digest, stamp });
    }
    let (digest, _) = read_all(&mut file, buffer)
        .map_err(|error| HashError::Refused(Refusal::Unreadable(error)))?;
    let after = file
        .metadata()
        .map_err(|error| HashError::Refused(Refusal::Unreadable(error)))?;
    if FileStamp::new(path, &after) != stamp {
        return Err(HashError::Changed);
    }
    if stamp.settled_at(started) {
        memory.remember(&stamp, &digest);
    }
    Ok(Hashed { digest, stamp })
}

/// Digest and size of what `reader` has.
pub(crate) fn read_all(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ok((format!("sha256:{}", hexadecimal(&hasher.finalize())), size)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// `sha256:` and 64 digits.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hexadecimal(&sha256(bytes)))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)] as char,
                DIGITS[usize::from(byte & 15)] as char,
            ]
        })
        .collect()
}

/// The digits of a well-formed `sha256:` digest.
pub(crate) fn digits(digest: &str) -> Option<&str> {
    let digits = digest.strip_prefix("sha256:")?;
    let good = digits.len() == 64
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    good.then_some(digits)
}

/// Where an OCI layout has the content of a well-formed digest (image-spec, "Blobs").
pub(crate) fn blob_path(digest: &str) -> Option<String> {
    Some(format!("blobs/sha256/{}", digits(digest)?))
}

pub(crate) fn is_digest(digest: &str) -> bool {
    digits(digest).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_remembered_when_it_had_settled_and_then_not_read_again() {
        let root = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "x").unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let memory = crate::FileMemory::at(cache.path(), root.path());
        let hash = |now| file(&folder, "a", &memory, now, &mut [0; 16]).unwrap();

        let fresh = hash(SystemTime::now());
        assert_eq!(memory.recall(&fresh.stamp), None);
        let settled = hash(SystemTime::now() + std::time::Duration::from_secs(10));
        assert_eq!(memory.recall(&settled.stamp), Some(digest_of(b"x")));

        memory.remember(&settled.stamp, "planted");
        assert_eq!(hash(SystemTime::now()).digest, "planted");
    }

    #[test]
    fn digests_are_those_of_fips_180() {
        assert_eq!(
            digest_of(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let (digest, size) = read_all(&mut &b"abc"[..], &mut [0; 2]).unwrap();
        assert_eq!((digest, size), (digest_of(b"abc"), 3));
        assert!(!is_digest("sha256:ABC") && !is_digest("md5:00"));
    }
}
