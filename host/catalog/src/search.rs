//! Finding a plugin of which somebody knows what it is about.

use spin_deployer_manifest::PluginName;

use crate::index::{Index, Listed};

/// The plugins that have every word of `text` in their name or description, in any case. What is called so comes first,
/// then what begins so, then the others; no word finds all.
pub fn search<'a>(index: &'a Index, text: &str) -> Vec<(&'a PluginName, &'a Listed)> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let has_all = |(name, listed): &(&PluginName, &Listed)| {
        let description = listed.description.as_str().to_lowercase();
        let has = |word: &&str| name.as_str().contains(*word) || description.contains(*word);
        words.iter().all(has)
    };
    let mut found: Vec<_> = index.plugins.iter().filter(has_all).collect();
    // The same as they stand in the index, within a rank.
    found.sort_by_key(|(name, _)| rank(name.as_str(), &words));
    found
}

fn rank(name: &str, words: &[&str]) -> u8 {
    let any = |fits: &dyn Fn(&str) -> bool| words.iter().any(|word| fits(word));
    match () {
        () if any(&|word| name == word) => 0,
        () if any(&|word| name.starts_with(word)) => 1,
        () if any(&|word| name.contains(word)) => 2,
        () => 3,
    }
}
