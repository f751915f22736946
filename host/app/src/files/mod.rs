//! `files` and `exclude_files`: which files of the app a component sees, and where.
//!
//! Bit-compatible with what Spin's loader copies, oddities included (they are warned about); what would come from
//! outside of the app or go outside of the component's files is refused.

mod budget;
mod glob;
mod suspicious;

use std::collections::{BTreeMap, BTreeSet};

use self::budget::Budget;
use self::glob::{Matches, find, is_pattern};
use crate::finding::{Place, Report};
use crate::folder::{Folder, Kind, Refusal};
use crate::manifest::{Component, Mount, Text};

/// Where the target `local` keeps its releases.
const OWN: &str = ".deployer/";

/// The files of one component: where the guest finds each, and its path in the app. Sorted by the first.
pub(crate) type Placed = BTreeMap<String, Source>;

#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Relative to the app's folder.
    pub(crate) path: String,
    /// The entry of `files` that it comes from.
    pub(crate) at: Place,
}

/// Looks up everything that the `files` of the components name, in their order; reads no file.
pub(crate) fn place(folder: &Folder, components: &[Component], report: &mut Report) -> Vec<Placed> {
    place_within(Budget::default(), folder, components, report)
}

fn place_within(
    mut budget: Budget,
    folder: &Folder,
    components: &[Component],
    report: &mut Report,
) -> Vec<Placed> {
    let components = components.iter();
    components
        .map(|component| place_one(folder, component, &mut budget, report))
        .collect()
}

fn place_one(
    folder: &Folder,
    component: &Component,
    budget: &mut Budget,
    report: &mut Report,
) -> Placed {
    let mut exclude = Vec::new();
    for pattern in &component.exclude_files {
        match ::glob::Pattern::new(&pattern.value) {
            Ok(compiled) => exclude.push(compiled),
            Err(error) => bad_pattern(&pattern.at, &pattern.value, &error, report),
        }
    }
    let mut placer = Placer {
        folder,
        exclude,
        placed: Placed::new(),
        budget,
        report,
    };
    for mount in &component.files {
        placer.mount(mount);
    }
    let placed = placer.placed;
    refuse_files_that_are_directories(&placed, report);
    placed
}

struct Placer<'a, 'r, 't> {
    folder: &'a Folder,
    exclude: Vec<::glob::Pattern>,
    placed: Placed,
    budget: &'r mut Budget,
    report: &'r mut Report<'t>,
}

