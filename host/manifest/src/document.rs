//! A plugin's manifest: `plugin.toml` in its source, a custom section in its component.

use std::str::FromStr;

use semver::{Version, VersionReq};
use toml::Spanned;

use crate::{
    document_error::{self, ManifestError, Problem, read_toml},
    name::PluginName,
    option::{OptionKind, OptionSpec, RESERVED},
    rule::HttpRule,
    rule_table::Declared,
    tables::{DefaultValue, Document, OptionTable, Variables},
    text::Line,
};

/// What a plugin is and what it asks for. Every reference between its parts is checked: who has one can trust it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Also the name of the target that it is without configuration.
    pub name: PluginName,
    /// The plugin's own version.
    pub version: Version,
    /// One line.
    pub description: String,
    /// One line, an SPDX expression by convention.
    pub license: Option<String>,
    /// One line, a URL by convention; shown and never fetched.
    pub homepage: Option<String>,
    /// Versions of Spin whose apps it understands. `None`: all.
    pub spin_compatibility: Option<VersionReq>,
    /// What the platform runs.
    pub app: AppSupport,
    /// In the order of the manifest, no name twice.
    pub options: Vec<OptionSpec>,
    /// Empty: no network at all.
    pub http: Vec<HttpRule>,
}

/// What a platform runs. `None` is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppSupport {
    /// Types of triggers: `http`.
    pub triggers: Option<Vec<String>>,
    /// Spin's host requirements: `local_service_chaining`.
    pub host_requirements: Option<Vec<String>>,
    /// Bytes of all contents together.
    pub max_size: Option<u64>,
    /// Whether it runs core modules, which then reach the plugin as they are. Otherwise they become components.
    pub modules: bool,
}

impl Manifest {
    /// The option of this name.
    pub fn option(&self, name: &str) -> Option<&OptionSpec> {
        self.options
            .iter()
            .find(|option| option.name.as_str() == name)
    }
}

impl FromStr for Manifest {
    type Err = ManifestError;

    /// Reads the TOML of a `plugin.toml`.
    fn from_str(text: &str) -> Result<Self, ManifestError> {
        read(text).map_err(|(at, problem)| ManifestError::at(text, &at, problem))
    }
}

/// Where the host keeps its own files; with its flags, what follows `SPIN_DEPLOYER_` in its variables.
const DIRECTORIES: [&str; 3] = ["cache-dir", "config-dir", "data-dir"];

type Located<T> = document_error::Located<T, Problem>;

fn read(text: &str) -> Located<Manifest> {
    let document: Document = read_toml(text, Problem::Document)?;
    let mut options: Vec<OptionSpec> = Vec::with_capacity(document.options.len());
    let mut named = Vec::new();
    for mut table in document.options {
        let conflicts = std::mem::take(&mut table.conflicts_with);
        named.push((conflicts, std::mem::take(&mut table.required_with)));
        let at = table.name.span();
        let option = option(table)?;
        if options.iter().any(|known| known.name == option.name) {
            return Err((at, Problem::Twice(option.name)));
        }
        let is_known = |env: &&String| options.iter().any(|o| o.variables().any(|k| k == *env));
        if let Some(env) = option.variables().find(is_known) {
            return Err((at, Problem::VariableTwice(env.clone())));
        }
        options.push(option);
    }
    for (index, (conflicts, required_with)) in named.into_iter().enumerate() {
        for name in conflicts {
            if options[index].name == *name.get_ref() {
                return Err((name.span(), Problem::SelfConflict(name.into_inner())));
            }
            Declared::of(&options).kind("conflicts-with", &name)?;
            options[index].conflicts_with.push(name.into_inner());
        }
        for name in required_with {
            let at = name.span();
            Declared::of(&options).kind("required-with", &name)?;
            let (option, name) = (&mut options[index], name.into_inner());
            if option.required {
                return Err((at, Problem::RequiredAnyway(option.name.clone())));
            }
            if option.name == name || option.conflicts_with.contains(&name) {
                return Err((at, Problem::RequiredWith(option.name.clone(), name)));
            }
            option.required_with.push(name);
        }
    }
    let http = document
        .http
        .into_iter()
        .map(|table| table.rule(&Declared::of(&options)))
        .collect::<Located<_>>()?;
    Ok(Manifest {
        name: document.name,
        version: document.version,
        description: document.description.0,
        license: document.license.map(|line| line.0),
        homepage: document.homepage.map(|line| line.0),
        spin_compatibility: document.spin_compatibility,
        app: AppSupport {
            triggers: document.app.triggers.map(texts),
            host_requirements: document.app.host_requirements.map(texts),
            max_size: document.app.max_size.map(|size| size.0),
            modules: document.app.modules,
        },
        options,
        http,
    })
}

