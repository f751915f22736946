//! What the source of a plugin has that is newer, and that this host and this Spin can use.

use std::path::Path;

use semver::{Version, VersionReq};
use spin_deployer_catalog::{Index, Request, Wanted, choose};
use spin_deployer_deploy::{Code, Error};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Compatibility, PluginName, Reference};

use crate::arrive::Arrivals;
use crate::catalog::Catalog;
use crate::component::Component;
use crate::source::{Location, Source};

/// Of a registry so many versions are looked into: which Spin one is made for stands in the component alone.
const TRIED: usize = 8;

/// What its source has.
pub(crate) enum Newest {
    /// Nothing newer.
    Same,
    /// This, and where to get it.
    Newer {
        version: Version,
        source: Source,
        /// Why it is not a newer one that is there too.
        passed_over: Option<String>,
    },
    /// None of those that are newer can be used here: why.
    Unfit(String),
    /// Nobody can say: why.
    Unknown(String),
}

/// A plugin that is here or in a lock.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a> {
    pub(crate) name: &'a PluginName,
    pub(crate) entry: &'a LockedPlugin,
    /// Where relative paths of its source begin: at the lock.
    pub(crate) folder: &'a Path,
}

/// The newest release that is newer than what is present.
///
/// # Errors
/// The source does not answer.
pub(crate) async fn newest(arrivals: &Arrivals<'_>, present: Present<'_>) -> Result<Newest, Error> {
    let version = &present.entry.version;
    Ok(match find(arrivals, present, &Wanted::Newest).await? {
        Newest::Newer { version: found, .. } if found <= *version => Newest::Same,
        other => other,
    })
}

/// The newest that is wanted, whether it is newer or older.
///
/// # Errors
/// The source does not answer.
pub(crate) async fn find(
    arrivals: &Arrivals<'_>,
    present: Present<'_>,
    wanted: &Wanted,
) -> Result<Newest, Error> {
    match Source::parse(present.entry.source.as_str(), present.folder)? {
        Source::File(_) => Ok(Newest::Unknown(
            "it came from a file: install the new one".to_owned(),
        )),
        Source::Url(..) => Ok(Newest::Unknown(
            "it came from a URL, whose digest says all: install the new one".to_owned(),
        )),
        Source::Registry(reference) => {
            of_registry(arrivals, &reference, &present.entry.version, wanted).await
        }
        Source::Catalog { location, request } => {
            let Some(location) = location else {
                return Ok(Newest::Unknown(format!(
                    "no catalog is named in `{request}`"
                )));
            };
            let environment = arrivals.workbench.environment();
            let catalog = Catalog::at(environment, &location, arrivals.fetching)?;
            let request = Request {
                name: present.name.clone(),
                wanted: wanted.clone(),
            };
            let index = catalog.index().await?;
            Ok(of_index(arrivals, &index, request, location))
        }
    }
}

fn of_index(
    arrivals: &Arrivals<'_>,
    index: &Index,
    request: Request,
    location: Location,
) -> Newest {
    let Some(listed) = index.plugins.get(&request.name) else {
        return Newest::Unknown("the catalog has it no more".to_owned());
    };
    match choose(&request, &listed.versions, arrivals.spin.as_ref()) {
        Err(why) => Newest::Unknown(why.to_string()),
        Ok(choice) => Newest::Newer {
            version: choice.release.version.clone(),
            source: Source::Catalog {
                location: Some(location),
                request: Request {
                    name: request.name,
                    wanted: Wanted::Exactly(choice.release.version.clone()),
                },
            },
            passed_over: choice.passed_over.map(|release| {
                let range = release.spin_compatibility.as_ref();
                made_for(&release.version, range)
            }),
        },
    }
}

/// In a registry the tags are the versions. Which of them can be used here is seen when they are here, so that they are
/// brought one after the other, from the newest down to what is present.
async fn of_registry(
    arrivals: &Arrivals<'_>,
    reference: &Reference,
    present: &Version,
    wanted: &Wanted,
) -> Result<Newest, Error> {
    if let Wanted::Exactly(version) = wanted {
        return Ok(match tagged(reference, version) {
            Some(source) => newer(version.clone(), source, None),
            None => Newest::Unknown(format!("the version {version} can be no tag")),
        });
    }
    let tags = arrivals.fetching.fetcher().tags(reference).await;
    let tags = arrivals.fetching.done(tags)?;
    let takes = |version: &Version| match wanted {
        Wanted::Within(range) => range.matches(version),
        _ => version.pre.is_empty(),
    };
    // Others are no versions: `latest`, signatures.
    let versions = tags.iter().filter_map(|tag| Version::parse(tag).ok());
    let mut versions: Vec<Version> = versions.filter(takes).collect();
    versions.sort_by(|one, two| two.cmp(one));
    let mut passed_over: Option<String> = None;
    let mut tried = 0;
    for version in versions {
        let Some(source) = tagged(reference, &version) else {
            continue;
        };
        // What is present is not brought again, and nothing that is older is before somebody wants to go back.
        if version <= *present {
            return Ok(newer(version, source, passed_over));
        }
        if tried == TRIED {
            let first = passed_over.unwrap_or_default();
            return Ok(Newest::Unfit(format!(
                "{first}, and none of the {} before it can be used here: name an older one with --version",
                TRIED - 1
            )));
        }
        tried += 1;
        let arrived = arrivals.bring(&source).await?;
        match unfit(&arrived.component, arrivals.spin.as_ref())? {
            None => return Ok(newer(version, arrived.source, passed_over)),
            Some(why) => passed_over = passed_over.or(Some(why)),
        }
    }
    Ok(match passed_over {
        Some(why) => Newest::Unfit(why),
        None => Newest::Unknown("no tag of its repository is such a version".to_owned()),
    })
}

fn newer(version: Version, source: Source, passed_over: Option<String>) -> Newest {
    Newest::Newer {
        version,
        source,
        passed_over,
    }
}

fn tagged(reference: &Reference, version: &Version) -> Option<Source> {
    let tagged = reference.with_tag(&version.to_string());
    tagged.ok().map(Source::Registry)
}

/// Why a component cannot be used by this host, or by this Spin, where one is known. `None`: it can.
fn unfit(component: &Component, spin: Option<&Version>) -> Result<Option<String>, Error> {
    let manifest = &component.manifest;
    let range = manifest.spin_compatibility.as_ref();
    if spin.is_some_and(|spin| Compatibility::of(range, spin) == Compatibility::Unfit) {
        return Ok(Some(made_for(&manifest.version, range)));
    }
    match component.fits() {
        Ok(_) => Ok(None),
        Err(error) if error.code == Code::Incompatible => {
            let why = error.detail.unwrap_or(error.message);
            Ok(Some(format!("{} is there: {why}", manifest.version)))
        }
        Err(error) => Err(error),
    }
}

fn made_for(version: &Version, range: Option<&VersionReq>) -> String {
    match range {
        Some(range) => format!("{version} is there, and made for Spin {range}"),
        None => format!("{version} is there"),
    }
}
