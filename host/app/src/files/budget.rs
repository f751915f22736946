//! How much all `files` of an app together may make this look at, and place: a manifest is short, and what its patterns
//! match times its components is not.

/// Twenty thousand files for each of fifty components fit in.
const MOST_PLACED: usize = 1_000_000;
const MOST_LOOKED_AT: usize = 2_000_000;
/// So many patterns of `exclude_files` are as much work as an entry to look at.
const PATTERNS: usize = 100;

/// What is left for the rest of a load.
#[derive(Debug)]
pub(super) struct Budget {
    looks: usize,
    places: usize,
    spent: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(MOST_LOOKED_AT, MOST_PLACED)
    }
}

impl Budget {
    pub(super) fn new(looks: usize, places: usize) -> Self {
        Self {
            looks,
            places,
            spent: false,
        }
    }

    /// Says whether so many more entries may be looked at.
    pub(super) fn look(&mut self, entries: usize) -> bool {
        Self::take(&mut self.looks, entries, &mut self.spent)
    }

    /// Says whether so many more files may be matched with so many patterns.
    pub(super) fn compare(&mut self, files: usize, patterns: usize) -> bool {
        self.look(files.saturating_mul(patterns / PATTERNS))
    }

    /// Says whether one more file may be placed.
    pub(super) fn place(&mut self) -> bool {
        Self::take(&mut self.places, 1, &mut self.spent)
    }

    /// Whether something was refused, and the files are not all there.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    fn take(left: &mut usize, wanted: usize, spent: &mut bool) -> bool {
        match left.checked_sub(wanted) {
            Some(rest) if !*spent => *left = rest,
            _ => *spent = true,
        }
        !*spent
    }
}
