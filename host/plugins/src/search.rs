//! `plugins search`: what the user's catalogs have.

use spin_deployer_deploy::{Code, Error, Workbench};

use crate::catalog::Catalog;
use crate::catalogs;
use crate::component::LARGEST;
use crate::kept::Kept;
use crate::report::{Found, SCHEMA, SearchReport};

/// Looks for plugins with all words of `text` in name or description; without a text, for all.
///
/// # Errors
/// There is no catalog, or one cannot be asked.
pub async fn search(
    workbench: &Workbench,
    text: &str,
    catalog: Option<&str>,
) -> Result<SearchReport, Error> {
    let environment = workbench.environment();
    let all = match catalog {
        Some(name) => vec![catalogs::find(environment, name)?],
        None => catalogs::all(environment)?,
    };
    if all.is_empty() {
        return Err(Error::new(Code::Usage, "there is no catalog to look in")
            .help("add one with `spin-deployer catalog add NAME LOCATION`"));
    }
    let kept = Kept::of(environment).ok();
    let fetching = workbench.fetching(LARGEST)?;
    let mut plugins = Vec::new();
    for named in all {
        let catalog = Catalog::new(environment, named, &fetching)?;
        let index = catalog.index().await?;
        for (name, listed) in spin_deployer_catalog::search(&index, text) {
            let installed = match &kept {
                Some(kept) => kept.installed(name)?.is_some(),
                None => false,
            };
            let releases = &listed.versions;
            let newest = releases
                .iter()
                .find(|release| release.version.pre.is_empty())
                .or(releases.first());
            plugins.push(Found {
                name: name.to_string(),
                version: newest.map(|r| r.version.to_string()).unwrap_or_default(),
                description: listed.description.as_str().to_owned(),
                catalog: catalog.named.name.clone(),
                installed,
            });
        }
    }
    Ok(SearchReport {
        schema: SCHEMA,
        plugins,
    })
}
