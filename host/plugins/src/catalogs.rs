//! Which catalogs the user has: `catalogs.toml` in the configuration folder, in the order in which they are asked.
//!
//! ```toml
//! schema = 1
//!
//! [[catalogs]]
//! name = "acme"
//! location = "https://plugins.example.com/"
//! ```
//!
//! A token for one that is private is kept like what a login saves, bound to the catalog's own origin, or it is in a
//! variable: `SPIN_DEPLOYER_CATALOG_ACME_TOKEN`, or `…_TOKEN_FILE` with the path of a file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spin_deployer_deploy::{Code, Environment, Error};
use spin_deployer_fetch::Bearer;
use spin_deployer_manifest::{Origin, PluginName, Secret};
use spin_deployer_private as private;
use spin_deployer_store::{Binding, SavedSecret, SavedSecrets, SecretsError};

use crate::files;
use crate::report::{CatalogSummary, CatalogsReport, SCHEMA};
use crate::source::Location;

const FILE: &str = "catalogs.toml";
/// In bytes.
const LARGEST: u64 = 1 << 20;
/// Of a token, in bytes.
const LARGEST_TOKEN: u64 = 64 << 10;
/// Each may be asked for each name.
const MOST: usize = 64;
/// Of the saved secret.
const OPTION: &str = "token";

/// A catalog that the user has.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// What the user calls it.
    pub(crate) name: String,
    pub(crate) location: Location,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: u32,
    #[serde(default)]
    catalogs: Vec<Table>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// With the grammar of a plugin's name, so that it can be part of a variable.
    name: PluginName,
    location: String,
}