impl Placer<'_, '_, '_> {
    /// Without a budget nothing happens: that was reported where it ran out.
    fn mount(&mut self, mount: &Mount) {
        if self.budget.is_spent() {
            return;
        }
        let at = match mount {
            Mount::Pattern(pattern) => &pattern.at,
            Mount::Placement { source, .. } => &source.at,
        };
        if self.budget.look(1) {
            match mount {
                Mount::Pattern(pattern) => self.pattern(pattern),
                Mount::Placement {
                    source,
                    destination,
                } => self.placement(source, destination),
            }
        }
        if self.budget.is_spent() {
            let message = "up to here, `files` lead to more files than an application can have";
            let help = "narrow the patterns, or exclude what the components do not need";
            self.report.error("too-many-files", at, message, help);
        }
    }

    fn pattern(&mut self, pattern: &Text) {
        let (text, at) = (pattern.value.as_str(), &pattern.at);
        let last = text.rsplit('/').next().unwrap_or(text);
        if last == "." || last == ".." {
            let help = "write `dir/**/*`, or `{ source = \"dir\", destination = \"/dir\" }`";
            self.report.error(
                "file-pattern",
                at,
                format!("a pattern cannot end in `{last}`"),
                help,
            );
            return;
        }
        let Some(path) = self.inside(text, at) else {
            return;
        };
        if matches!(text, "*" | "**/*") {
            let message = format!(
                "`{text}` takes the whole folder of the app, with its sources and spin.toml"
            );
            self.report.warning(
                "whole-folder",
                at,
                message,
                &format!("if you want that, write `./{text}`"),
            );
        }
        match self.folder.kind(&path) {
            Ok(Kind::Directory) if path.is_empty() => self.wildcard("**/*", "", "", at),
            Ok(Kind::Directory) => {
                let help = format!("write `\"{path}/**/*\"` for `/{path}/…` in the guest");
                let message = format!(
                    "as in Spin, the files of this directory land in `/{path}/{path}/…` of the guest"
                );
                self.report.warning("doubled-directory", at, message, &help);
                self.wildcard(&join(&path, "**/*"), "", &path, at);
            }
            Ok(_) => self.single(&path, path.clone(), at),
            Err(Refusal::Missing) if is_pattern(text) => self.wildcard(&path, "", "", at),
            Err(refusal) => self.refuse(&path, &refusal, at),
        }
    }

    fn placement(&mut self, source: &Text, destination: &Text) {
        let Some(path) = self.inside(&source.value, &source.at) else {
            return;
        };
        let relative = destination.value.trim_start_matches('/');
        let Ok(guest) = lexical(relative) else {
            let message = format!("`{}` leads out of the component's files", destination.value);
            self.report.error(
                "outside-guest",
                &destination.at,
                message,
                "destinations look like `/static`",
            );
            return;
        };
        if relative.len() == destination.value.len() {
            let help = format!("write `/{guest}`");
            self.report.warning(
                "relative-destination",
                &destination.at,
                "a destination begins with `/`",
                &help,
            );
        }
        match self.folder.kind(&path) {
            Ok(Kind::Directory) => self.wildcard(&join(&path, "**/*"), &path, &guest, &source.at),
            Ok(_) if guest.is_empty() || relative.ends_with(['/', '.']) => {
                let message = format!("`{}` cannot be the name of a file", destination.value);
                self.report.error(
                    "file-destination",
                    &destination.at,
                    message,
                    "end it with the file's own name",
                );
            }
            Ok(_) => self.single(&path, guest, &source.at),
            Err(refusal) => self.refuse(&path, &refusal, &source.at),
        }
    }

    /// A path of the app, or an error finding when it is none.
    fn inside(&mut self, text: &str, at: &Place) -> Option<String> {
        match lexical(text) {
            Ok(path) => Some(path),
            Err(Outside) => {
                let message = format!("`{text}` leads out of the application's folder");
                let help = "copy what it needs into the folder of spin.toml, as part of the build";
                self.report.error("outside-app", at, message, help);
                None
            }
        }
    }

    /// A file that is named is not subject to `exclude_files`.
    fn single(&mut self, path: &str, guest: String, at: &Place) {
        match self.folder.kind(path) {
            Ok(Kind::File) => {
                suspicious::key(path, at, self.report);
                self.add(guest, path, at);
            }
            Ok(_) => self.refuse(path, &Refusal::NotAFile, at),
            Err(refusal) => self.refuse(path, &refusal, at),
        }
    }

    /// Places what `pattern` finds below `prefix` under the guest's `destination`.
    fn wildcard(&mut self, pattern: &str, prefix: &str, destination: &str, at: &Place) {
        if pattern.split('/').rev().skip(1).any(climbs) {
            let message =
                "a part of a pattern that matches `..` leads out of the application's folder";
            self.report.error(
                "outside-app",
                at,
                message,
                "name the directory, or begin the part with something else",
            );
            return;
        }
        let mut found = match find(self.folder, pattern, self.budget) {
            Ok(found) => found,
            Err(error) => return bad_pattern(at, pattern, &error, self.report),
        };
        // What earlier deploys left beside the app is not part of it: it would grow with every deploy, and be published.
        found.files.retain(|path| !path.starts_with(OWN));
        let all = found.files.len();
        let compared = all + found.refused.len();
        if !self.budget.compare(compared, self.exclude.len()) {
            return;
        }
        found.files.retain(|path| !self.is_excluded(path));
        self.report_refused(&found, at);
        if found.files.is_empty() && found.refused.is_empty() {
            let reason = if all > 0 {
                "everything it matches is excluded".to_owned()
            } else if pattern.ends_with("**") {
                format!("`**` alone matches only directories: write `{pattern}/*`")
            } else {
                "patterns are relative to the folder of spin.toml".to_owned()
            };
            self.report.warning(
                "no-match",
                at,
                format!("`{pattern}` matches no file"),
                &reason,
            );
        }
        suspicious::matches(&found.files, pattern, at, self.report);
        for path in found.files {
            let below = if prefix.is_empty() {
                &path
            } else {
                path[prefix.len()..].trim_start_matches('/')
            };
            self.add(join(destination, below), &path, at);
            if self.budget.is_spent() {
                return;
            }
        }
    }

    fn is_excluded(&self, path: &str) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(path))
    }

    fn report_refused(&mut self, found: &Matches, at: &Place) {
        for (path, refusal) in &found.refused {
            if self.is_excluded(path) {
                continue;
            }
            match refusal {
                // Spin passes these over, too.
                Refusal::NotAFile | Refusal::Missing => {
                    let what = if matches!(refusal, Refusal::Missing) {
                        "is a link to nothing"
                    } else {
                        "is no file"
                    };
                    self.report.warning(
                        refusal.code(),
                        at,
                        format!("`{path}` {what} and is left out"),
                        "",
                    );
                }
                refusal => self.refuse(path, refusal, at),
            }
        }
        for path in &found.not_utf8 {
            let message = format!("the name of `{path}` is not UTF-8");
            self.report
                .error("not-utf8", at, message, "rename it, or narrow the pattern");
        }
    }

    fn refuse(&mut self, path: &str, refusal: &Refusal, at: &Place) {
        let path = if path.is_empty() { "." } else { path };
        self.report.error(
            refusal.code(),
            at,
            format!("`{path}` {refusal}"),
            refusal.help(),
        );
    }

    fn add(&mut self, guest: String, path: &str, at: &Place) {
        if !is_plain(&guest) {
            let message = format!("`/{guest}` cannot be the name of a file of the guest");
            let help = "no control characters, and no `..` between `\\`: rename or exclude it";
            self.report.error("invalid-name", at, message, help);
            return;
        }
        let source = Source {
            path: path.to_owned(),
            at: at.clone(),
        };
        let earlier = self.placed.insert(guest.clone(), source);
        let Some(earlier) = earlier else {
            self.budget.place();
            return;
        };
        if earlier.path != path {
            let message = format!(
                "`{path}` takes the place of `{}` as `/{guest}` of the guest",
                earlier.path
            );
            self.report.warning(
                "file-twice",
                at,
                message,
                "which of the two Spin takes is up to chance",
            );
        }
    }
}

