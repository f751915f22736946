//! `wasi:filesystem` that counts what is written: who names a directory to write to has not given away the whole disk.
//!
//! wasmtime-wasi does the work, with its handles that cannot be left; here every call that makes something longer, or
//! something new, is counted first. What is written over counts again, and nothing that is removed is given back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, OutputStream, StreamError, StreamResult,
};

use crate::error::Stop;
use crate::state::State;
use crate::{LimitKind, Limits};

/// What a call may still put on the disk.
#[derive(Clone)]
pub(crate) struct Left(Arc<Counts>);

struct Counts {
    bytes: AtomicU64,
    entries: AtomicU64,
    /// Why a write failed first: a plugin is told of a stream only that it failed.
    failed: OnceLock<String>,
}

impl Left {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self(Arc::new(Counts {
            bytes: AtomicU64::new(limits.written),
            entries: AtomicU64::new(limits.entries),
            failed: OnceLock::new(),
        }))
    }

    /// What the system had against the first write that failed. `None`: none failed.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.0.failed.get().map(String::as_str)
    }

    fn write(&self, bytes: u64) -> Result<(), Stop> {
        take(&self.0.bytes, bytes, LimitKind::Written)
    }

    /// One more file, directory or link.
    fn make(&self) -> Result<(), Stop> {
        take(&self.0.entries, 1, LimitKind::Entries)
    }
}

fn take(left: &AtomicU64, wanted: u64, kind: LimitKind) -> Result<(), Stop> {
    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(wanted))
        .map(drop)
        .map_err(|_| Stop::Limit(kind))
}

/// wasmtime-wasi's file system, and what is left.
pub(crate) struct Disk<'a> {
    wasi: WasiFilesystemCtxView<'a>,
    left: Left,
}

pub(crate) struct HasDisk;

impl HasData for HasDisk {
    type Data<'a> = Disk<'a>;
}

/// What is linked.
pub(crate) fn of(state: &mut State) -> Disk<'_> {
    let left = state.disk.clone();
    Disk {
        wasi: state.filesystem(),
        left,
    }
}

impl Disk<'_> {
    /// How long a file is; of what is no file, nothing.
    fn size(&self, fd: &Resource<Descriptor>) -> FsResult<u64> {
        Ok(match self.wasi.table.get(fd)? {
            Descriptor::File(file) => file.file.metadata()?.len(),
            Descriptor::Dir(_) => 0,
        })
    }

    /// A stream that counts. `gap`: what lies between the end of the file and the place where it writes, which not every
    /// file system keeps for nothing.
    fn counted(
        &mut self,
        stream: Resource<DynOutputStream>,
        gap: u64,
    ) -> FsResult<Resource<DynOutputStream>> {
        let counted: DynOutputStream = Box::new(Counted {
            stream: self.wasi.table.delete(stream)?,
            left: self.left.clone(),
            gap,
        });
        Ok(self.wasi.table.push(counted)?)
    }
}

struct Counted {
    stream: DynOutputStream,
    left: Left,
    gap: u64,
}

impl Counted {
    fn count(&mut self, bytes: &Bytes) -> StreamResult<()> {
        let gap = std::mem::take(&mut self.gap);
        self.left
            .write(gap.saturating_add(bytes.len() as u64))
            .map_err(|limit| StreamError::Trap(limit.into()))
    }

    fn told<T>(&self, result: StreamResult<T>) -> StreamResult<T> {
        if let Err(StreamError::LastOperationFailed(why)) = &result {
            self.left.0.failed.get_or_init(|| why.to_string());
        }
        result
    }
}

#[async_trait::async_trait]
impl OutputStream for Counted {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(&bytes)?;
        let written = self.stream.write(bytes);
        self.told(written)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(&bytes)?;
        let written = self.stream.blocking_write_and_flush(bytes).await;
        self.told(written)
    }

    fn flush(&mut self) -> StreamResult<()> {
        let flushed = self.stream.flush();
        self.told(flushed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let room = self.stream.check_write();
        self.told(room)
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait::async_trait]
impl Pollable for Counted {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

impl Host for Disk<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.wasi.convert_error_code(error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.wasi.filesystem_error_code(error)
    }
}

/// Calls that put nothing on the disk.
macro_rules! uncounted {
    ($(async fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(async fn $name(&mut self, $($argument: $type),*) -> $result {
            self.wasi.$name($($argument),*).await
        })*
    };
}

type Fd = Resource<Descriptor>;

impl HostDescriptor for Disk<'_> {
    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let gap = offset.saturating_sub(self.size(&fd)?);
        let count = gap.saturating_add(bytes.len() as u64);
        self.left.write(count).map_err(FsError::trap)?;
        self.wasi.write(fd, bytes, offset).await
    }

    fn write_via_stream(
        &mut self,
        fd: Fd,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let gap = offset.saturating_sub(self.size(&fd)?);
        let stream = self.wasi.write_via_stream(fd, offset)?;
        self.counted(stream, gap)
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.wasi.append_via_stream(fd)?;
        self.counted(stream, 0)
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let longer = size.saturating_sub(self.size(&fd)?);
        self.left.write(longer).map_err(FsError::trap)?;
        self.wasi.set_size(fd, size).await
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        if open_flags.contains(OpenFlags::CREATE) {
            self.left.make().map_err(FsError::trap)?;
        }
        self.wasi
            .open_at(fd, path_flags, path, open_flags, flags)
            .await
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.left.make().map_err(FsError::trap)?;
        self.wasi.create_directory_at(fd, path).await
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        self.left.make().map_err(FsError::trap)?;
        self.wasi.symlink_at(fd, target, path).await
    }

    async fn link_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.left.make().map_err(FsError::trap)?;
        self.wasi
            .link_at(fd, path_flags, path, new_fd, new_path)
            .await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.wasi.read_via_stream(fd, offset)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        HostDescriptor::drop(&mut self.wasi, fd)
    }

    uncounted! {
        async fn advise(fd: Fd, offset: Filesize, length: Filesize, advice: Advice) -> FsResult<()>;
        async fn sync_data(fd: Fd) -> FsResult<()>;
        async fn sync(fd: Fd) -> FsResult<()>;
        async fn get_flags(fd: Fd) -> FsResult<DescriptorFlags>;
        async fn get_type(fd: Fd) -> FsResult<DescriptorType>;
        async fn set_times(fd: Fd, access: NewTimestamp, change: NewTimestamp) -> FsResult<()>;
        async fn set_times_at(
            fd: Fd, flags: PathFlags, path: String, access: NewTimestamp, change: NewTimestamp
        ) -> FsResult<()>;
        async fn read(fd: Fd, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)>;
        async fn read_directory(fd: Fd) -> FsResult<Resource<DirectoryEntryStream>>;
        async fn stat(fd: Fd) -> FsResult<DescriptorStat>;
        async fn stat_at(fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat>;
        async fn readlink_at(fd: Fd, path: String) -> FsResult<String>;
        async fn remove_directory_at(fd: Fd, path: String) -> FsResult<()>;
        async fn rename_at(fd: Fd, path: String, new_fd: Fd, new_path: String) -> FsResult<()>;
        async fn unlink_file_at(fd: Fd, path: String) -> FsResult<()>;
        async fn is_same_object(one: Fd, other: Fd) -> wasmtime::Result<bool>;
        async fn metadata_hash(fd: Fd) -> FsResult<MetadataHashValue>;
        async fn metadata_hash_at(fd: Fd, flags: PathFlags, path: String) -> FsResult<MetadataHashValue>;
    }
}

impl HostDirectoryEntryStream for Disk<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.wasi.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.wasi, stream)
    }
}