/// All of them.
///
/// # Errors
/// The file cannot be read, others could have written it, or it is not what it should be.
pub(crate) fn all(environment: &Environment) -> Result<Vec<Named>, Error> {
    let Some(path) = file(environment) else {
        return Ok(Vec::new());
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = |table: Table| {
        Ok(Named {
            location: Location::parse(&table.location, folder)?,
            name: table.name.to_string(),
        })
    };
    read(&path)?.catalogs.into_iter().map(named).collect()
}

/// The catalog of this name.
///
/// # Errors
/// There is none, or as [`all`].
pub(crate) fn find(environment: &Environment, name: &str) -> Result<Named, Error> {
    let all = all(environment)?;
    let names: Vec<String> = all.iter().map(|catalog| catalog.name.clone()).collect();
    all.into_iter()
        .find(|catalog| catalog.name == name)
        .ok_or_else(|| unknown(name, &names))
}

fn unknown(name: &str, names: &[String]) -> Error {
    let error = Error::new(Code::Usage, format!("no catalog is called `{name}`"));
    match names {
        [] => error.help("there is none; add one with `spin-deployer catalog add NAME LOCATION`"),
        names => error.help(format!("there are {}", names.join(", "))),
    }
}

/// `catalog list`.
///
/// # Errors
/// As for the file, or the saved tokens cannot be read.
pub fn list(environment: &Environment) -> Result<CatalogsReport, Error> {
    let catalogs = all(environment)?.into_iter().map(|catalog| {
        Ok(CatalogSummary {
            token: bearer(environment, &catalog)?.is_some(),
            location: catalog.location.to_string(),
            name: catalog.name,
        })
    });
    Ok(CatalogsReport {
        schema: SCHEMA,
        catalogs: catalogs.collect::<Result<_, Error>>()?,
    })
}

/// `catalog add`: behind those that are there. A folder's path starts in the working directory. `token` is a file that
/// holds one, which is saved.
///
/// # Errors
/// The name is taken, the location is none or takes no token, or something cannot be written. Then there is no such catalog.
pub fn add(
    environment: &Environment,
    name: &str,
    location: &str,
    token: Option<&Path>,
) -> Result<CatalogsReport, Error> {
    let name: PluginName = name
        .parse()
        .map_err(|error: spin_deployer_manifest::NameError| {
            Error::new(Code::Usage, "that cannot be the name of a catalog")
                .detail(error.to_string())
        })?;
    let location = Location::parse(location, &environment.cwd)?;
    let secret = token
        .map(|file| read_token(&environment.cwd.join(file)))
        .transpose()?;
    if secret.is_some() && matches!(location, Location::Folder(_)) {
        return Err(
            Error::new(Code::Usage, "a folder takes no token").help("add it without --token-file")
        );
    }
    change(environment, |catalogs| {
        if catalogs.iter().any(|there| there.name == name) {
            let message = format!("there is a catalog `{name}` already");
            return Err(Error::new(Code::Usage, message).help(format!(
                "choose another name, or first: spin-deployer catalog remove {name}"
            )));
        }
        if catalogs.len() >= MOST {
            return Err(Error::new(
                Code::Usage,
                format!("{MOST} catalogs are the most"),
            ));
        }
        // Its token first: whatever ends it between the two, it can be added again.
        if let Some(secret) = secret {
            let catalog = Named {
                name: name.to_string(),
                location: location.clone(),
            };
            save(environment, &catalog, secret)?;
        }
        catalogs.push(Table {
            name,
            location: location.to_string(),
        });
        Ok(())
    })?;
    list(environment)
}

/// `catalog remove`, with the token that was saved for it.
///
/// # Errors
/// There is none of that name, or something cannot be written.
pub fn remove(environment: &Environment, name: &str) -> Result<CatalogsReport, Error> {
    change(environment, |catalogs| {
        let before = catalogs.len();
        let names: Vec<String> = catalogs.iter().map(|c| c.name.to_string()).collect();
        catalogs.retain(|there| there.name.as_str() != name);
        match catalogs.len() == before {
            true => Err(unknown(name, &names)),
            false => Ok(()),
        }
    })?;
    if let Some(store) = secrets(environment) {
        let whose = owner(name);
        store
            .remove(|binding| binding.plugin == whose)
            .map_err(unusable)?;
    }
    list(environment)
}

/// The token for a catalog, and the only place that gets it: the catalog's own.
///
/// # Errors
/// It is somewhere and cannot be read.
pub(crate) fn bearer(environment: &Environment, catalog: &Named) -> Result<Option<Bearer>, Error> {
    let Location::Url(address) = &catalog.location else {
        return Ok(None);
    };
    let Ok(origin) = Origin::of(address.url()) else {
        return Ok(None);
    };
    let with = |token| {
        Ok(Some(Bearer {
            origin: origin.clone(),
            token,
        }))
    };
    let variable = variable(&catalog.name);
    if let Some(token) = environment.var(&variable) {
        return with(checked(token, &variable)?);
    }
    if let Some(file) = environment.var(&format!("{variable}_FILE")) {
        return with(read_token(&environment.cwd.join(file))?);
    }
    let Some(store) = secrets(environment) else {
        return Ok(None);
    };
    let binding = binding(&catalog.name, &origin);
    let saved = store.all().map_err(unusable)?;
    match saved.into_iter().find(|saved| saved.binding == binding) {
        Some(saved) => with(saved.secret),
        None => Ok(None),
    }
}

/// What may hold the token of a catalog.
pub(crate) fn variable(name: &str) -> String {
    let name = name.replace('-', "_").to_uppercase();
    format!("SPIN_DEPLOYER_CATALOG_{name}_TOKEN")
}

fn save(environment: &Environment, catalog: &Named, secret: Secret) -> Result<(), Error> {
    let Location::Url(address) = &catalog.location else {
        return Err(Error::new(Code::Usage, "a folder takes no token"));
    };
    let origin = Origin::of(address.url()).map_err(|error| {
        Error::new(Code::Usage, "a token goes nowhere").detail(error.to_string())
    })?;
    let store = secrets(environment).ok_or_else(|| {
        Error::new(Code::Usage, "there is no place to save the token")
            .help("set SPIN_DEPLOYER_DATA_DIR to a folder of yours")
    })?;
    let saved = SavedSecret {
        binding: binding(&catalog.name, &origin),
        secret,
        account: None,
        expires: None,
    };
    store.put(vec![saved]).map_err(unusable)
}

fn binding(name: &str, origin: &Origin) -> Binding {
    Binding {
        plugin: owner(name),
        option: OPTION.to_owned(),
        origins: BTreeSet::from([origin.to_string()]),
    }
}

/// No plugin's: those are known by `built-in NAME` and by digests.
fn owner(name: &str) -> String {
    format!("catalog {name}")
}

fn secrets(environment: &Environment) -> Option<SavedSecrets> {
    let data = environment.directories.data()?;
    Some(SavedSecrets::at(data.join("secrets")))
}

/// # Errors
/// Never with anything of the file's in it.
fn read_token(file: &Path) -> Result<Secret, Error> {
    let text = files::read_text(file, LARGEST_TOKEN)?
        .ok_or_else(|| Error::new(Code::Usage, format!("there is no file {}", file.display())))?;
    checked(&text, &file.display().to_string())
}

fn checked(token: &str, place: &str) -> Result<Secret, Error> {
    let token = token.trim();
    let is_token = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    match is_token {
        true => Ok(Secret::new(token.to_owned())),
        false => Err(Error::new(
            Code::Usage,
            format!("there is no token in {place}: one word without blanks"),
        )),
    }
}

fn unusable(error: SecretsError) -> Error {
    Error::new(Code::Failed, "the token of a catalog cannot be had or kept")
        .detail(error.to_string())
}

fn file(environment: &Environment) -> Option<PathBuf> {
    Some(environment.directories.config()?.join(FILE))
}

fn read(path: &Path) -> Result<Document, Error> {
    let wrong = |why: String| {
        Error::new(Code::Usage, format!("{} cannot be used", path.display())).detail(why)
    };
    // Who can write it decides what is installed.
    let text = match private::read(path, LARGEST) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Document {
                schema: SCHEMA,
                catalogs: Vec::new(),
            });
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    let document: Document =
        toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    if document.schema != SCHEMA {
        return Err(wrong(format!(
            "it is of schema {}, and {SCHEMA} is the one that is understood",
            document.schema
        )));
    }
    let mut names = BTreeSet::new();
    match document
        .catalogs
        .iter()
        .find(|table| !names.insert(&table.name))
    {
        Some(twice) => Err(wrong(format!("there are two catalogs `{}`", twice.name))),
        None => Ok(document),
    }
}

