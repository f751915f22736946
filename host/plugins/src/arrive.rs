//! Brings a plugin here, from wherever it is: its bytes, verified, and where its signature is.

use std::path::Path;

use semver::Version;
use spin_deployer_catalog::{Entry, Request};
use spin_deployer_deploy::{Code, Environment, Error, Fetching, Observer, Workbench};
use spin_deployer_fetch::{Bearer, FetchError};
use spin_deployer_manifest::Reference;
use spin_deployer_oci::Digest;
use spin_deployer_signature::{
    CosignSignature, MAX_PROOF, MAX_SIGNATURE_FILE, Proof, PublicKey, minisign_file,
};
use url::Url;

use crate::catalog::{Answer, Catalog, FoundAt, document};
use crate::catalogs;
use crate::component::{Component, LARGEST};
use crate::files;
use crate::source::Source;

/// A plugin that is here. Nothing of it has run, and nobody has agreed to it.
pub(crate) struct Arrived {
    pub(crate) component: Component,
    /// Where this very component can be had again.
    pub(crate) source: Source,
    /// The key of its signature, where a catalog says one, and which catalog that is.
    pub(crate) offered: Option<(PublicKey, String)>,
    signature: SignatureAt,
}

/// Where a signature would be.
enum SignatureAt {
    Minisign {
        at: FoundAt,
        bearer: Option<Bearer>,
    },
    Cosign {
        reference: Box<Reference>,
        manifest: Digest,
    },
    Nowhere,
}

/// Who brings it.
pub(crate) struct Arrivals<'a> {
    pub(crate) workbench: &'a Workbench,
    pub(crate) fetching: &'a Fetching,
    /// The Spin that it has to be made for, where one is known.
    pub(crate) spin: Option<Version>,
    /// Of the user's catalogs only this one.
    pub(crate) catalog: Option<String>,
}

