//! What an app wants and the runtime behind a Bindle server cannot do: Spin 0.10, the last one that reads bindles.

/// One thing that the app would not have there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Wasm of another kind.
    #[error("component `{0}` is of the component model, and only core modules run there")]
    ComponentModel(String),
    /// A module of another runtime.
    #[error("component `{component}` imports from `{modules}`, which nobody has there")]
    Imports {
        /// Which component.
        component: String,
        /// From where, with `, ` between them.
        modules: String,
    },
    /// A module that is not meant to stay one.
    #[error("component `{component}` exports `{export}`, which is of the component model")]
    Export {
        /// Which component.
        component: String,
        /// What it exports.
        export: String,
    },
    /// Left where nobody composed them.
    #[error("component `{0}` has dependencies that are not composed into it")]
    Dependencies(String),
    /// An id that becomes a folder's name.
    #[error(
        "component `{0}` has an id that cannot name a folder: letters, digits, `-`, `_` and `.` of ASCII, beginning with a letter or digit"
    )]
    ComponentId(String),
    /// Only HTTP and Redis.
    #[error("there is no trigger of type `{0}`")]
    TriggerType(String),
    /// One type an app.
    #[error("an app has triggers of one type there, and this one has {0}")]
    SeveralTypes(String),
    /// One trigger a component.
    #[error("component `{0}` has more than one trigger, and one is all that a component has there")]
    SeveralTriggers(String),
    /// An answer without a component.
    #[error("trigger `{0}` starts no component")]
    NoComponent(String),
    /// What a trigger of the type had no word for.
    #[error("trigger `{trigger}`: {what}")]
    Trigger {
        /// Which.
        trigger: String,
        /// What it says.
        what: String,
    },
    /// What all triggers of a type have.
    #[error("the triggers of type `{kind}` cannot have `{setting}`")]
    TriggerSetting {
        /// `http`
        kind: String,
        /// Its name.
        setting: String,
    },
    /// A host that cannot be said.
    #[error("component `{component}` may reach `{host}`: {reason}")]
    Host {
        /// Which component.
        component: String,
        /// The entry of the app.
        host: String,
        /// Why it cannot be said.
        reason: &'static str,
    },
    /// Databases of the runtime's own.
    #[error("component `{0}` wants SQLite databases")]
    Databases(String),
    /// Models of the runtime's own.
    #[error("component `{0}` wants AI models")]
    Models(String),
    /// Something that Spin must be able to do.
    #[error("{owner} requires `{feature}`")]
    Requirement {
        /// The app, or a component.
        owner: String,
        /// As Spin names it.
        feature: String,
    },
    /// Something that nobody knows here.
    #[error("{owner} has `{key}`, which means nothing there")]
    Metadata {
        /// The app, or a component.
        owner: String,
        /// Which key.
        key: String,
    },
}