/// Reads, changes and writes the file; who does the same meanwhile waits.
fn change(
    environment: &Environment,
    with: impl FnOnce(&mut Vec<Table>) -> Result<(), Error>,
) -> Result<(), Error> {
    let path = file(environment).ok_or_else(|| {
        Error::new(Code::Usage, "there is no place for the list of catalogs")
            .help("set SPIN_DEPLOYER_CONFIG_DIR to a folder of yours")
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let held = || -> io::Result<File> {
        private::create_folder(folder)?;
        let mut options = File::options();
        let lock = private::open_with(
            options.write(true).create(true),
            &folder.join("catalogs.lock"),
        )?;
        lock.lock()?;
        Ok(lock)
    };
    let _held = held().map_err(|error| {
        Error::new(Code::Failed, format!("cannot write {}", path.display()))
            .detail(error.to_string())
    })?;
    let mut document = read(&path)?;
    with(&mut document.catalogs)?;
    let text =
        toml::to_string(&document).map_err(|error| Error::new(Code::Failed, error.to_string()))?;
    files::write_own(&path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use spin_deployer_store::Directories;

    use super::*;

    fn environment(home: &Path, vars: &[(&str, &str)]) -> Environment {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for folder in ["CACHE", "CONFIG", "DATA"] {
            let path = home.join(folder.to_lowercase()).display().to_string();
            all.insert(format!("SPIN_DEPLOYER_{folder}_DIR"), path);
        }
        all.extend(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Environment {
            directories: Directories::from_vars(&all),
            vars: all,
            cwd: home.to_owned(),
            started: std::time::Instant::now(),
        }
    }

    #[test]
    fn catalogs_are_kept_in_their_order_and_each_once() {
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path(), &[]);
        assert!(list(&environment).unwrap().catalogs.is_empty());
        add(&environment, "b", "https://b.example.com/x", None).unwrap();
        add(&environment, "a", "plugins", None).unwrap();
        let there = list(&environment).unwrap().catalogs;
        let shown: Vec<_> = there.iter().map(|c| (&*c.name, &*c.location)).collect();
        let folder = home.path().join("plugins").display().to_string();
        assert_eq!(
            shown,
            [("b", "https://b.example.com/x/"), ("a", folder.as_str())]
        );
        let twice = add(&environment, "a", "elsewhere", None).unwrap_err();
        assert!(twice.message.contains("already"), "{twice}");
        remove(&environment, "b").unwrap();
        let gone = remove(&environment, "b").unwrap_err();
        assert!(gone.help.unwrap().contains("there are a"));
    }

    #[test]
    fn a_token_is_for_the_origin_of_its_catalog_and_is_never_shown() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "geheim\n").unwrap();
        let kept = environment(home.path(), &[]);
        let report = add(
            &kept,
            "acme",
            "https://plugins.example.com/v1",
            Some(Path::new("token")),
        );
        let report = report.unwrap();
        assert!(report.catalogs[0].token);
        let shown = serde_json::to_string(&report).unwrap();
        assert!(!shown.contains("geheim"));
        let catalog = find(&kept, "acme").unwrap();
        let bearer = super::bearer(&kept, &catalog).unwrap().unwrap();
        assert_eq!(bearer.origin.to_string(), "https://plugins.example.com");
        assert_eq!(bearer.token.expose(), "geheim");
        let variable = [("SPIN_DEPLOYER_CATALOG_ACME_TOKEN", "other")];
        let said = environment(home.path(), &variable);
        let bearer = super::bearer(&said, &catalog).unwrap().unwrap();
        assert_eq!(bearer.token.expose(), "other");
        // One of the same name elsewhere gets nothing.
        remove(&kept, "acme").unwrap();
        add(&kept, "acme", "https://evil.example.com", None).unwrap();
        let other = find(&kept, "acme").unwrap();
        assert!(super::bearer(&kept, &other).unwrap().is_none());
    }

    /// Half of it is nothing: a catalog that asks without the token that belongs to it.
    #[test]
    fn a_catalog_whose_token_cannot_be_kept_is_not_added() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "geheim\n").unwrap();
        let here = environment(home.path(), &[]);
        let token = Some(Path::new("token"));
        let folder = add(&here, "a", "./cat", token).unwrap_err();
        assert_eq!(folder.message, "a folder takes no token");
        assert!(folder.help.unwrap().contains("without --token-file"));
        let place = "https://plugins.example.com";
        // As a file it is no folder that could hold one.
        std::fs::write(home.path().join("data"), "").unwrap();
        assert!(add(&here, "a", place, token).is_err());
        assert!(all(&here).unwrap().is_empty());

        std::fs::remove_file(home.path().join("data")).unwrap();
        assert!(add(&here, "a", place, token).unwrap().catalogs[0].token);
        // Another one of that name is not added, and takes nothing away.
        std::fs::write(home.path().join("token"), "another\n").unwrap();
        assert!(add(&here, "a", place, token).is_err());
        let kept = find(&here, "a").unwrap();
        let bearer = super::bearer(&here, &kept).unwrap().unwrap();
        assert_eq!(bearer.token.expose(), "geheim");
    }

    #[test]
    fn a_folder_is_the_same_catalog_however_it_is_written() {
        let home = tempfile::tempdir().unwrap();
        let here = environment(home.path(), &[]);
        std::fs::create_dir(home.path().join("app")).unwrap();
        let catalog = home.path().join("cat");
        for (name, written) in [
            ("a", "./cat"),
            ("b", "app/../cat"),
            ("c", "./app/.././cat/"),
        ] {
            add(&here, name, written, None).unwrap();
            let kept = find(&here, name).unwrap();
            assert_eq!(kept.location.to_string(), catalog.display().to_string());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_list_that_others_could_have_written_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path(), &[]);
        add(&environment, "a", "plugins", None).unwrap();
        let path = home.path().join("config").join(FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(list(&environment).is_err());
    }
}
