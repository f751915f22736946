//! The commands `plugins …` and `catalog …`. Their own flags have no variables: a key or a range that is set somewhere
//! else would be meant for no plugin in particular.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// What is done with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// Install a plugin: shows what it may do, asks, compiles it, and writes it into the app's lock
    Install {
        /// A file, https://…#sha256:…, a place in a registry, or NAME[@VERSION] of a catalog
        #[arg(value_hint = ValueHint::AnyPath)]
        source: String,
        /// Look for the name in this catalog only
        #[arg(long, value_name = "NAME")]
        catalog: Option<String>,
        #[command(flatten)]
        key: PublisherKey,
        /// Let it take the place of a plugin of the same name that is in the program
        #[arg(long)]
        override_built_in: bool,
    },
    /// Upgrade plugins; asks where a new version may do more
    Upgrade {
        /// Which plugins [default: all]
        #[arg(value_name = "NAME", conflicts_with = "all")]
        names: Vec<String>,
        /// All of them
        #[arg(long)]
        all: bool,
        /// Show what would be done
        #[arg(long)]
        dry_run: bool,
        /// Take an older version too
        #[arg(long)]
        downgrade: bool,
        /// This version, or the newest of a range, as in ^1.2
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
        #[command(flatten)]
        key: PublisherKey,
    },
    /// Take plugins away, and what you agreed to for them
    Uninstall {
        /// Which plugins
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// List plugins, and what is outdated
    List,
    /// Look for plugins in your catalogs
    Search {
        /// Words of the name or the description [default: all plugins]
        text: Vec<String>,
        /// Look in this catalog only
        #[arg(long, value_name = "NAME")]
        catalog: Option<String>,
    },
    /// Show a plugin: its manifest, its rules, where it came from; nothing of it runs
    Show {
        /// A plugin's name, or its .wasm file
        #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
        named: String,
    },
    /// Check all plugins and compiled code against their digests; exit with 1 where one differs
    Verify,
    /// Bring here what deployer.lock names: into the installed plugins, or into the folder of --vendor
    Fetch,
    /// Write a small plugin to start from
    New {
        /// Its name, and that of its folder
        name: String,
        /// The language
        #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
        language: Language,
        /// The folder sdk/rust of a copy of this project: the plugin then uses the SDK, which is not published yet
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        sdk: Option<PathBuf>,
    },
    /// Put the manifest into a component, and check that it is a plugin
    Pack {
        /// The component, as the compiler made it
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The manifest
        #[arg(long, value_name = "FILE", default_value = "plugin.toml", value_hint = ValueHint::FilePath)]
        manifest: PathBuf,
        /// Where the plugin goes [default: NAME.wasm]
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
        /// Replace the manifest that is in it
        #[arg(long)]
        force: bool,
    },
    /// Show what users will see of a plugin, and what you should know before that; nothing of it runs
    Check {
        /// The plugin's file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Push a plugin to a registry
    Push {
        /// The plugin's file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Where to: REGISTRY/REPOSITORY[:TAG]; without a tag it gets its version
        reference: String,
    },
}

impl PluginsCommand {
    /// As it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Install { .. } => "plugins install",
            Self::Upgrade { .. } => "plugins upgrade",
            Self::Uninstall { .. } => "plugins uninstall",
            Self::List => "plugins list",
            Self::Search { .. } => "plugins search",
            Self::Show { .. } => "plugins show",
            Self::Verify => "plugins verify",
            Self::Fetch => "plugins fetch",
            Self::New { .. } => "plugins new",
            Self::Pack { .. } => "plugins pack",
            Self::Check { .. } => "plugins check",
            Self::Push { .. } => "plugins push",
        }
    }
}

/// What is done with catalogs.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Add a catalog, behind those that are there
    Add {
        /// What you call it
        name: String,
        /// Where it is: https://…, or a folder
        #[arg(value_hint = ValueHint::AnyPath)]
        location: String,
        /// A file with the token of a private one; it is saved, and goes to that server only
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        token_file: Option<PathBuf>,
    },
    /// List your catalogs, in the order in which they are asked
    List,
    /// Remove a catalog, and the token that is saved for it
    Remove {
        /// What you call it
        name: String,
    },
    /// Make a folder of plugins a catalog: writes its index, and a file for each version
    Build {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Your public key of minisign, where the plugins are signed with it
        #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
        key: Option<String>,
    },
}

/// Who has to have signed it.
#[derive(Debug, Args)]
pub(crate) struct PublisherKey {
    /// The publisher's public key: minisign.pub, cosign.pub, or the key itself
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<String>,
}

/// What a new plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
}
