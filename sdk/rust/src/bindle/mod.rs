//! The app as a bindle, and its way to a Bindle server. Feature `bindle`.
//!
//! What plugins share whose platform takes bindles, down to the names of the options: their manifests declare
//! `bindle-server`, `bindle-username`, `bindle-password`, `bindle-token`, `bindle-key`, `bindle-author`, `buildinfo`,
//! `no-buildinfo` and `force`, and a rule that lets GET and POST go to `{bindle-server}` with the secrets.
//!
//! ```no_run
//! # use spin_deployer_sdk::{Release, Result, bindle::Target};
//! # async fn deploy() -> Result<Release> {
//! let target = Target::named()?;
//! let bindle = target.bindle()?;
//! target.push(&bindle).await?;
//! // The platform is told of it by the parts of its id.
//! let (name, version) = (bindle.id.name(), bindle.id.version());
//! # Ok(Release::new(bindle.id.to_string())) }
//! ```

mod errors;
mod existing;
mod sign;
mod wasm;

use std::collections::BTreeSet;

use spin_deployer_bindle::{
    App, AssembleError, Build, Credential, CredentialError, Found, LONGEST_ANSWER, Label, Server,
};
pub use spin_deployer_bindle::{Bindle, Error as ServerError, Id};

use crate::parts::components;
use crate::transport::WasiHttp;
use crate::{Action, Change, Error, Result, Step, app, options};

/// Where the app goes, as the options say.
#[derive(Debug)]
pub struct Target {
    server: Server<WasiHttp>,
    /// `https://bindle.example.com`
    origin: String,
    /// `bindle.example.com`
    host: String,
    build: Build,
    force: bool,
}

