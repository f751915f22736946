//! A bindle that is to be there already.

use spin_deployer_bindle::{Bindle, Found};

use super::Target;
use crate::{Action, Change, Error, Result};

impl Target {
    /// That the server has the bindle and all its parcels, as the line of a plan. Nothing is sent. `option` is the plugin's
    /// option that says so.
    ///
    /// # Errors
    /// `not-found` where it lacks something.
    pub async fn present(&self, bindle: &Bindle, option: &str) -> Result<Change> {
        let id = bindle.id.to_string();
        let host = &self.host;
        let hint = format!("push it: leave out --{option}");
        match self.find(bindle).await? {
            Found::Invoice(missing) if missing.is_empty() => {
                Ok(Change::new(Action::Keep, "bindle", id).detail("the server has it"))
            }
            Found::Invoice(missing) => {
                let names: Vec<&str> = missing.iter().map(|label| label.name.as_str()).collect();
                Err(
                    Error::not_found(format!("{host} has {id}, but not all of it"))
                        .detail(names.join("\n"))
                        .hint(hint),
                )
            }
            Found::Nothing => Err(Error::not_found(format!("{host} has no {id}")).hint(hint)),
        }
    }
}
