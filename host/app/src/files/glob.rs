//! Finds the files of a pattern, as the crate `glob` does, through a [`Folder`] that nothing leads out of.
//!
//! The pattern is matched name by name: a part without wildcards names one entry, `**` stands for any number of
//! directories, and what is left over at the end must be the file. Links to directories are followed. What the
//! crate `glob` passes over in silence (names that are not UTF-8, pipes, links that lead nowhere) is handed to the
//! caller.

use std::collections::{BTreeMap, BTreeSet};

use glob::Pattern;

use super::budget::Budget;
use crate::folder::{Folder, Kind, Refusal};

/// What a pattern matched: paths relative to the app, in order.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) files: BTreeSet<String>,
    /// What matched and is no file, or could not be looked at.
    pub(crate) refused: BTreeMap<String, Refusal>,
    /// Entries whose names are not UTF-8, with `�` in them.
    pub(crate) not_utf8: BTreeSet<String>,
}

/// Matches `pattern`, whose parts are neither `.` nor `..` and not empty. It ends early when the budget does.
pub(crate) fn find(
    folder: &Folder,
    pattern: &str,
    budget: &mut Budget,
) -> Result<Matches, glob::PatternError> {
    // As a whole, too: `a**` is only wrong there.
    Pattern::new(pattern)?;
    let parts = pattern
        .split('/')
        .map(Part::new)
        .collect::<Result<Vec<_>, _>>()?;
    let mut search = Search {
        folder,
        parts,
        found: Matches::default(),
        seen: BTreeSet::new(),
        above: Vec::new(),
        budget,
    };
    search.inside("", 0);
    Ok(search.found)
}

/// Whether Spin takes a path that does not exist for a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    Pattern::escape(text) != text
}

enum Part {
    Name(String),
    Wildcard(Pattern),
    /// `**`
    Directories,
}

impl Part {
    fn new(part: &str) -> Result<Self, glob::PatternError> {
        let pattern = Pattern::new(part)?;
        Ok(match part {
            "**" => Self::Directories,
            part if part.contains(['*', '?', '[']) => Self::Wildcard(pattern),
            part => Self::Name(part.to_owned()),
        })
    }
}

struct Search<'a> {
    folder: &'a Folder,
    parts: Vec<Part>,
    found: Matches,
    /// Directories that were searched for which rest of the pattern: many `**` would search them again and again.
    seen: BTreeSet<(String, usize)>,
    /// What the directories above really are, to notice a loop.
    above: Vec<std::path::PathBuf>,
    /// Links to directories with links to directories multiply without a loop.
    budget: &'a mut Budget,
}

impl Search<'_> {
    /// The entries of a directory against the pattern from part `index` on.
    fn inside(&mut self, directory: &str, index: usize) {
        if !self.budget.look(1) || !self.seen.insert((directory.to_owned(), index)) {
            return;
        }
        if let Part::Name(name) = &self.parts[index] {
            let path = join(directory, name);
            self.name(&path, index);
            return;
        }
        let identity = match self.folder.identity(directory) {
            Ok(identity) if self.above.contains(&identity) => Err(Refusal::Loop),
            other => other,
        };
        let listed = identity.and_then(|identity| Ok((identity, self.folder.list(directory)?)));
        let (identity, entries) = match listed {
            Ok(listed) => listed,
            Err(refusal) => return self.refuse(directory, refusal),
        };
        self.above.push(identity);
        for entry in entries {
            if !self.budget.look(1) {
                break;
            }
            let path = join(directory, &entry.name);
            if entry.is_utf8 {
                self.entry(&path, &entry.name, index);
            } else {
                self.found.not_utf8.insert(path);
            }
        }
        self.above.pop();
    }

    fn name(&mut self, path: &str, index: usize) {
        let last = index + 1 == self.parts.len();
        match self.folder.kind(path) {
            Ok(kind) if last => self.take(path, kind),
            Ok(Kind::Directory) => self.inside(path, index + 1),
            // A name that is not there is no match.
            Ok(_) => {}
            Err(Refusal::Missing) if !self.folder.is_link(path) => {}
            Err(refusal) => self.refuse(path, refusal),
        }
    }

    fn entry(&mut self, path: &str, name: &str, mut index: usize) {
        let kind = self.folder.kind(path);
        let mut descends = false;
        if let Part::Directories = self.parts[index] {
            descends = true;
            while matches!(self.parts.get(index + 1), Some(Part::Directories)) {
                index += 1;
            }
            let directories = index;
            index += 1;
            if matches!(kind, Ok(Kind::Directory)) {
                self.inside(path, directories);
            }
            // `dir/**` matches directories only, so nothing that could be copied.
            if index == self.parts.len() {
                return;
            }
        }
        let matches = match &self.parts[index] {
            Part::Name(wanted) => wanted == name,
            Part::Wildcard(pattern) => pattern.matches(name),
            Part::Directories => false,
        };
        let last = index + 1 == self.parts.len();
        match kind {
            Ok(kind) if matches && last => self.take(path, kind),
            Ok(Kind::Directory) if matches => self.inside(path, index + 1),
            Ok(_) => {}
            // Below `**` it may be a directory with matches in it, for all we know.
            Err(refusal) if matches || descends => self.refuse(path, refusal),
            Err(_) => {}
        }
    }

    fn take(&mut self, path: &str, kind: Kind) {
        match kind {
            Kind::File => drop(self.found.files.insert(path.to_owned())),
            Kind::Directory => {}
            Kind::Other => self.refuse(path, Refusal::NotAFile),
        }
    }

    fn refuse(&mut self, path: &str, refusal: Refusal) {
        self.found.refused.entry(path.to_owned()).or_insert(refusal);
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The crate itself on the same tree is the judge.
    #[test]
    fn finds_what_the_crate_glob_finds() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "a.txt",
            ".env",
            "d/a.txt",
            "d/.hidden/x.txt",
            "d/e/f/g.txt",
            "d/e/b.png",
            "d[1]/x",
            "d1/y",
            "e/d/a.txt",
            "d/d/d/d.txt",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("../d/e", root.path().join("e/link")).unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let mut budget = Budget::default();
        for pattern in [
            "*",
            "**",
            "**/*",
            "d/**",
            "d/**/*",
            "d/*",
            "d/**/**/*.txt",
            "**/d/**/*.txt",
            "**/a.txt",
            "*/*/*.txt",
            ".*",
            "d[1]/**/*",
            "d[[]1]/*",
            "?.txt",
            "**/.hidden/*",
            "nope/*",
            "a.txt/*",
            "**/e/*",
            "e/link/*",
            "[a-d]/**/*",
        ] {
            let full = format!(
                "{}/{pattern}",
                Pattern::escape(root.path().to_str().unwrap())
            );
            let expected: BTreeSet<String> = glob::glob(&full)
                .unwrap()
                .filter_map(Result::ok)
                .filter(|path| path.is_file())
                .map(|path| {
                    path.strip_prefix(root.path())
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned()
                })
                .collect();
            let found = find(&folder, pattern, &mut budget).unwrap();
            assert_eq!(found.files, expected, "{pattern}");
            assert!(found.refused.is_empty(), "{pattern}");
        }
        find(&folder, "a**/b", &mut budget).unwrap_err();
        find(&folder, "[", &mut budget).unwrap_err();
    }
}
