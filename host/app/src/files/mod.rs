//! `files` and `exclude_files`: which files of the app a component sees, and where.
//!
//! Bit-compatible with what Spin's loader copies, oddities included (they are warned about); what would come from
//! outside of the app or go outside of the component's files is refused.

mod glob;
mod suspicious;

use std::collections::{BTreeMap, BTreeSet};

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

/// Looks up everything that the component's `files` name; reads no file.
pub(crate) fn place(folder: &Folder, component: &Component, report: &mut Report) -> Placed {
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
        report,
    };
    for mount in &component.files {
        match mount {
            Mount::Pattern(pattern) => placer.pattern(pattern),
            Mount::Placement {
                source,
                destination,
            } => placer.placement(source, destination),
        }
    }
    let placed = placer.placed;
    refuse_files_that_are_directories(&placed, report);
    placed
}

struct Placer<'a, 'r, 't> {
    folder: &'a Folder,
    exclude: Vec<::glob::Pattern>,
    placed: Placed,
    report: &'r mut Report<'t>,
}

impl Placer<'_, '_, '_> {
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
        let mut found = match find(self.folder, pattern) {
            Ok(found) => found,
            Err(error) => return bad_pattern(at, pattern, &error, self.report),
        };
        // What earlier deploys left beside the app is not part of it: it would grow with every deploy, and be published.
        found.files.retain(|path| !path.starts_with(OWN));
        let all = found.files.len();
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
        let source = Source {
            path: path.to_owned(),
            at: at.clone(),
        };
        if let Some(earlier) = self.placed.insert(guest.clone(), source)
            && earlier.path != path
        {
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
    use super::*;

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