fn texts(lines: Vec<Line>) -> Vec<String> {
    lines.into_iter().map(|line| line.0).collect()
}

/// What can be a choice: words that no shell reads as anything else, because completions put them into scripts.
fn is_word(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.chars().all(fits)
}

/// An option without the others that it names, which can be declared later.
fn option(table: OptionTable) -> Located<OptionSpec> {
    let name = table.name.get_ref().clone();
    let at = table.name.span();
    if RESERVED.contains(&name.as_str()) {
        return Err((at, Problem::Reserved(name)));
    }
    let kind = match (OptionKind::named(table.r#type.get_ref()), table.choices) {
        (None, _) => {
            return Err((
                table.r#type.span(),
                Problem::Kind(table.r#type.into_inner()),
            ));
        }
        (Some(OptionKind::Choice(_)), Some(choices))
            if !choices.is_empty() && choices.iter().all(|choice| is_word(&choice.0)) =>
        {
            OptionKind::Choice(texts(choices))
        }
        (Some(OptionKind::Choice(_)), _) | (Some(_), Some(_)) => {
            return Err((at, Problem::Choices(name)));
        }
        (Some(kind), None) => kind,
    };
    let variables = table.env.map(variables).transpose()?;
    let mut variables = variables.into_iter().flatten();
    let mut option = OptionSpec {
        name,
        env: variables.next(),
        more_env: variables.collect(),
        kind,
        required: table.required,
        default: None,
        conflicts_with: Vec::new(),
        required_with: Vec::new(),
        login: table.login,
        help: table.help.0,
        value_name: table.value_name.map(|line| line.0),
    };
    if let Some(value) = table.default {
        let at = value.span();
        option.default =
            Some(default(&option, value.into_inner()).map_err(|problem| (at, problem))?);
    }
    Ok(option)
}

/// At least one, each another.
pub(crate) fn variables(env: Spanned<Variables>) -> Located<Vec<String>> {
    let at = env.span();
    let names = env.into_inner().names();
    if names.is_empty() {
        return Err((at, Problem::Variable(String::new())));
    }
    for (index, name) in names.iter().enumerate() {
        if let Err(problem) = check_variable(name) {
            return Err((at, problem));
        }
        if names[..index].contains(name) {
            return Err((at, Problem::VariableTwice(name.clone())));
        }
    }
    Ok(names)
}

fn check_variable(name: &str) -> Result<(), Problem> {
    let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(legal)
    {
        return Err(Problem::Variable(name.to_owned()));
    }
    let host = |flag: &str| flag.replace('-', "_").to_ascii_uppercase();
    let of_host = |rest: &str| {
        RESERVED
            .iter()
            .chain(&DIRECTORIES)
            .any(|flag| host(flag) == rest)
    };
    if name.strip_prefix("SPIN_DEPLOYER_").is_some_and(of_host) {
        return Err(Problem::ReservedVariable(name.to_owned()));
    }
    Ok(())
}

fn default(option: &OptionSpec, value: DefaultValue) -> Result<Vec<String>, Problem> {
    let given = match value {
        DefaultValue::Text(line) => vec![line.0],
        DefaultValue::Number(number) => vec![number.to_string()],
        DefaultValue::Flag(flag) => vec![flag.to_string()],
        DefaultValue::Many(lines) => texts(lines),
    };
    if option.required {
        return Err(Problem::RequiredDefault(option.name.clone()));
    }
    match option.kind {
        OptionKind::Secret => return Err(Problem::SecretDefault(option.name.clone())),
        OptionKind::SigningKey => return Err(Problem::KeyDefault(option.name.clone())),
        _ => {}
    }
    option.parse(&given).map_err(Problem::Default)?;
    if let (OptionKind::OutputDirectory, [path]) = (&option.kind, given.as_slice()) {
        // `\` and `:` because they mean something in a path on Windows.
        let mut parts = path.split('/');
        let below = parts.next() == Some(".deployer")
            && parts.all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':']));
        if !below {
            return Err(Problem::DefaultDirectory {
                option: option.name.clone(),
                value: path.clone(),
            });
        }
    }
    Ok(given)
}
