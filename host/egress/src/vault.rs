//! Secrets and the placeholders that stand for them in the guest.
//!
//! A placeholder is worth nothing: it is random, new in every run, and means something to this vault alone. What it
//! stands for leaves only towards its [`Audience`]; a request that carries it anywhere else is refused as a whole,
//! because a plugin that tries is either broken or hostile, and both should be seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use memchr::memmem;
use spin_deployer_grants::Rule;
use spin_deployer_manifest::{Origin, Secret};
use zeroize::Zeroizing;

use crate::forms::Forms;
use crate::{Error, UNGUARDED, scan};

/// In front of every placeholder, so that a person who meets one knows what it is.
pub const PLACEHOLDER_PREFIX: &str = "spin-deployer-secret-";
const DIGITS: usize = 32;

/// Tokens that a run may be given: one a repository and scope is usual, and each is kept to the end.
const MOST_TOKENS: usize = 1000;
/// All tokens together, in bytes: each is looked for in every request.
const MOST_TOKEN_BYTES: usize = 1 << 20;

/// Where a secret may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// To this origin, by whichever rule leads there. What its answers gave in place of what they hide.
    Origin(Origin),
    /// To this registry and to the token service that it announced in this run, under rules whose `sends` has the
    /// name. The credential that the machine holds for a registry.
    Registry(Origin),
    /// To where rules lead whose `sends` has the name.
    Rules,
}

/// The secrets of one run.
#[derive(Default)]
pub struct Vault {
    entries: RwLock<Vec<Entry>>,
}

struct Entry {
    placeholder: String,
    name: String,
    secret: Secret,
    audience: Audience,
    /// What is looked for, made once.
    forms: Arc<Forms>,
    /// A server gave it in this run: no option has its name.
    minted: bool,
}

/// Where a request goes, as far as a secret asks.
pub(crate) struct Destination<'a> {
    pub(crate) origin: &'a Origin,
    /// The rule that leads here; `None` where an answer announced the URL.
    pub(crate) rule: Option<&'a Rule>,
    /// Who announced this URL as their token service; empty elsewhere.
    pub(crate) token_service_of: &'a [Announcer],
}

/// A registry that named a token service, and the rule under which it was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Announcer {
    pub(crate) registry: Origin,
    pub(crate) rule: Arc<Rule>,
}

/// A secret that may not go where the request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Withheld {
    pub(crate) name: String,
}

