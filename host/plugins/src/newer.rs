//! What the source of a plugin has that is newer.

use semver::Version;
use spin_deployer_catalog::{Index, Request, Wanted, choose};
use spin_deployer_deploy::Error;
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{PluginName, Reference};

use crate::arrive::Arrivals;
use crate::catalog::Catalog;
use crate::source::Source;

/// What its source has.
pub(crate) enum Newest {
    /// Nothing newer.
    Same,
    /// This, and where to get it.
    Newer { version: Version, source: Source },
    /// Nobody can say: why.
    Unknown(String),
}

/// The newest release that is newer than `entry`.
///
/// # Errors
/// The source does not answer.
pub(crate) async fn newest(
    arrivals: &Arrivals<'_>,
    name: &PluginName,
    entry: &LockedPlugin,
) -> Result<Newest, Error> {
    let wanted = Wanted::Newest;
    Ok(match find(arrivals, name, entry, &wanted).await? {
        Newest::Newer { version, .. } if version <= entry.version => Newest::Same,
        other => other,
    })
}

/// The newest that is wanted, whether it is newer or older.
///
/// # Errors
/// The source does not answer.
pub(crate) async fn find(
    arrivals: &Arrivals<'_>,
    name: &PluginName,
    entry: &LockedPlugin,
    wanted: &Wanted,
) -> Result<Newest, Error> {
    let folder = &arrivals.workbench.environment().cwd;
    match Source::parse(entry.source.as_str(), folder)? {
        Source::File(_) => Ok(Newest::Unknown(
            "it came from a file: install the new one".to_owned(),
        )),
        Source::Url(..) => Ok(Newest::Unknown(
            "it came from a URL, whose digest says all: install the new one".to_owned(),
        )),
        Source::Registry(reference) => of_registry(arrivals, &reference, wanted).await,
        Source::Catalog { location, request } => {
            let Some(location) = location else {
                return Ok(Newest::Unknown(format!(
                    "no catalog is named in `{request}`"
                )));
            };
            let environment = arrivals.workbench.environment();
            let catalog = Catalog::at(environment, &location, arrivals.fetching)?;
            let request = Request {
                name: name.clone(),
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
    location: crate::source::Location,
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
        },
    }
}

/// In a registry the tags are the versions. Which Spin one is made for is known when it is here.
async fn of_registry(
    arrivals: &Arrivals<'_>,
    reference: &Reference,
    wanted: &Wanted,
) -> Result<Newest, Error> {
    if let Wanted::Exactly(version) = wanted {
        return tagged(reference, version.clone());
    }
    let tags = arrivals.fetching.fetcher().tags(reference).await;
    let tags = arrivals.fetching.done(tags)?;
    let takes = |version: &Version| match wanted {
        Wanted::Within(range) => range.matches(version),
        _ => version.pre.is_empty(),
    };
    // Others are no versions: `latest`, signatures.
    let versions = tags.iter().filter_map(|tag| Version::parse(tag).ok());
    match versions.filter(takes).max() {
        Some(version) => tagged(reference, version),
        None => Ok(Newest::Unknown(
            "no tag of its repository is such a version".to_owned(),
        )),
    }
}

fn tagged(reference: &Reference, version: Version) -> Result<Newest, Error> {
    let Ok(tagged) = reference.with_tag(&version.to_string()) else {
        return Ok(Newest::Unknown(format!(
            "the version {version} can be no tag"
        )));
    };
    Ok(Newest::Newer {
        version,
        source: Source::Registry(tagged),
    })
}
