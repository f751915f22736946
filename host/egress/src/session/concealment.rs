//! What of an answer the guest does not read.

use std::collections::BTreeSet;

use http::StatusCode;
use spin_deployer_manifest::Origin;

use super::Session;
use super::admission::Admitted;
use crate::conceal::Concealed;
use crate::delegation::Permit;

impl Session {
    /// What of an answer the guest gets placeholders for.
    pub(super) fn concealed(
        &self,
        admitted: &Admitted,
        used: &BTreeSet<String>,
        status: StatusCode,
    ) -> Option<Concealed> {
        let origin = admitted.target.origin.clone();
        // A server that names another one as its token service does not change what a rule hides there.
        if !admitted.hides.is_empty() {
            let places = admitted.hides.clone();
            return Some(Concealed::Places { origin, places });
        }
        if admitted.token_service_of.is_empty() || !status.is_success() {
            return None;
        }
        Some(match self.token_is_for(admitted, used) {
            Some(registry) => Concealed::Tokens { registry },
            None => Concealed::OwnTokens { origin },
        })
    }

    /// The registry that a token of a token service is for: the one whose credential bought it, an anonymous one for the
    /// last that sent us there. No registry where something else was shown too: any server may name a place where the
    /// plugin may log in by a rule of its own, and what is given there is for that place.
    fn token_is_for(&self, admitted: &Admitted, used: &BTreeSet<String>) -> Option<Origin> {
        let mut announcers = admitted.token_service_of.iter().map(|by| &by.registry);
        if used.is_empty() {
            // What a rule lets out to somebody who did not say so is no token service's.
            let by_rule = matches!(admitted.permit, Permit::Rule(_));
            return announcers
                .find(|registry| !by_rule || **registry == admitted.target.origin)
                .cloned();
        }
        let registry = self.vault.only_registry_of(used)?;
        announcers.any(|by| *by == registry).then_some(registry)
    }
}