impl Arrivals<'_> {
    /// Brings it here.
    ///
    /// # Errors
    /// Why it is not here, or no plugin.
    pub(crate) async fn bring(&self, source: &Source) -> Result<Arrived, Error> {
        match source {
            Source::File(path) => Self::file(path, source),
            Source::Url(url, digest) => self.url(url, digest, source).await,
            Source::Registry(reference) => self.registry(reference).await,
            Source::Catalog {
                location: Some(location),
                request,
            } => {
                let catalog = Catalog::at(self.environment(), location, self.fetching)?;
                match catalog
                    .ask(request, self.spin.as_ref(), self.observer())
                    .await?
                {
                    Answer::Chosen(entry) => self.offered(&catalog, &entry).await,
                    Answer::Unknown => Err(unknown(request, &[location.to_string()])),
                    Answer::Nothing(why) => Err(nothing(&why)),
                }
            }
            Source::Catalog {
                location: None,
                request,
            } => self.any_catalog(request).await,
        }
    }

    /// What there is of signatures for it. `None`: nothing.
    ///
    /// # Errors
    /// It cannot be had.
    pub(crate) async fn proof(&self, arrived: &Arrived) -> Result<Option<Proof>, Error> {
        match &arrived.signature {
            SignatureAt::Nowhere => Ok(None),
            SignatureAt::Minisign { at, bearer } => {
                let most = MAX_SIGNATURE_FILE as u64;
                let text = document(at, most, bearer.as_ref(), self.fetching).await?;
                // What is no text is no signature either, and is told so.
                Ok(text.map(|text| Proof::Minisign(String::from_utf8_lossy(&text).into_owned())))
            }
            SignatureAt::Cosign {
                reference,
                manifest,
            } => {
                let fetcher = self.fetching.fetcher();
                let found = fetcher.signatures(reference, manifest).await;
                let found = self.fetching.done(found)?;
                // Fetched a moment ago, for the component.
                let text = fetcher.content(manifest, MAX_PROOF / 2);
                let text = text.and_then(|text| String::from_utf8(text).ok());
                let signatures = found.into_iter().filter_map(|one| {
                    Some(CosignSignature {
                        payload: String::from_utf8(one.payload).ok()?,
                        signature: one.signature,
                    })
                });
                let signatures: Vec<_> = signatures.collect();
                Ok(text
                    .filter(|_| !signatures.is_empty())
                    .map(|manifest| Proof::Cosign {
                        manifest,
                        signatures,
                    }))
            }
        }
    }

    fn environment(&self) -> &Environment {
        self.workbench.environment()
    }

    fn observer(&self) -> &dyn Observer {
        self.workbench.observer()
    }

    fn file(path: &Path, source: &Source) -> Result<Arrived, Error> {
        Ok(Arrived {
            component: Component::open(path)?,
            source: source.clone(),
            offered: None,
            signature: SignatureAt::Minisign {
                at: FoundAt::File(minisign_file(path)),
                bearer: None,
            },
        })
    }

    async fn url(&self, url: &Url, digest: &Digest, source: &Source) -> Result<Arrived, Error> {
        let came = self.fetching.fetcher().url(url, digest.as_str()).await;
        self.fetching.done(came)?;
        Ok(Arrived {
            component: self.fetched(url.as_str(), digest)?,
            source: source.clone(),
            offered: None,
            signature: SignatureAt::Minisign {
                at: FoundAt::named(beside_url(url)),
                bearer: None,
            },
        })
    }

    async fn registry(&self, reference: &Reference) -> Result<Arrived, Error> {
        let came = self.fetching.fetcher().artifact(reference).await;
        let artifact = self.fetching.done(came)?;
        let pinned = reference
            .with_digest(artifact.manifest.as_str())
            .map_err(|error| Error::new(Code::Usage, error.to_string()))?;
        Ok(Arrived {
            component: self.fetched(&reference.to_string(), &artifact.component)?,
            source: Source::Registry(pinned.clone()),
            offered: None,
            signature: SignatureAt::Cosign {
                reference: Box::new(pinned),
                manifest: artifact.manifest,
            },
        })
    }

    /// The first catalog that has a plugin of that name decides: a later one cannot take a name that an earlier one has.
    async fn any_catalog(&self, request: &Request) -> Result<Arrived, Error> {
        let environment = self.environment();
        let all = match &self.catalog {
            Some(name) => vec![catalogs::find(environment, name)?],
            None => catalogs::all(environment)?,
        };
        if all.is_empty() {
            let message = format!("there is no catalog to look for `{}` in", request.name);
            return Err(Error::new(Code::Usage, message).help(
                "add one with `spin-deployer catalog add NAME LOCATION`, or name a file, a URL or a place in a registry",
            ));
        }
        let mut asked = Vec::new();
        for named in all {
            asked.push(named.name.clone());
            let catalog = Catalog::new(environment, named, self.fetching)?;
            match catalog
                .ask(request, self.spin.as_ref(), self.observer())
                .await?
            {
                Answer::Chosen(entry) => return self.offered(&catalog, &entry).await,
                Answer::Unknown => {}
                Answer::Nothing(why) => return Err(nothing(&why)),
            }
        }
        Err(unknown(request, &asked))
    }

    async fn offered(&self, catalog: &Catalog<'_>, entry: &Entry) -> Result<Arrived, Error> {
        let digest = &entry.component.digest;
        let at = catalog.resolve(&entry.component.url);
        let component = match &at {
            FoundAt::File(path) => {
                let name = path.display().to_string();
                let component = Component::of(&name, files::read(path, LARGEST)?)?;
                match component.digest == *digest {
                    true => component,
                    false => return Err(another(&name, digest, &component.digest)),
                }
            }
            FoundAt::Url(url, named) => {
                let bearer = catalog.bearer.as_ref();
                let fetcher = self.fetching.fetcher();
                let named = named.as_slice();
                let came = fetcher.url_as(url, digest.as_str(), bearer, named).await;
                let is_other = matches!(came, Err(FetchError::WrongDigest { .. }));
                self.fetching.done(came).map_err(|error| match is_other {
                    true => error.help(format!(
                        "somebody changed it, or the catalog `{}` is broken: tell who keeps it",
                        catalog.named.name
                    )),
                    false => error,
                })?;
                self.fetched(url.as_str(), digest)?
            }
        };
        let name = &catalog.named.name;
        entry.confirm(&component.manifest).map_err(|error| {
            Error::new(Code::Denied, format!("the catalog `{name}` is not used"))
                .detail(error.to_string())
        })?;
        let (offered, signature) = match &entry.component.signature {
            None => (None, SignatureAt::Nowhere),
            Some(offer) => (
                Some((offer.key.clone(), format!("the catalog `{name}`"))),
                SignatureAt::Minisign {
                    at: catalog.resolve(&offer.url),
                    bearer: catalog.bearer.clone(),
                },
            ),
        };
        Ok(Arrived {
            source: Source::Catalog {
                location: Some(catalog.named.location.clone()),
                request: Request {
                    name: entry.name.clone(),
                    wanted: spin_deployer_catalog::Wanted::Exactly(entry.version.clone()),
                },
            },
            component,
            offered,
            signature,
        })
    }

    /// What was fetched, read once and hashed.
    fn fetched(&self, name: &str, digest: &Digest) -> Result<Component, Error> {
        let fetcher = self.fetching.fetcher();
        let Some(wasm) = fetcher.content(digest, LARGEST) else {
            fetcher.discard(digest.as_str());
            let message = format!("what was fetched of {name} is damaged");
            return Err(Error::new(Code::Failed, message).help("run it again: it is fetched anew"));
        };
        Component::of(name, wasm)
    }
}

fn beside_url(url: &Url) -> Url {
    let mut beside = url.clone();
    beside.set_path(&format!("{}.minisig", url.path()));
    beside
}

/// What is there has another digest than it has to have.
pub(crate) fn another(name: &str, wanted: &Digest, came: &Digest) -> Error {
    Error::new(
        Code::Denied,
        format!("{name} is another component than it has to be"),
    )
    .detail(format!("it has the digest {came}, not {wanted}"))
    .help("somebody changed it: do not use it before you know who and why")
}

fn unknown(request: &Request, asked: &[String]) -> Error {
    let message = format!("no plugin `{}` in {}", request.name, asked.join(", "));
    Error::new(Code::Usage, message).help("`spin-deployer plugins search` lists what there is")
}

fn nothing(why: &spin_deployer_catalog::NoChoice) -> Error {
    let code = match why {
        spin_deployer_catalog::NoChoice::Incompatible { .. } => Code::Incompatible,
        _ => Code::Usage,
    };
    Error::new(code, why.to_string())
}
