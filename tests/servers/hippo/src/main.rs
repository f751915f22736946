//! Not Hippo: a stand-in for tests. Says where it listens, and ends when its standard input is closed.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Parser;
use hippo_stand_in::listen::{bind, serve};
use hippo_stand_in::{Api, AppInfo, Doubt, Hippo, Nomad, Settings};

/// Not Hippo: a strict stand-in for its API, for tests of deployers. Ends when its standard input is closed.
#[derive(Parser)]
struct Flags {
    /// Where to listen; otherwise a free port of loopback
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// Where the Bindle server is, with /v1
    #[arg(long)]
    bindle: String,
    /// Which Hippo it stands for
    #[arg(long, value_enum, default_value = "0.20")]
    api: Api,
    /// NAME:PASSWORD of an account; may be given again
    #[arg(long, value_parser = pair)]
    user: Vec<(String, String)>,
    /// Seconds until a token expires
    #[arg(long, default_value_t = 30 * 60, allow_negative_numbers = true)]
    token_lifetime: i64,
    /// Seconds that an expired token is still taken
    #[arg(long, default_value_t = 5 * 60)]
    clock_skew: i64,
    /// What generated domains end with; {port} stands for the port of the apps
    #[arg(long, default_value = "hippofactory.io")]
    platform_domain: String,
    /// Not Hippo's: every generated domain is this, with {port} as above
    #[arg(long)]
    only_domain: Option<String>,
    /// Whether apps can be started at first
    #[arg(long, value_enum, default_value = "up")]
    nomad: Nomad,
    /// What apps say at /.well-known/spin/info
    #[arg(long, value_enum, default_value = "shown")]
    app_info: AppInfo,
    /// Milliseconds until an app that was started answers
    #[arg(long, default_value_t = 0)]
    app_start_delay: u64,
    /// Where Hippo was read and not run: take it the other way. May be given again
    #[arg(long, value_enum)]
    inferred: Vec<Doubt>,
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(start(flags))?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.shutdown_background();
    Ok(())
}

async fn start(flags: Flags) -> anyhow::Result<()> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (api, api_address) = bind(flags.listen).await?;
    let (control, control_address) = bind(loopback).await?;
    let (apps, apps_address) = bind(loopback).await?;
    let with_port = |text: String| text.replace("{port}", &apps_address.port().to_string());
    let hippo = Arc::new(Hippo::new(Settings {
        api: flags.api,
        users: flags.user,
        token_lifetime: flags.token_lifetime,
        clock_skew: flags.clock_skew,
        platform_domain: with_port(flags.platform_domain),
        only_domain: flags.only_domain.map(with_port),
        nomad: flags.nomad,
        app_info: flags.app_info,
        app_start_delay: flags.app_start_delay,
        inferred: flags.inferred,
        ..Settings::new(&flags.bindle)
    }));
    tokio::spawn(serve(api, Arc::clone(&hippo), Hippo::answer));
    tokio::spawn(serve(control, Arc::clone(&hippo), Hippo::control));
    tokio::spawn(serve(apps, hippo, Hippo::app));
    println!("listening on http://{api_address}");
    println!("control on http://{control_address}");
    println!("apps on http://{apps_address}");
    Ok(())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').ok_or("not NAME:PASSWORD")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}