fn bad_pattern(at: &Place, pattern: &str, error: &::glob::PatternError, report: &mut Report) {
    report.error(
        "file-pattern",
        at,
        format!("`{pattern}` is no pattern: {}", error.msg),
        "",
    );
}

/// `a` cannot be a file when there is an `a/b`.
fn refuse_files_that_are_directories(placed: &Placed, report: &mut Report) {
    let mut directories = BTreeSet::new();
    for guest in placed.keys() {
        directories.extend(guest.match_indices('/').map(|(index, _)| &guest[..index]));
    }
    for (guest, source) in placed {
        if directories.contains(guest.as_str()) {
            let message = format!("`/{guest}` of the guest would be a file and a directory");
            report.error(
                "file-twice",
                &source.at,
                message,
                "give one of them another destination",
            );
        }
    }
}

/// A path leads out of the folder that it is relative to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outside;

/// A relative path without `.`, `..` and empty parts.
pub(crate) fn lexical(path: &str) -> Result<String, Outside> {
    #[cfg(windows)]
    let path = &path.replace('\\', "/");
    let drive = cfg!(windows) && path.contains(':');
    if path.starts_with('/') || drive {
        return Err(Outside);
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Going back from a wildcard could lead anywhere.
            ".." => match parts.pop() {
                Some(part) if !is_pattern(part) => {}
                _ => return Err(Outside),
            },
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Whether a file of a component can have this path everywhere: names separated by `/`, which none of them leads out of
/// even where `\` separates them too.
pub(crate) fn is_plain(path: &str) -> bool {
    let mut names = path.split(['/', '\\']);
    names.all(|name| !matches!(name, "" | "." | "..")) && !path.contains(char::is_control)
}

/// `.*` matches `..`, and Spin follows it there.
fn climbs(part: &str) -> bool {
    part.starts_with('.')
        && is_pattern(part)
        && ::glob::Pattern::new(part).is_ok_and(|part| part.matches(".."))
}

fn join(directory: &str, path: &str) -> String {
    if directory.is_empty() {
        path.to_owned()
    } else {
        format!("{directory}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::finding::Level;
    use crate::manifest::parse;

    /// Places three files for each of `components`, and says how many came out, and which errors.
    fn placed(budget: Budget, components: usize, files: &str) -> (usize, Vec<&'static str>) {
        let root = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        let folder = Folder::open(root.path()).unwrap();
        let component = |index| format!("[component.c{index}]\nsource = \"a\"\n{files}\n");
        let text: String = (0..components).map(component).collect();
        let text = format!("spin_manifest_version = 2\n{text}");
        let manifest = parse(&text, &mut Report::new(Path::new("spin.toml"), &text));
        assert_eq!(manifest.components.len(), components);
        let mut report = Report::new(Path::new("spin.toml"), &text);
        let placed = place_within(budget, &folder, &manifest.components, &mut report);
        let findings = report.into_findings().into_iter();
        let errors = findings.filter(|finding| finding.level == Level::Error);
        (
            placed.iter().map(Placed::len).sum(),
            errors.map(|error| error.code).collect(),
        )
    }

    #[test]
    fn what_may_be_placed_is_bounded_for_all_components_together() {
        let files = "files = [\"*\"]";
        let plenty = 1000;
        assert_eq!(placed(Budget::new(plenty, 12), 4, files), (12, vec![]));
        let (count, errors) = placed(Budget::new(plenty, 11), 200, files);
        assert_eq!(errors, ["too-many-files"]);
        assert!(count <= 12, "{count}");
        // What takes the place of the same is no more of it.
        let twice = "files = [\"*\", \"a\", \"**/*\"]";
        assert_eq!(placed(Budget::new(plenty, 12), 4, twice), (12, vec![]));
    }

    #[test]
    fn what_may_be_looked_at_is_bounded_for_all_components_together() {
        let plenty = 1000;
        let nothing = "files = [\"x*\", \"**/x\", \"x/*\"]";
        assert_eq!(placed(Budget::new(plenty, 0), 4, nothing), (0, vec![]));
        let (_, errors) = placed(Budget::new(20, plenty), 4, nothing);
        assert_eq!(errors, ["too-many-files"]);
        let named = format!("files = [{}]", "\"a\",".repeat(30));
        let (_, errors) = placed(Budget::new(20, plenty), 1, &named);
        assert_eq!(errors, ["too-many-files"]);
        let excluded = format!(
            "files = [\"*\"]\nexclude_files = [{}]",
            "\"x\",".repeat(1000)
        );
        assert_eq!(placed(Budget::new(40, plenty), 1, &excluded), (3, vec![]));
        let (_, errors) = placed(Budget::new(40, plenty), 2, &excluded);
        assert_eq!(errors, ["too-many-files"]);
    }

    #[test]
    fn paths_are_made_relative_to_the_folder_and_stay_in_it() {
        assert_eq!(lexical("./a//b/../c/"), Ok("a/c".into()));
        assert_eq!(lexical(""), Ok(String::new()));
        for out in ["/etc", "..", "a/../..", "*/../x", "a/../../a"] {
            assert_eq!(lexical(out), Err(Outside), "{out}");
        }
        assert!(climbs(".*") && climbs(".?") && !climbs(".well-known") && !climbs("*"));
    }
}
