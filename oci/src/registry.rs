//! One repository of one registry.

use std::cell::Cell;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use spin_deployer_publish::{Patience, is_busy, retry_after};

use crate::answer::Answer;
use crate::auth::{Authorizer, Credential};
use crate::url::same_origin;
use crate::{Body, Digest, Error, Request, Sink, Transport, media};

/// A repository, and who asks for it.
#[derive(Debug)]
pub struct Registry<T> {
    pub(crate) transport: T,
    origin: String,
    repository: String,
    authorizer: Authorizer,
    /// Whether anybody was ever there. Nobody from the start is more likely a wrong name than a restart.
    met: Cell<bool>,
}

impl<T: Transport> Registry<T> {
    /// `origin` is `https://ghcr.io`, `repository` is `acme/shop`, `mount_from` are other repositories of the same
    /// registry whose blobs may be used.
    pub fn new(
        transport: T,
        origin: &str,
        repository: &str,
        credential: Option<Credential>,
        mount_from: &[String],
    ) -> Self {
        let mut scope = format!("repository:{repository}:pull,push");
        for other in mount_from {
            scope.push_str(&format!(" repository:{other}:pull"));
        }
        Self::with_scope(transport, origin, repository, credential, scope)
    }

    /// The same for who only reads: a token that lets him write is not asked for.
    pub fn reading(
        transport: T,
        origin: &str,
        repository: &str,
        credential: Option<Credential>,
    ) -> Self {
        let scope = format!("repository:{repository}:pull");
        Self::with_scope(transport, origin, repository, credential, scope)
    }

    fn with_scope(
        transport: T,
        origin: &str,
        repository: &str,
        credential: Option<Credential>,
        scope: String,
    ) -> Self {
        Self {
            transport,
            origin: origin.trim_end_matches('/').to_owned(),
            repository: repository.to_owned(),
            authorizer: Authorizer::new(credential, scope),
            met: Cell::new(false),
        }
    }

    /// What the manifest under `reference`, a tag or a digest, is called: `None` where there is none,
    /// `Some(None)` where the registry does not say.
    ///
    /// # Errors
    /// Where the registry answers neither.
    pub async fn manifest(&self, reference: &str) -> Result<Option<Option<Digest>>, Error> {
        let url = self.url(&format!("manifests/{reference}"));
        let answer = self
            .patiently(Method::HEAD, &url, &any_manifest(), Body::Empty)
            .await?;
        match answer.status {
            StatusCode::OK => Ok(Some(
                answer
                    .header("docker-content-digest")
                    .and_then(|digest| digest.parse().ok()),
            )),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.into_error()),
        }
    }

    /// Whether `repository` of this registry has a blob.
    ///
    /// # Errors
    /// Where the registry answers neither yes nor no.
    pub async fn blob_in(&self, repository: &str, digest: &Digest) -> Result<bool, Error> {
        let url = format!("{}/v2/{repository}/blobs/{digest}", self.origin);
        let answer = self
            .patiently(Method::HEAD, &url, &HeaderMap::new(), Body::Empty)
            .await?;
        match answer.status {
            // A redirect leads to where the blob is.
            status if status == StatusCode::OK || status.is_redirection() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.into_error()),
        }
    }

    /// Whether this repository has a blob.
    ///
    /// # Errors
    /// Where the registry answers neither yes nor no.
    pub async fn blob(&self, digest: &Digest) -> Result<bool, Error> {
        self.blob_in(&self.repository, digest).await
    }

    /// Stores a manifest under `reference`, a tag or its digest.
    ///
    /// # Errors
    /// Where the registry does not take it.
    pub async fn put_manifest(
        &self,
        reference: &str,
        manifest: &[u8],
        digest: &Digest,
    ) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media::MANIFEST));
        let url = self.url(&format!("manifests/{reference}"));
        let answer = self
            .patiently(Method::PUT, &url, &headers, Body::Bytes(manifest))
            .await?;
        match answer.status {
            StatusCode::CREATED => {}
            status if status.is_success() => return Err(answer.nonsense("201 to a manifest")),
            _ => return Err(answer.into_error()),
        }
        answer.confirm(digest)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.origin, self.repository)
    }

    /// Sends a request that may be sent twice, and waits where that helps.
    pub(crate) async fn patiently(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Body<'_>,
    ) -> Result<Answer, Error> {
        let exchange = async || {
            let result = self.exchange(method.clone(), url, headers, body).await;
            self.meet(result)
        };
        patiently(&self.transport, exchange, |error| self.is_hopeless(error)).await
    }

    /// Whether nobody has ever been there.
    pub(crate) fn is_hopeless(&self, error: &Error) -> bool {
        error.is_unreachable() && !self.met.get()
    }

    /// Remembers that somebody was there, though what came of it may be an error.
    pub(crate) fn meet(&self, result: Result<Answer, Error>) -> Result<Answer, Error> {
        if !result.as_ref().is_err_and(Error::is_unreachable) {
            self.met.set(true);
        }
        result
    }

    /// Sends a request once, or twice where the registry first wants to know who is asking. The answer is never a 401.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Body<'_>,
    ) -> Result<Answer, Error> {
        self.exchange_into(method, url, headers, body, None).await
    }

    /// The same; a body that `sink` wants goes there.
    pub(crate) async fn exchange_into(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Body<'_>,
        mut sink: Option<&mut (dyn Sink + '_)>,
    ) -> Result<Answer, Error> {
        // An upload or a download may continue elsewhere, at an address that carries its own permission.
        if !same_origin(url, &self.origin) {
            return once(&self.transport, method, url, headers, body, sink).await;
        }
        let mut headers = headers.clone();
        let mut shown = self.authorizer.header(&self.transport).await?;
        let mut renewed = false;
        loop {
            if let Some(shown) = &shown {
                headers.insert(AUTHORIZATION, shown.clone());
            }
            let sink = sink.as_mut().map(|sink| &mut **sink as &mut dyn Sink);
            let answer = once(&self.transport, method.clone(), url, &headers, body, sink).await?;
            self.met.set(true);
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if renewed {
                return Err(self.authorizer.refusal(shown.as_ref(), &answer));
            }
            let renewal = self
                .authorizer
                .renew(&self.transport, shown.as_ref(), answer)
                .await?;
            shown = Some(renewal);
            renewed = true;
        }
    }
}

