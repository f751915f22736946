//! `plugins upgrade`: the newest of what is installed, or of what the lock of the app names. One that cannot be upgraded
//! is in nobody else's way.

use std::collections::BTreeMap;

use semver::Version;
use spin_deployer_catalog::Wanted;
use spin_deployer_deploy::{Agreeing, Asked, Code, Error, Workbench};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{NameError, PluginName};
use spin_deployer_store::bundled;

use crate::arrive::Arrivals;
use crate::component::LARGEST;
use crate::install::Step;
use crate::kept::Kept;
use crate::lock::AppLock;
use crate::newer::{Newest, Present, find};
use crate::report::{SCHEMA, UpgradeReport, Upgraded};
use crate::signer;

/// What to upgrade.
#[derive(Clone, Debug, Default)]
pub struct Upgrade {
    /// Which plugins; none is all of them.
    pub names: Vec<String>,
    /// Show what would be done.
    pub dry_run: bool,
    /// Take an older one, where it is the newest that is wanted.
    pub downgrade: bool,
    /// This version, or the newest of this range.
    pub version: Option<String>,
    /// The publisher's key, where it is a new one.
    pub key: Option<String>,
    /// How the user agrees.
    pub agreeing: Agreeing,
    /// The Spin that it is for, where it is not the one that is here.
    pub spin_version: Option<Version>,
    /// How long compiling may take.
    pub limits: Asked,
}

/// Upgrades, one plugin after the other.
///
/// # Errors
/// A name that nothing has, or nothing can be upgraded at all. What one plugin has against it stands in the report.
pub async fn upgrade(workbench: &Workbench, request: &Upgrade) -> Result<UpgradeReport, Error> {
    let environment = workbench.environment();
    let wanted = request.version.as_deref().map(wanted).transpose()?;
    let wanted = wanted.unwrap_or(Wanted::Newest);
    let kept = Kept::of(environment)?;
    let lock = AppLock::here(environment)?;
    let all = chosen(&kept, lock.as_ref(), &request.names)?;
    let fetching = workbench.fetching(LARGEST)?;
    let typed = request.key.as_deref();
    let typed = typed
        .map(|key| signer::key(key, &environment.cwd))
        .transpose()?;
    let arrivals = Arrivals {
        workbench,
        fetching: &fetching,
        spin: workbench.spin(request.spin_version.as_ref()).await?,
        catalog: None,
    };
    let step = Step {
        workbench,
        arrivals: &arrivals,
        kept,
        lock,
        typed,
        override_built_in: false,
        agreeing: request.agreeing,
        spin_version: request.spin_version.as_ref(),
        limits: &request.limits,
    };
    let mut plugins = Vec::new();
    for (name, entry) in all {
        let mut upgraded = Upgraded {
            name: name.to_string(),
            from: entry.version.to_string(),
            to: entry.version.to_string(),
            digest: entry.digest.to_string(),
            difference: Vec::new(),
            changes: false,
            note: None,
            error: None,
        };
        let present = Present {
            name: &name,
            entry: &entry,
            folder: AppLock::folder(step.lock.as_ref(), environment),
        };
        if let Err(error) = one(&step, present, &wanted, request, &mut upgraded).await {
            upgraded.error = Some(error.into());
        }
        plugins.push(upgraded);
    }
    Ok(UpgradeReport {
        schema: SCHEMA,
        dry_run: request.dry_run,
        plugins,
    })
}

/// Nothing is done, and why; an error where it was asked for expressly.
fn stays(report: &mut Upgraded, wanted: &Wanted, why: String) -> Result<(), Error> {
    if !matches!(wanted, Wanted::Newest) {
        return Err(Error::new(Code::Usage, why));
    }
    report.note = Some(why);
    Ok(())
}

/// Writes into `report` what becomes of one.
///
/// # Errors
/// What one of the steps has against the new version. Then it stays what it is.
async fn one(
    step: &Step<'_>,
    present: Present<'_>,
    wanted: &Wanted,
    request: &Upgrade,
    report: &mut Upgraded,
) -> Result<(), Error> {
    let Present { name, entry, .. } = present;
    let (version, source) = match find(step.arrivals, present, wanted).await? {
        Newest::Newer {
            version,
            source,
            passed_over,
        } => {
            report.note = passed_over;
            (version, source)
        }
        Newest::Same => return Ok(()),
        Newest::Unfit(why) | Newest::Unknown(why) => return stays(report, wanted, why),
    };
    if version == entry.version && matches!(wanted, Wanted::Newest) {
        return Ok(());
    }
    let installed = step.kept.installed(name)?;
    let newest = installed.map_or(entry.version.clone(), |one| {
        one.version.max(entry.version.clone())
    });
    if version < newest && !request.downgrade {
        let why =
            format!("{version} is older than {newest}, which is here: add --downgrade to have it");
        return stays(report, wanted, why);
    }
    let arrived = step.arrivals.bring(&source).await?;
    let manifest = &arrived.component.manifest;
    if manifest.name != *name || manifest.version != version {
        return Err(
            Error::new(Code::Denied, format!("{source} is not `{name}` {version}"))
                .detail(format!("it is `{}` {}", manifest.name, manifest.version))
                .help("tell who publishes it"),
        );
    }
    let checked = step.check(arrived).await?;
    step.same_version(&checked)?;
    let difference = entry.difference(&checked.component.manifest);
    let digest = checked.component.digest.clone();
    let changes = digest != entry.digest;
    if !changes {
        report.note = Some(match wanted {
            Wanted::Within(range) => format!("it is the newest of {range}"),
            _ => "it is the version that was asked for".to_owned(),
        });
        return Ok(());
    }
    if !request.dry_run {
        step.keep(checked).await?;
    }
    report.difference = difference.iter().map(ToString::to_string).collect();
    report.to = version.to_string();
    report.digest = digest.to_string();
    report.changes = true;
    Ok(())
}

/// Those that were named, or all: by the lock of the app first, because that is what is run there.
fn chosen(
    kept: &Kept,
    lock: Option<&AppLock>,
    names: &[String],
) -> Result<BTreeMap<PluginName, LockedPlugin>, Error> {
    let mut all = kept.plugins.list()?.plugins;
    for (name, entry) in lock.iter().flat_map(|lock| lock.third_party()) {
        all.insert(name.clone(), entry.clone());
    }
    if names.is_empty() {
        return Ok(all);
    }
    let named = names.iter().map(|text| {
        let name: PluginName = text
            .parse()
            .map_err(|error: NameError| Error::new(Code::Usage, error.to_string()))?;
        match all.remove(&name) {
            Some(entry) => Ok((name, entry)),
            None => Err(Error::new(
                Code::Usage,
                format!("no plugin `{name}` is installed or in the lock"),
            )
            .help(match bundled::find(name.as_str()) {
                Some(_) => "the one of that name is part of the program, and is upgraded with it",
                None => "`spin-deployer plugins list` shows what there is",
            })),
        }
    });
    named.collect()
}

fn wanted(text: &str) -> Result<Wanted, Error> {
    match (Version::parse(text), semver::VersionReq::parse(text)) {
        (Ok(version), _) => Ok(Wanted::Exactly(version)),
        (_, Ok(range)) => Ok(Wanted::Within(range)),
        (_, Err(error)) => Err(Error::new(
            Code::Usage,
            format!("`{text}` is no version and no range of versions"),
        )
        .detail(error.to_string())),
    }
}