impl Vault {
    /// Keeps a secret under the name of its option and returns the placeholder that the guest gets instead.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn insert(&self, name: &str, secret: Secret, audience: Audience) -> Result<String, Error> {
        self.add(name, secret, audience, false)
    }

    /// Keeps what a server gave. The same again gets the same placeholder, however often it is asked for.
    pub(crate) fn mint(
        &self,
        name: &str,
        secret: Secret,
        audience: Audience,
    ) -> Result<String, Error> {
        self.add(name, secret, audience, true)
    }

    /// What a placeholder stands for that the guest read in an answer in place of something hidden, and whose answer
    /// that was. Nothing for any other: what it stands for is not the guest's to give away.
    pub fn hidden(&self, placeholder: &str) -> Option<(Secret, Origin)> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries
            .iter()
            .find(|entry| entry.minted && entry.placeholder == placeholder)?;
        match &entry.audience {
            Audience::Origin(origin) => Some((entry.secret.clone(), origin.clone())),
            _ => None,
        }
    }

    /// A text for the user without any of the secrets, their names in parentheses in their place.
    #[must_use]
    pub fn redacted(&self, text: String) -> String {
        scan::redacted(self, text)
    }

    fn add(
        &self,
        name: &str,
        secret: Secret,
        audience: Audience,
        minted: bool,
    ) -> Result<String, Error> {
        let mut random = [0; DIGITS / 2];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let placeholder = format!("{PLACEHOLDER_PREFIX}{:032x}", u128::from_be_bytes(random));
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let given = || entries.iter().filter(|entry| minted && entry.minted);
        let known = given().find(|entry| {
            entry.name == name && entry.audience == audience && entry.secret == secret
        });
        if let Some(known) = known {
            return Ok(known.placeholder.clone());
        }
        let (number, bytes) = given().fold((1, secret.expose().len()), |(number, bytes), entry| {
            (number + 1, bytes + entry.secret.expose().len())
        });
        if minted && (number > MOST_TOKENS || bytes > MOST_TOKEN_BYTES) {
            return Err(Error::TooManyTokens(MOST_TOKENS));
        }
        entries.push(Entry {
            placeholder: placeholder.clone(),
            name: name.to_owned(),
            forms: Arc::new(Forms::of(secret.expose())),
            secret,
            audience,
            minted,
        });
        Ok(placeholder)
    }

    /// Puts secrets in place of their placeholders. `encode` makes of a secret what the place around it needs. The
    /// names of those put in are added to `used`; `None` where there was nothing to do.
    pub(crate) fn reveal(
        &self,
        text: &[u8],
        to: &Destination<'_>,
        encode: impl Fn(&str) -> Cow<'_, str>,
        used: &mut BTreeSet<String>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Withheld> {
        if memmem::find(text, PLACEHOLDER_PREFIX.as_bytes()).is_none() {
            return Ok(None);
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut revealed = Zeroizing::new(Vec::with_capacity(text.len() * 2));
        let (mut copied, mut found) = (0, false);
        for at in memmem::find_iter(text, PLACEHOLDER_PREFIX.as_bytes()) {
            let end = at + PLACEHOLDER_PREFIX.len() + DIGITS;
            let Some(candidate) = text.get(at..end) else {
                continue;
            };
            // What only looks like a placeholder stays the text that it is.
            let entry = entries
                .iter()
                .find(|entry| entry.placeholder.as_bytes() == candidate);
            let Some(entry) = entry else { continue };
            if !entry.may_go(to) {
                return Err(Withheld {
                    name: entry.name.clone(),
                });
            }
            revealed.extend_from_slice(&text[copied..at]);
            revealed.extend_from_slice(encode(entry.secret.expose()).as_bytes());
            used.insert(entry.name.clone());
            (copied, found) = (end, true);
        }
        revealed.extend_from_slice(&text[copied..]);
        Ok(found.then_some(revealed))
    }

    /// The first secret whose placeholder is in `text`.
    pub(crate) fn mentioned(&self, text: &[u8]) -> Option<String> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = memmem::find_iter(text, PLACEHOLDER_PREFIX.as_bytes());
        found.find_map(|at| {
            let entry = entries
                .iter()
                .find(|e| text[at..].starts_with(e.placeholder.as_bytes()))?;
            Some(entry.name.clone())
        })
    }

    /// The registry whose credential, or whose tokens, all of `used` are: what is bought with them is for it. `None` where
    /// anything else is among them.
    pub(crate) fn only_registry_of(&self, used: &BTreeSet<String>) -> Option<Origin> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut registries = entries
            .iter()
            .filter(|entry| used.contains(&entry.name))
            .map(|entry| match &entry.audience {
                Audience::Registry(registry) => Some(registry),
                Audience::Origin(_) | Audience::Rules => None,
            });
        let first = registries.next()??;
        registries
            .all(|other| other == Some(first))
            .then(|| first.clone())
    }

    /// Whether there is anything that a guest must not read.
    pub(crate) fn hides_something(&self) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        !UNGUARDED && entries.iter().any(|entry| !entry.forms.is_empty())
    }

    /// Every secret with what is looked for; with `to`, only those that may not go there.
    pub(crate) fn sought(&self, to: Option<&Destination<'_>>) -> Vec<Sought> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let sought = entries.iter().filter(|entry| {
            let kept_from_there = !to.is_some_and(|to| entry.may_go(to));
            !UNGUARDED && kept_from_there && !entry.forms.is_empty()
        });
        sought
            .map(|entry| Sought {
                name: entry.name.clone(),
                placeholder: entry.placeholder.clone(),
                forms: entry.forms.clone(),
            })
            .collect()
    }
}

/// A secret that is looked for.
pub(crate) struct Sought {
    pub(crate) name: String,
    pub(crate) placeholder: String,
    pub(crate) forms: Arc<Forms>,
}

impl Entry {
    fn may_go(&self, to: &Destination<'_>) -> bool {
        let named = |rule: &Rule| rule.sends.iter().any(|name| name.as_str() == self.name);
        match &self.audience {
            Audience::Origin(origin) => to.origin == origin && to.rule.is_some(),
            Audience::Registry(registry) => {
                let at_registry =
                    to.origin == registry && (self.minted || to.rule.is_some_and(named));
                let announced =
                    |by: &Announcer| by.registry == *registry && (self.minted || named(&by.rule));
                at_registry || to.token_service_of.iter().any(announced)
            }
            Audience::Rules => to.rule.is_some_and(named),
        }
    }
}

/// Names and audiences; neither secrets nor placeholders.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_map()
            .entries(entries.iter().map(|entry| (&entry.name, &entry.audience)))
            .finish()
    }
}
