//! Asking one catalog. What it says is believed as far as it says the same twice, and as the component itself agrees.

use std::path::{Path, PathBuf};

use semver::Version;
use spin_deployer_catalog::{
    Entry, INDEX, Index, Location as Place, MAX_ENTRY, MAX_INDEX, NoChoice, Release, Request,
    choose, entry_path,
};
use spin_deployer_deploy::{Code, Environment, Error, Event, Fetching, Observer};
use spin_deployer_fetch::Bearer;
use spin_deployer_manifest::{Host, Origin, PluginName};
use url::Url;

use crate::catalogs::{self, Named};
use crate::files;
use crate::source::Location;

/// A catalog that can be asked.
pub(crate) struct Catalog<'a> {
    pub(crate) named: Named,
    pub(crate) bearer: Option<Bearer>,
    fetching: &'a Fetching,
}

/// Where a file is that a catalog refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundAt {
    /// There; and the host that the user named on the way. No other one may be in a private network.
    Url(Url, Option<Host>),
    File(PathBuf),
}

impl FoundAt {
    /// At a URL that the user named.
    pub(crate) fn named(url: Url) -> Self {
        let host = host(&url);
        Self::Url(url, host)
    }
}

fn host(url: &Url) -> Option<Host> {
    Origin::of(url).ok().map(|origin| origin.host)
}

/// What a catalog has for a request.
pub(crate) enum Answer {
    /// This version.
    Chosen(Box<Entry>),
    /// No such plugin.
    Unknown,
    /// None of its versions.
    Nothing(NoChoice),
}

impl<'a> Catalog<'a> {
    /// With the token that goes to it, if there is one.
    pub(crate) fn new(
        environment: &Environment,
        named: Named,
        fetching: &'a Fetching,
    ) -> Result<Self, Error> {
        Ok(Self {
            bearer: catalogs::bearer(environment, &named)?,
            named,
            fetching,
        })
    }

    /// The catalog at a place that a lock names, with the token of the user's own catalog at that very place.
    pub(crate) fn at(
        environment: &Environment,
        location: &Location,
        fetching: &'a Fetching,
    ) -> Result<Self, Error> {
        let known = catalogs::all(environment)?;
        let named = known.into_iter().find(|known| known.location == *location);
        match named {
            Some(named) => Self::new(environment, named, fetching),
            None => Ok(Self {
                named: Named {
                    name: location.to_string(),
                    location: location.clone(),
                },
                bearer: None,
                fetching,
            }),
        }
    }

    /// Everything that it has, in short.
    pub(crate) async fn index(&self) -> Result<Index, Error> {
        let bytes = self.document(INDEX, MAX_INDEX).await?.ok_or_else(|| {
            self.broken(&format!("there is no {INDEX} in it"))
                .help("is this the address of a catalog?")
        })?;
        Index::parse(&bytes).map_err(|error| self.broken(&format!("{INDEX}: {error}")))
    }

    /// The version that is meant by a request, for this Spin.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        spin: Option<&Version>,
        observer: &dyn Observer,
    ) -> Result<Answer, Error> {
        let index = self.index().await?;
        let Some(listed) = index.plugins.get(&request.name) else {
            return Ok(Answer::Unknown);
        };
        let choice = match choose(request, &listed.versions, spin) {
            Ok(choice) => choice,
            Err(nothing) => return Ok(Answer::Nothing(nothing)),
        };
        if let Some(newer) = choice.passed_over {
            observer.event(Event::Note(format!(
                "`{}` {} is there too, and made for another Spin",
                request.name, newer.version
            )));
        }
        let entry = self.entry(&request.name, choice.release).await?;
        Ok(Answer::Chosen(Box::new(entry)))
    }

    async fn entry(&self, name: &PluginName, release: &Release) -> Result<Entry, Error> {
        let path = entry_path(name, &release.version);
        let bytes = self.document(&path, MAX_ENTRY).await?;
        let bytes = bytes.ok_or_else(|| self.broken(&format!("there is no {path} in it")))?;
        let entry =
            Entry::parse(&bytes).map_err(|error| self.broken(&format!("{path}: {error}")))?;
        release.confirm(name, &entry).map_err(|error| {
            Error::new(
                Code::Denied,
                format!("the catalog `{}` is not used", self.named.name),
            )
            .detail(error.to_string())
        })?;
        Ok(entry)
    }

    /// Where a file is that it refers to. Elsewhere it leads to public places only: nobody named those but the catalog.
    pub(crate) fn resolve(&self, place: &Place) -> FoundAt {
        match (&self.named.location, place.url(), place.path()) {
            (Location::Url(address), _, _) => {
                FoundAt::Url(address.resolve(place), host(address.url()))
            }
            (Location::Folder(_), Some(url), _) => FoundAt::Url(url.clone(), None),
            (Location::Folder(folder), None, path) => {
                FoundAt::File(folder.join(path.unwrap_or_default()))
            }
        }
    }

    async fn document(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let most = most as u64;
        let at = match &self.named.location {
            Location::Folder(folder) => FoundAt::File(folder.join(path)),
            Location::Url(address) => FoundAt::named(address.below(path)),
        };
        document(&at, most, self.bearer.as_ref(), self.fetching)
            .await
            .map_err(|error| self.told(error))
    }

    fn broken(&self, why: &str) -> Error {
        let message = format!("the catalog `{}` cannot be used", self.named.name);
        Error::new(Code::Usage, message).detail(format!("{}: {why}", self.named.location))
    }

    /// A catalog is no registry, whose credentials other tools keep.
    fn told(&self, error: Error) -> Error {
        if !matches!(error.code, Code::Unauthenticated | Code::Forbidden) {
            return error;
        }
        let (name, location) = (&self.named.name, &self.named.location);
        // The user has no catalog there: a lock led to it.
        if *name == location.to_string() {
            return error.help(format!(
                "if you have a token for it: spin-deployer catalog add NAME {location} --token-file FILE"
            ));
        }
        error.help(format!(
            "give the catalog `{name}` a token that may read it: set {}, or remove it and `spin-deployer catalog add {name} {location} --token-file FILE`",
            catalogs::variable(name),
        ))
    }
}

/// A small file, there or elsewhere. `None`: there is none.
pub(crate) async fn document(
    at: &FoundAt,
    most: u64,
    bearer: Option<&Bearer>,
    fetching: &Fetching,
) -> Result<Option<Vec<u8>>, Error> {
    match at {
        FoundAt::Url(url, named) => {
            let fetcher = fetching.fetcher();
            let came = fetcher.document(url, most, bearer, named.as_slice()).await;
            fetching.done(came)
        }
        FoundAt::File(path) => here(path, most),
    }
}

fn here(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Error> {
    match crate::component::exists(path) {
        true => files::read(path, most).map(Some),
        false => Ok(None),
    }
}
