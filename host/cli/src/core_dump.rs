//! No core dumps: what this process has in its memory are secrets in the clear, and a crash must not write them to a disk.

/// From now on a crash leaves none. Of the system's limit only what may be raised again is lowered, so that a build that
/// wants dumps can have them.
///
/// Not by making the process undumpable: without root it would lose its own `/proc/self` then, which files are opened by.
#[cfg(unix)]
pub(crate) fn forbid() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = Rlimit {
        current: Some(0),
        ..getrlimit(Resource::Core)
    };
    // Lowering cannot fail.
    let _ = setrlimit(Resource::Core, limit);
}

/// Windows writes none unless its user has asked for them.
#[cfg(not(unix))]
pub(crate) fn forbid() {}