impl Target {
    /// What the user named.
    ///
    /// # Errors
    /// Where an option is missing or cannot be used.
    pub fn named() -> Result<Self> {
        let url = options::required("bindle-server", options::url)?;
        if url.contains('?') {
            return Err(Error::invalid_option(
                "bindle-server",
                "a Bindle server's URL has no query",
            )
            .hint("leave out everything from the ? on"));
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", &url));
        let host = rest.split('/').next().unwrap_or_default().to_owned();
        let build = match options::text("buildinfo")? {
            _ if options::flag("no-buildinfo")? => Build::Nothing,
            Some(text) => Build::Given(text),
            None => Build::Fingerprint,
        };
        // One byte more than is taken, so that what is too long shows.
        let transport = WasiHttp {
            longest_body: LONGEST_ANSWER + 1,
        };
        let server = Server::new(transport, &url, credential()?.as_ref());
        Ok(Self {
            server: server.map_err(|error| {
                let option = match error {
                    CredentialError::Colon => "bindle-username",
                    CredentialError::Token => "bindle-token",
                };
                Error::invalid_option(option, error.to_string())
            })?,
            origin: format!("{scheme}://{host}"),
            host,
            build,
            force: options::flag("force")?,
        })
    }

    /// The app as a bindle.
    ///
    /// # Errors
    /// Where it cannot be one, or asks for what no runtime of bindles has, unless the user has it so.
    pub fn bindle(&self) -> Result<Bindle> {
        let bindle = Bindle::assemble(&App {
            name: &app::name(),
            version: app::version().as_deref(),
            locked: &app::locked(),
            fingerprint: &app::fingerprint(),
            components: &components()?,
            build: &self.build,
        });
        match bindle {
            Ok(bindle) => self.refuse(&bindle).map(|()| bindle),
            Err(AssembleError::Nothing(mut reasons)) => {
                reasons.extend(wasm::unsupported_of(|_| true)?);
                Err(errors::of_app(AssembleError::Nothing(reasons)))
            }
            Err(error) => Err(errors::of_app(error)),
        }
    }

    /// Whether the bindle can be signed, where the user has a key. [`plan`](Self::plan) and [`push`](Self::push) begin with
    /// this; for those who ask somebody else something before.
    ///
    /// # Errors
    /// Where nobody is named who signs, or the app is too large to be signed.
    pub fn check_signer(&self, bindle: &Bindle) -> Result<()> {
        sign::check(bindle)
    }

    /// What [`push`](Self::push) would do. A server does not say which parcels it has before it has the invoice.
    ///
    /// # Errors
    /// Where the server does not say, or the name is taken.
    pub async fn plan(&self, bindle: &Bindle) -> Result<Vec<Change>> {
        self.check_signer(bindle)?;
        let id = bindle.id.to_string();
        let mut changes = Vec::new();
        let missing = match self.find(bindle).await? {
            Found::Nothing => {
                let shared = "parcels that the server has of other bindles are not sent";
                changes.push(Change::new(Action::Create, "bindle", id).detail(shared));
                bindle.contents().into_values().cloned().collect()
            }
            Found::Invoice(missing) => {
                let detail = match missing.len() {
                    0 => "the server has it".to_owned(),
                    1 => "the server has it, but for 1 parcel".to_owned(),
                    count => format!("the server has it, but for {count} parcels"),
                };
                changes.push(Change::new(Action::Keep, "bindle", id).detail(detail));
                missing
            }
        };
        let mut missing: BTreeSet<String> = missing.into_iter().map(|label| label.sha256).collect();
        for parcel in &bindle.invoice.parcel {
            let label = &parcel.label;
            if !missing.remove(&label.sha256) {
                continue;
            }
            let name = match bindle.is_manifest(label) {
                // Its own name is mostly its digest.
                true => "manifest",
                false => &label.name,
            };
            changes.push(
                Change::new(Action::Upload, "parcel", name)
                    .detail(format!("sha256:{}", label.sha256))
                    .bytes(label.size),
            );
        }
        Ok(changes)
    }

    /// Sees to it that the server has the bindle and all its parcels. Run again after a failure, it goes on there.
    ///
    /// # Errors
    /// Where the server does not take it, or the name is taken.
    pub async fn push(&self, bindle: &Bindle) -> Result<()> {
        self.check_signer(bindle)?;
        let (missing, created) = match self.find(bindle).await? {
            Found::Invoice(missing) => (missing, false),
            Found::Nothing => (self.create(bindle).await?, true),
        };
        let step = Step::start("Upload parcels");
        for (digest, label) in bindle.contents() {
            // The manifest is the plugin's own, and no content of the app: the host does not count it.
            if bindle.is_manifest(label) {
                continue;
            }
            match missing.iter().any(|label| label.sha256 == digest) {
                true => step.expect(label.size),
                false => step.skip(label.size),
            }
        }
        // To a new invoice a server says that parcels are there which it only began to take.
        if created || !missing.is_empty() {
            let completed = self.server.complete(bindle, missing).await;
            completed.map_err(|error| self.incomplete(bindle, error))?;
        }
        if created && self.build != Build::Fingerprint {
            // The server may have taken another bindle of this name at the same moment, of the same parcels.
            let found = self.server.find(bindle).await;
            found.map_err(|error| self.explain(bindle, error))?;
        }
        step.done();
        Ok(())
    }

    async fn create(&self, bindle: &Bindle) -> Result<Vec<Label>> {
        let step = Step::start(&format!("Create bindle {}", bindle.id));
        let missing = self.server.create(bindle, sign::sign(bindle)?).await;
        let missing = missing.map_err(|error| self.explain(bindle, error))?;
        step.done();
        Ok(missing)
    }

    /// What the server has.
    async fn find(&self, bindle: &Bindle) -> Result<Found> {
        let step = Step::start("Check what the server has");
        let found = self.server.find(bindle).await;
        let found = found.map_err(|error| self.explain(bindle, error))?;
        step.done();
        Ok(found)
    }

    /// Says all that the app would not have there, unless the user will have it so.
    fn refuse(&self, bindle: &Bindle) -> Result<()> {
        if self.force {
            return Ok(());
        }
        let mut reasons = bindle.unsupported.clone();
        reasons.extend(wasm::unsupported(bindle)?);
        match reasons.is_empty() {
            true => Ok(()),
            false => Err(errors::unsupported(&reasons)),
        }
    }
}

fn credential() -> Result<Option<Credential>> {
    if let Some(token) = options::secret("bindle-token")? {
        return Ok(Some(Credential::Token(token)));
    }
    let user = options::text("bindle-username")?;
    let password = options::secret("bindle-password")?;
    match (user, password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(Credential::Password(user, password))),
        (Some(user), None) => Err(Error::invalid_option(
            "bindle-password",
            format!("there is no password for `{user}`"),
        )
        .hint("set BINDLE_PASSWORD, or leave out --bindle-username")),
        (None, Some(_)) => Err(Error::invalid_option(
            "bindle-username",
            "nobody is named whose password that is",
        )
        .hint("pass --bindle-username, or set BINDLE_USERNAME")),
    }
}
