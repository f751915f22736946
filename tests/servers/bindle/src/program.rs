//! What both programs do: find a port, say when the server answers, end with their standard input.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use tokio::runtime::Runtime;

use crate::{Settings, Version, serve};

/// How long a server may take until it answers.
const DEADLINE: Duration = Duration::from_secs(30);

/// How many free ports are tried.
const TRIES: u32 = 3;

/// A bindle server, for tests. Ends when its standard input is closed.
#[derive(Parser)]
struct Flags {
    /// Where invoices and parcels are kept
    #[arg(long)]
    directory: PathBuf,
    /// Where to listen; otherwise a free port of loopback
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// Who may write; otherwise everybody
    #[arg(long)]
    htpasswd: Option<PathBuf>,
    /// Keep everything in a database instead of files
    #[arg(long)]
    embedded_db: bool,
    /// Public keys that are known, in Bindle's TOML
    #[arg(long)]
    keyring: Option<PathBuf>,
}

/// The program.
///
/// # Errors
///
/// Where the server does not start.
pub fn main(version: Version) -> anyhow::Result<()> {
    let flags = Flags::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let settings = Settings {
        directory: flags.directory,
        listen: flags.listen,
        htpasswd: flags.htpasswd,
        embedded_db: flags.embedded_db,
        keyring: flags.keyring,
    };
    println!(
        "listening on http://{}",
        start(&runtime, version, settings)?
    );
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // The server has no other end than a signal.
    std::process::exit(0);
}

/// Starts a server, which ends with the runtime. Answers once it does, with where it listens.
///
/// # Errors
///
/// Where it does not start.
pub fn start(
    runtime: &Runtime,
    version: Version,
    settings: Settings,
) -> anyhow::Result<SocketAddr> {
    let wanted = settings.listen;
    let mut tries = 0;
    loop {
        let address = free(wanted)?;
        let settings = Settings {
            listen: address,
            ..settings.clone()
        };
        let server = runtime.spawn(serve(version, settings));
        if answers(address, || server.is_finished())? {
            return Ok(address);
        }
        let failure = match runtime.block_on(server)? {
            Ok(()) => bail!("the server ended"),
            Err(failure) => failure,
        };
        // Somebody may have taken the port between looking and binding: another will do, where any would.
        tries += 1;
        if wanted.port() != 0 || tries == TRIES {
            return Err(failure);
        }
    }
}

/// The address itself, with a free port where it names none.
fn free(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    match address.port() {
        0 => Ok(TcpListener::bind(address)?.local_addr()?),
        _ => Ok(address),
    }
}

/// Waits for `/healthz`. False where the server ended instead.
fn answers(address: SocketAddr, ended: impl Fn() -> bool) -> anyhow::Result<bool> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(DEADLINE))
        .build()
        .into();
    let started = Instant::now();
    loop {
        let answer = agent.get(format!("http://{address}/healthz")).call();
        // An answer of somebody else's server is none.
        if ended() {
            return Ok(false);
        }
        match answer {
            Ok(_) => return Ok(true),
            Err(error) if started.elapsed() > DEADLINE => {
                return Err(error).context("the server does not answer");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
