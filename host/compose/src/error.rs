use std::fmt;

use crate::capability::{Access, access};
use crate::componentize::ComponentizeError;

/// Why a component and its dependencies do not become one component: everything that was found at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeError {
    /// The dependent.
    pub component: String,
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "component `{}` cannot be composed: ", self.component)?;
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ComposeError {}

/// One thing that is wrong. Dependencies are named as in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The component itself is unfit.
    #[error("it {0}")]
    Component(ComponentizeError),
    /// A dependency is unfit.
    #[error("dependency `{dependency}` {reason}")]
    Dependency {
        /// Its name.
        dependency: String,
        /// A predicate.
        reason: ComponentizeError,
    },
    /// A dependency's name has no meaning.
    #[error(
        "`{0}` is no name of a dependency; write `words`, `example:greeting`, `example:greeting/words` or \
         `example:greeting/words@0.1.0`"
    )]
    Name(String),
    /// Nothing in the component asks for this dependency.
    #[error(
        "dependency `{dependency}` is for no import of the component, which has {}; name it after one of them, or \
         remove it", list(.imports)
    )]
    Unmatched {
        /// Its name.
        dependency: String,
        /// What the component imports.
        imports: Vec<String>,
    },
    /// More than one dependency is for the same import.
    #[error("import `{import}` is what the dependencies {} are for; keep one of them, or name them more precisely", list(.dependencies))]
    Conflict {
        /// What the component imports.
        import: String,
        /// Names, in the order of the manifest.
        dependencies: Vec<String>,
    },
    /// A dependency lacks what it is for.
    #[error(
        "dependency `{dependency}` has no export `{export}` for the import `{import}`, but has {}; set `export` to \
         the one that is meant, or depend on a version that has it", list(.exports)
    )]
    MissingExport {
        /// Its name.
        dependency: String,
        /// What was looked for.
        export: String,
        /// What the component imports.
        import: String,
        /// What the dependency has.
        exports: Vec<String>,
    },
    /// A dependency has another type than the component wants.
    #[error(
        "export `{export}` of dependency `{dependency}` does not fit the import `{import}`: {reason}; build both \
         against the same version of the interface"
    )]
    Incompatible {
        /// Its name.
        dependency: String,
        /// What it offers.
        export: String,
        /// What the component imports.
        import: String,
        /// Where the types differ.
        reason: String,
    },
    /// Denying was not possible, and allowing is not right.
    #[error("dependency `{dependency}` does not inherit {}, and that cannot be denied to it: {reason}; let it inherit {}", list(.imports), remedy(.imports))]
    Undeniable {
        /// Its name.
        dependency: String,
        /// What it imports and must not reach.
        imports: Vec<String>,
        /// What stood in the way.
        reason: String,
    },
    /// The whole does not fit together, though each pair does.
    #[error(
        "the parts do not make one component: {0}; build them against the same versions of their interfaces"
    )]
    Encode(String),
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        names => {
            let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            quoted.join(", ")
        }
    }
}

/// The value of `inherit_configuration` that makes denying unnecessary.
fn remedy(imports: &[String]) -> String {
    let mut names = std::collections::BTreeSet::new();
    for import in imports {
        match access(import) {
            Access::Needs(capability) => names.insert(format!("`{capability}`")),
            Access::NeedsAll => return "everything with `inherit_configuration = true`".into(),
            Access::Free => false,
        };
    }
    names.into_iter().collect::<Vec<_>>().join(", ")
}
