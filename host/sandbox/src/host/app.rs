//! `app`: the application as a plugin sees it.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::DynInputStream;

use super::failure;
use crate::bindings::spin_deployer::api::app::{ComponentSource, Host, HostContent};
use crate::bindings::spin_deployer::api::failures::Error;
use crate::content::{Content, ContentStream, read_head};
use crate::error::Stop;
use crate::limits::Bytes;
use crate::state::State;
use crate::{App, ContentInfo, LimitKind};

/// What `content.bytes` and `content.head` return at most.
const BYTES: usize = 64 << 10;

impl Host for State {
    fn name(&mut self) -> wasmtime::Result<String> {
        Ok(self.app.name())
    }

    fn version(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.app.version())
    }

    fn locked(&mut self) -> wasmtime::Result<String> {
        Ok(self.app.locked())
    }

    fn components(&mut self) -> wasmtime::Result<Vec<ComponentSource>> {
        Ok(self.app.components())
    }

    fn open(&mut self, digest: String) -> wasmtime::Result<Result<Resource<Content>, Error>> {
        match self.app.open(&digest) {
            Some(info) => self.push(info),
            None => Ok(Err(Error::NotFound(failure(format!(
                "the app has no content {}",
                digest.chars().take(80).collect::<String>()
            ))))),
        }
    }

    async fn archive(
        &mut self,
        component: String,
    ) -> wasmtime::Result<Result<Resource<Content>, Error>> {
        let app = self.app.clone();
        match spawn_blocking(move || app.archive(&component)).await? {
            Ok(info) => self.push(info),
            Err(why) => Ok(Err(Error::Failed(failure(why)))),
        }
    }

    fn fingerprint(&mut self) -> wasmtime::Result<String> {
        Ok(self.app.fingerprint())
    }
}

impl HostContent for State {
    fn digest(&mut self, content: Resource<Content>) -> wasmtime::Result<String> {
        Ok(self.table.get(&content)?.0.digest.clone())
    }

    fn size(&mut self, content: Resource<Content>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&content)?.0.size)
    }

    async fn read(
        &mut self,
        content: Resource<Content>,
        offset: u64,
        length: Option<u64>,
    ) -> wasmtime::Result<Result<Resource<DynInputStream>, Error>> {
        let info = self.table.get(&content)?.0.clone();
        let end = match length {
            Some(length) => offset.checked_add(length),
            None => Some(info.size),
        };
        let Some(end) = end.filter(|end| offset <= *end && *end <= info.size) else {
            return Ok(Err(Error::Failed(failure(format!(
                "that is past the end of a content of {} bytes",
                info.size
            )))));
        };
        let permit = self
            .streams
            .clone()
            .try_acquire_owned()
            .map_err(|_| Stop::Limit(LimitKind::Streams))?;
        let stream = ContentStream::new(
            self.app.clone(),
            self.progress.clone(),
            info,
            (offset, end),
            permit,
        );
        Ok(Ok(self.table.push(Box::new(stream) as DynInputStream)?))
    }

    async fn bytes(
        &mut self,
        content: Resource<Content>,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let info = self.table.get(&content)?.0.clone();
        if info.size > BYTES as u64 {
            return Ok(Err(Error::Failed(failure(format!(
                "a content of more than {} has to be read as a stream",
                Bytes(BYTES)
            )))));
        }
        first(self.app.clone(), info, BYTES as u64).await
    }

    async fn head(
        &mut self,
        content: Resource<Content>,
        length: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let info = self.table.get(&content)?.0.clone();
        if length > BYTES as u64 {
            return Ok(Err(Error::Failed(failure(format!(
                "more than the first {} have to be read as a stream",
                Bytes(BYTES)
            )))));
        }
        first(self.app.clone(), info, length).await
    }

    fn drop(&mut self, content: Resource<Content>) -> wasmtime::Result<()> {
        self.table.delete(content)?;
        Ok(())
    }
}

impl State {
    fn push(&mut self, info: ContentInfo) -> wasmtime::Result<Result<Resource<Content>, Error>> {
        Ok(Ok(self.table.push(Content(info))?))
    }
}

/// The first bytes of a content.
async fn first(
    app: Arc<dyn App>,
    content: ContentInfo,
    length: u64,
) -> wasmtime::Result<Result<Vec<u8>, Error>> {
    let bytes = spawn_blocking(move || read_head(app, content, length)).await?;
    Ok(bytes.map_err(|e| Error::Failed(failure(e.to_string()))))
}
