//! Where the user's files of ours lie.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

/// Folders of ours, which need not exist yet. `None`: there is no place for it, and nothing of the kind is kept.
///
/// `SPIN_DEPLOYER_CACHE_DIR`, `SPIN_DEPLOYER_CONFIG_DIR` and `SPIN_DEPLOYER_DATA_DIR` name them; where they do not, it
/// is `spin-deployer` in the platform's folder: on Linux as the XDG base directory specification has it
/// (`~/.cache`, `~/.config`, `~/.local/share`), on macOS below `~/Library`, on Windows below `%APPDATA%` and
/// `%LOCALAPPDATA%`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directories {
    cache: Option<PathBuf>,
    config: Option<PathBuf>,
    data: Option<PathBuf>,
}

impl Directories {
    /// Chooses by these variables, and where they say nothing by the platform.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Self {
        let platform = choose_native_strategy().ok();
        let choose = |name: &str, folder: Option<PathBuf>| match vars
            .get(name)
            .filter(|value| !value.is_empty())
        {
            // Absolute, so that it stays the same place whatever the working directory.
            Some(named) => std::path::absolute(named).ok(),
            None => folder
                .filter(|folder| folder.is_absolute())
                .map(|folder| folder.join("spin-deployer")),
        };
        Self {
            cache: choose(
                "SPIN_DEPLOYER_CACHE_DIR",
                platform.as_ref().map(BaseStrategy::cache_dir),
            ),
            config: choose(
                "SPIN_DEPLOYER_CONFIG_DIR",
                platform.as_ref().map(BaseStrategy::config_dir),
            ),
            data: choose(
                "SPIN_DEPLOYER_DATA_DIR",
                platform.as_ref().map(BaseStrategy::data_dir),
            ),
        }
    }

    /// What can be made again: compiled code, known digests.
    pub fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// What the user writes.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// What cannot be made again: installed plugins, grants.
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_named_directory_is_taken_as_it_is() {
        let here = std::env::current_dir().unwrap();
        let named = vars(&[
            ("SPIN_DEPLOYER_CACHE_DIR", "some/cache"),
            ("SPIN_DEPLOYER_DATA_DIR", ""),
        ]);
        let directories = Directories::from_vars(&named);
        assert_eq!(directories.cache(), Some(here.join("some/cache").as_path()));
        assert_eq!(
            directories.data(),
            Directories::from_vars(&vars(&[])).data(),
            "empty is not named"
        );
    }

    #[test]
    fn what_is_not_named_is_a_folder_of_ours_in_that_of_the_platform() {
        for directory in [
            Directories::from_vars(&vars(&[])).cache(),
            Directories::from_vars(&vars(&[])).config(),
        ]
        .into_iter()
        .flatten()
        {
            assert!(
                directory.is_absolute() && directory.ends_with("spin-deployer"),
                "{}",
                directory.display()
            );
        }
    }
}
