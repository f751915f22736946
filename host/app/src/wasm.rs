//! Whether a file is Wasm: its header and the frame of its sections, a few seeks and no section in memory.
//!
//! That catches what goes wrong in practice: an empty file, an HTML error page, text format, a build that was
//! interrupted or a file that lost its end. Whether the code is valid is the platform's to say.
//!
//! Text format is refused because Spin does not run it: it lets text pass when it checks what it pushes, and then cannot
//! read it when it composes, nor when it starts the app.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

use crate::content::Content;

/// What is wrong; reads as the end of a sentence about the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotWasm {
    #[error("is empty")]
    Empty,
    #[error("is Wasm in text format, not in binary format")]
    TextFormat,
    #[error("is no WebAssembly")]
    NoHeader,
    #[error("is WebAssembly of an unknown version")]
    Version,
    #[error("is damaged: it ends in the middle, or its section at byte {0} is none")]
    Damaged(u64),
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

impl NotWasm {
    /// What to do about it, where that is not to build it again.
    pub(crate) fn help(&self) -> Option<&'static str> {
        match self {
            Self::TextFormat => Some(
                "convert it with `wasm-tools parse in.wat -o out.wasm`, and name what comes of it",
            ),
            _ => None,
        }
    }
}

/// In bytes: how far text is looked at for its first character.
const BUFFER: usize = 512;
/// Modules have sections 0 to 13, components 0 to 12 (the binary formats' own numbers).
const LAST_OF_MODULE: u8 = 13;
const LAST_OF_COMPONENT: u8 = 12;
/// The second half of a module's header.
const MODULE: [u8; 4] = [1, 0, 0, 0];

pub(crate) fn check(file: File) -> Result<(), NotWasm> {
    let size = file.metadata()?.len();
    check_all(file, size)
}

pub(crate) fn check_bytes(bytes: &[u8]) -> Result<(), NotWasm> {
    check_all(io::Cursor::new(bytes), bytes.len() as u64)
}

/// Whether something that passed the check is a core module and no component.
pub(crate) fn is_module(content: &Content) -> io::Result<bool> {
    let mut header = Vec::with_capacity(8);
    let reader = content.open(0).map_err(io::Error::other)?;
    reader.take(8).read_to_end(&mut header)?;
    Ok(header.ends_with(&MODULE))
}

fn check_all(wasm: impl Read + Seek, size: u64) -> Result<(), NotWasm> {
    let mut file = BufReader::with_capacity(BUFFER, wasm);
    let mut header = Vec::with_capacity(8);
    file.by_ref().take(8).read_to_end(&mut header)?;
    let last = match header.as_slice() {
        [] => return Err(NotWasm::Empty),
        [0, b'a', b's', b'm', version @ ..] if version == MODULE => LAST_OF_MODULE,
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0] => LAST_OF_COMPONENT,
        [0, b'a', b's', b'm', ..] => return Err(NotWasm::Version),
        _ => {
            header.extend(file.fill_buf()?);
            let text = header.trim_ascii_start();
            return Err(if text.starts_with(b"(") || text.starts_with(b";;") {
                NotWasm::TextFormat
            } else {
                NotWasm::NoHeader
            });
        }
    };
    let mut at = 8;
    while !file.fill_buf()?.is_empty() {
        let start = at;
        let mut id = [0];
        file.read_exact(&mut id)?;
        let (length, digits) = length(&mut file)?.ok_or(NotWasm::Damaged(start))?;
        at += 1 + digits + u64::from(length);
        if id[0] > last || at > size {
            return Err(NotWasm::Damaged(start));
        }
        // Within the buffer this only moves a number.
        file.seek_relative(i64::from(length))?;
    }
    Ok(())
}

/// An unsigned number of 32 bits in LEB128, and how many bytes it took.
fn length(file: &mut impl Read) -> Result<Option<(u32, u64)>, io::Error> {
    let mut value = 0_u64;
    for index in 0..5 {
        let mut byte = [0];
        match file.read_exact(&mut byte) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        value |= u64::from(byte[0] & 0x7f) << (7 * index);
        if byte[0] & 0x80 == 0 {
            return Ok(u32::try_from(value).ok().map(|value| (value, index + 1)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn checked(bytes: &[u8]) -> Result<(), NotWasm> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        check(file)
    }

    #[test]
    fn modules_and_components_pass_and_nothing_else_does() {
        const MODULE: &[u8] = b"\0asm\x01\0\0\0";
        const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
        checked(MODULE).unwrap();
        checked(COMPONENT).unwrap();
        let long = [MODULE, &[0, 0x80, 0x20], &[0; 4096], &[1, 1, 0]].concat();
        checked(&long).unwrap();
        assert!(matches!(checked(b""), Err(NotWasm::Empty)));
        for text in [
            "(module)",
            "(;;)",
            ";; what\n(component)",
            "\n        \t;; a",
        ] {
            let checked = checked(text.as_bytes());
            assert!(matches!(checked, Err(NotWasm::TextFormat)), "{text}");
        }
        assert!(matches!(checked(b"         "), Err(NotWasm::NoHeader)));
        assert!(matches!(checked(b"<html></html>"), Err(NotWasm::NoHeader)));
        assert!(matches!(checked(b"\0as"), Err(NotWasm::NoHeader)));
        assert!(matches!(checked(b"\0asm\x02\0\0\0"), Err(NotWasm::Version)));
        assert!(matches!(
            checked(&long[..long.len() - 1]),
            Err(NotWasm::Damaged(4107))
        ));
        assert!(matches!(
            checked(&[MODULE, &[99, 0]].concat()),
            Err(NotWasm::Damaged(8))
        ));
        assert!(matches!(
            checked(&[MODULE, &[0, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat()),
            Err(NotWasm::Damaged(8))
        ));
        assert!(matches!(
            checked(&[MODULE, &[0]].concat()),
            Err(NotWasm::Damaged(8))
        ));
    }
}
