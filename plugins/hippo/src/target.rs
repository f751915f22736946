//! Where the app goes, as the options say.

use spin_deployer_hippo::{
    Credentials, Hippo, LONGEST_ANSWER, NameError, Survey, Wanted, check_app, check_channel,
    check_domain, check_version,
};
use spin_deployer_sdk::bindle::{self, Bindle};
use spin_deployer_sdk::transport::WasiHttp;
use spin_deployer_sdk::{Change, Error, Result, Step, app, options};

use crate::errors;

/// A Hippo server, and what the app is to be there.
pub(crate) struct Target {
    pub(crate) hippo: Hippo<WasiHttp>,
    pub(crate) credentials: Credentials,
    pub(crate) channel: String,
    /// `https`
    pub(crate) scheme: String,
    /// `hippo.example.com`, as in what the user wrote.
    pub(crate) host: String,
}

impl Target {
    /// Where an app goes, whose name is one that Hippo takes: it stands in what Hippo is asked.
    pub(crate) fn named() -> Result<Self> {
        let target = Self::place()?;
        // What Hippo says of a name is stricter than what Bindle says.
        let app = app::name();
        check_app(&app).map_err(|error| errors::of_name(&app, &error))?;
        Ok(target)
    }

    /// The same, where there need not be an app.
    pub(crate) fn place() -> Result<Self> {
        let url = options::required("hippo-url", options::url)?;
        if url.contains('?') {
            return Err(
                Error::invalid_option("hippo-url", "Hippo's URL has no query")
                    .hint("leave out everything from the ? on"),
            );
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", &url));
        let host = rest.split('/').next().unwrap_or_default().to_owned();
        let channel = options::required("channel", options::text)?;
        check_channel(&channel).map_err(|error| of_option("channel", &channel, &error))?;
        let credentials = credentials()?;
        // One byte more than is taken, so that what is too long shows.
        let transport = WasiHttp {
            longest_body: LONGEST_ANSWER + 1,
        };
        Ok(Self {
            hippo: Hippo::new(transport, &url, credentials.clone()),
            credentials,
            channel,
            scheme: scheme.to_owned(),
            host,
        })
    }

    /// What is to run, all of it checked as far as it can be without asking.
    pub(crate) fn wanted(&self, bindle: &Bindle) -> Result<Wanted> {
        let version = bindle.id.version();
        check_version(&version).map_err(|error| errors::of_version(&version, &error))?;
        Ok(Wanted {
            storage_id: bindle.id.name().to_owned(),
            environment: options::pairs("channel-env")?,
            ..self.earlier(version)?
        })
    }

    /// An earlier version, with what the channel has otherwise: an old Hippo has to be told its domain and certificate again.
    pub(crate) fn earlier(&self, version: String) -> Result<Wanted> {
        let domain = options::text("channel-domain")?;
        if let Some(domain) = &domain {
            check_domain(domain).map_err(|error| {
                of_option("channel-domain", domain, &error)
                    .hint("Hippo takes domains like shop.example.com: lower case, without a port")
            })?;
        }
        Ok(Wanted {
            app: app::name(),
            storage_id: storage_id(),
            version,
            channel: self.channel.clone(),
            environment: Vec::new(),
            domain,
            certificate: options::text("channel-certificate")?,
        })
    }

    pub(crate) async fn survey(&self, wanted: &Wanted) -> Result<Survey> {
        let step = Step::start("Check what Hippo has");
        let survey = self.told(self.hippo.survey(wanted).await).await?;
        step.done();
        Ok(survey)
    }

    /// What came of it; where that is an error, in the user's words.
    pub(crate) async fn told<R>(&self, result: Result<R, spin_deployer_hippo::Error>) -> Result<R> {
        match result {
            Ok(result) => Ok(result),
            Err(error) => {
                let error = self.hippo.diagnosed(error).await;
                Err(errors::of_hippo(error, &self.host, &self.scheme))
            }
        }
    }
}

/// The option that says that the bindle is there.
const EXISTING: &str = "deploy-existing-bindle";

/// The bindle of the app, and the server that it goes to.
pub(crate) struct Bindles {
    target: bindle::Target,
    pub(crate) bindle: Bindle,
    /// Whether it is there and stays as it is.
    existing: bool,
}

impl Bindles {
    pub(crate) fn named() -> Result<Self> {
        // History and the like do without it, so the manifest cannot require it.
        if options::url("bindle-server")?.is_none() {
            return Err(Error::invalid_option(
                "bindle-server",
                "Hippo runs what is on a Bindle server, and that was not named",
            )
            .hint("name the server that Hippo uses: --bindle-server URL, or BINDLE_SERVER_URL"));
        }
        let target = bindle::Target::named()?;
        let bindle = target.bindle()?;
        let existing = options::flag(EXISTING)?;
        if !existing {
            // Before Hippo is asked anything.
            target.check_signer(&bindle)?;
        }
        Ok(Self {
            bindle,
            existing,
            target,
        })
    }

    pub(crate) async fn plan(&self) -> Result<Vec<Change>> {
        if self.existing {
            let kept = self.target.present(&self.bindle, EXISTING).await?;
            return Ok(vec![kept]);
        }
        self.target.plan(&self.bindle).await
    }

    pub(crate) async fn push(&self) -> Result<()> {
        if self.existing {
            return self.target.present(&self.bindle, EXISTING).await.map(drop);
        }
        self.target.push(&self.bindle).await
    }
}

/// The name of the app's bindle, which is the app's.
pub(crate) fn storage_id() -> String {
    app::name()
}

fn credentials() -> Result<Credentials> {
    let user = options::text("hippo-username")?;
    let password = options::secret("hippo-password")?;
    if let Some((user, password)) = user.zip(password) {
        return Ok(Credentials::Password(user, password));
    }
    // Behind those, because a saved token may have ended.
    let token = options::secret("hippo-token")?;
    Ok(token.map_or(Credentials::None, Credentials::Token))
}

fn of_option(option: &str, value: &str, error: &NameError) -> Error {
    Error::invalid_option(option, format!("`{value}` {error}"))
}
