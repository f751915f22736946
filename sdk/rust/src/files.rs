//! Files in a directory that an option of type `output-directory` names.
//!
//! `std::fs` works there too. What is here adds two things: a content of the app reaches the disk inside the host, and a
//! file is either complete under its name or not there, whenever the run ends.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

use crate::app::Content;
use crate::content::{CopyError, splice};
use crate::{Error, Result};

/// How the names of unfinished files begin; a random part follows, so that two runs do not write into one file.
const UNFINISHED: &str = ".unfinished-";

const ABANDONED: Duration = Duration::from_secs(15 * 60);

/// Writes a content of the app to `path`, whole or not at all.
///
/// # Errors
/// `failed`, with what the file system said, or where the content changed since the host hashed it.
pub async fn save(content: &Content, path: &Path) -> Result<()> {
    let unfinished = beside(path);
    write_content(content, &unfinished).await?;
    fs::rename(&unfinished, path).map_err(|error| failed("rename", &unfinished, &error))
}

/// Writes bytes to `path`, whole or not at all; what was there is replaced at one stroke.
///
/// # Errors
/// `failed`, with what the file system said.
pub fn write(bytes: &[u8], path: &Path) -> Result<()> {
    let unfinished = beside(path);
    fs::File::create(&unfinished)
        .and_then(|mut file| {
            io::Write::write_all(&mut file, bytes)?;
            file.sync_all()
        })
        .map_err(|error| failed("write", &unfinished, &error))?;
    fs::rename(&unfinished, path).map_err(|error| failed("rename", &unfinished, &error))
}

/// Removes what earlier runs left unfinished in `directory`, which need not exist: files that nobody has written to for
/// fifteen minutes, which no run that is alive leaves alone for so long.
///
/// # Errors
/// `failed`, with what the file system said.
pub fn remove_unfinished(directory: &Path) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| failed("read", directory, &error))?,
    };
    for entry in entries {
        let entry = match entry {
            // Another run has finished it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entry => entry.map_err(|error| failed("read", directory, &error))?,
        };
        let age = entry
            .metadata()
            .and_then(|found| found.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        let abandoned = age.is_some_and(|age| age > ABANDONED);
        if abandoned && entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())
                .map_err(|error| failed("remove", &entry.path(), &error))?;
        }
    }
    Ok(())
}

/// What the file system said, in an error that names what was tried and on which file.
pub fn failed(tried: &str, path: &Path, error: &io::Error) -> Error {
    let failure =
        Error::failed(format!("cannot {tried} {}", shown(path))).detail(error.to_string());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            failure.hint("free some space and run it again: what is there already is kept")
        }
        _ => failure,
    }
}

/// The path as the user knows it: what a plugin sees as `/options/directory/index.json` is `index.json` in `--directory`.
fn shown(path: &Path) -> String {
    let below = path.strip_prefix("/options").ok().and_then(Path::to_str);
    match below.map(|below| below.split_once('/').unwrap_or((below, "."))) {
        Some((option, ".")) => format!("the directory of --{option}"),
        Some((option, file)) => format!("`{file}` in the directory of --{option}"),
        None => format!("`{}`", path.display()),
    }
}

async fn write_content(content: &Content, path: &Path) -> Result<()> {
    let fail = |code: ErrorCode| failed("write", path, &io::Error::other(code.message()));
    // The standard library keeps its descriptors to itself, and only a descriptor has a stream to splice into.
    let (directory, relative) = get_directories()
        .into_iter()
        .find_map(|(directory, name)| {
            let relative = path.strip_prefix(&name).ok()?.to_str()?.to_owned();
            Some((directory, relative))
        })
        .ok_or_else(|| fail(ErrorCode::NotPermitted))?;
    let file = directory
        .open_at(
            PathFlags::empty(),
            &relative,
            OpenFlags::CREATE | OpenFlags::TRUNCATE,
            DescriptorFlags::WRITE,
        )
        .map_err(fail)?;
    let sink = file.write_via_stream(0).map_err(fail)?;
    let source = content.read(0, None)?;
    splice(&source, &sink, content.size())
        .await
        .map_err(|error| match error {
            CopyError::Source(reason) => {
                Error::failed("a file of the application could not be read")
                    .detail(reason)
                    .hint("do not change the application while it is being deployed")
            }
            CopyError::Sink(reason) => failed("write", path, &io::Error::other(reason)),
        })?;
    drop(sink);
    file.sync().map_err(fail)
}

fn beside(path: &Path) -> PathBuf {
    let random = wasip2::random::insecure::get_insecure_random_u64();
    let mut name = OsString::from(format!("{UNFINISHED}{random:016x}-"));
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}
