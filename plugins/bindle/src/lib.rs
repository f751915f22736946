//! Pushes a Spin application to a Bindle server.
//!
//! The bindle is assembled and the protocol spoken by `spin-deployer-bindle`; options, steps and errors are those of all
//! plugins that push bindles, and come from the SDK.

use spin_deployer_sdk::bindle::Target;
use spin_deployer_sdk::{Change, Deployer, Release, Result};

struct Bindle;

spin_deployer_sdk::export!(Bindle: deployer);

impl Deployer for Bindle {
    async fn plan() -> Result<Vec<Change>> {
        let target = Target::named()?;
        target.plan(&target.bindle()?).await
    }

    async fn deploy() -> Result<Release> {
        let target = Target::named()?;
        let bindle = target.bindle()?;
        target.push(&bindle).await?;
        let id = bindle.id.to_string();
        let mut release = Release::new(&id);
        release.version = Some(bindle.id.version());
        release.artifact = Some(id);
        Ok(release)
    }
}