/// All kinds of manifests, so that the registry neither converts nor hides one.
pub(crate) fn any_manifest() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for kind in [
        media::MANIFEST,
        media::INDEX,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ] {
        headers.append(ACCEPT, HeaderValue::from_static(kind));
    }
    headers
}

/// Asks a token service, patiently.
pub(crate) async fn ask(
    transport: &impl Transport,
    method: Method,
    url: &str,
    headers: &HeaderMap,
    body: Body<'_>,
) -> Result<Answer, Error> {
    let exchange = async || once(transport, method.clone(), url, headers, body, None).await;
    patiently(transport, exchange, |_| false).await
}

/// Sends the same again where it failed in passing, and is not `hopeless`.
async fn patiently(
    transport: &impl Transport,
    exchange: impl AsyncFn() -> Result<Answer, Error>,
    hopeless: impl Fn(&Error) -> bool,
) -> Result<Answer, Error> {
    let mut patience = Patience::new();
    loop {
        let error = match exchange().await {
            Ok(answer) if !is_busy(answer.status) => return Ok(answer),
            Ok(answer) => answer.into_error(),
            Err(error) if hopeless(&error) => return Err(error),
            Err(error) => error,
        };
        patience.after(error, transport).await?;
    }
}

/// Sends a request once. A body that `sink` wants goes there.
pub(crate) async fn once(
    transport: &impl Transport,
    method: Method,
    url: &str,
    headers: &HeaderMap,
    body: Body<'_>,
    sink: Option<&mut (dyn Sink + '_)>,
) -> Result<Answer, Error> {
    let shown = format!("{method} {}", url.split('?').next().unwrap_or_default());
    let request = Request {
        method,
        url: url.to_owned(),
        headers: headers.clone(),
        body,
    };
    let sent = match sink {
        Some(sink) => transport.receive(request, sink).await,
        None => transport.send(request).await,
    };
    match sent {
        Ok(response) => Ok(Answer {
            request: shown,
            status: response.status,
            retry_after: response
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, transport.now())),
            headers: response.headers,
            body: response.body,
            quotable: transport.may_be_quoted(),
        }),
        Err(source) => Err(Error::Transport {
            request: shown,
            source,
        }),
    }
}
