//! Whether a request may leave: the checks of its head, and of what it carries.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use spin_deployer_grants::{Phase, Refusal, Rule, RuleOrigin};
use spin_deployer_manifest::{METHODS, Pointer, Scheme};

use super::Session;
use super::refused::{Refused, Stopped};
use crate::address::special;
use crate::delegation::Permit;
use crate::exchange::Outbound;
use crate::inject::{self, Text};
use crate::scan;
use crate::target::{Target, shown_word};
use crate::vault::{Announcer, Destination, Withheld};
use crate::{UNGUARDED, headers};

/// A request that passed the checks of its head.
pub(super) struct Admitted {
    pub(super) target: Target,
    pub(super) permit: Permit,
    /// Places in the answer that the guest must not read.
    pub(super) hides: Vec<Pointer>,
    pub(super) token_service_of: Vec<Announcer>,
    /// What the guest announced for its body.
    pub(super) length: Option<u64>,
}

impl Session {
    /// Steps 1 to 7 as far as they need neither body nor network.
    pub(super) fn admit(
        &self,
        parts: &mut Parts,
        target: Result<Target, String>,
    ) -> Result<Admitted, Stopped> {
        if UNGUARDED {
            return self.wave_through(parts);
        }
        self.account.request()?;
        if self.under_way.is_over() {
            return Err("the call that wanted it has ended".to_owned().into());
        }
        let target = target?;
        if !METHODS.contains(&parts.method) {
            let method = shown_word(parts.method.as_str());
            return Err(format!("{method} is no method that goes out").into());
        }
        let permit = self.permit(&parts.method, &target)?;
        if let Permit::Rule(rule) = &permit
            && rule.from == RuleOrigin::Fixed
            && target.origin.scheme == Scheme::Http
            && !target.origin.host.is_loopback()
        {
            return Err("it is not encrypted, and the user did not write http://"
                .to_owned()
                .into());
        }
        let length = headers::clean_request(&mut parts.headers)?;
        self.account.headers(headers::size(&parts.headers))?;
        let hides = self.hides(&permit, &parts.method, &target);
        if !hides.is_empty() {
            headers::ask_for_json(&mut parts.headers);
        }
        let token_service_of = self.delegations().token_service_of(&target);
        let admitted = Admitted {
            target,
            permit,
            hides,
            token_service_of,
            length,
        };

        let to = admitted.destination();
        let url = admitted.target.url.as_str().as_bytes();
        if let Some(name) = self.vault.mentioned(url) {
            return Err(format!(
                "its URL carries the secret `{name}`; secrets go into headers and bodies"
            )
            .into());
        }
        let carried = scan::carried(&self.vault, url, &to)
            .or_else(|| scan::carried_by_headers(&self.vault, &parts.headers, &to));
        if let Some(name) = carried {
            return Err(Withheld { name }.into());
        }
        // A name is checked where it is resolved; an address never gets there.
        if let Some(ip) = to.origin.host.ip()
            && let Some(special) = special(ip)
        {
            // Of a host that a server named as its app's it is checked later, because that may take a look at its name.
            let route = matches!(admitted.permit, Permit::Route(_));
            if !route && !self.grant.names_host(&to.origin.host) {
                return Err(format!("{ip} is {special}, and nobody named it").into());
            }
            // An app that is only looked at must not choose a place that answers with the machine's own credentials.
            if self.phase == Phase::Load && !special.reachable_by_a_given_name() {
                return Err(format!("{ip} is {special}, and no app is loaded from there").into());
            }
        }
        Ok(admitted)
    }

    /// What an [`UNGUARDED`] program does in place of [`Self::admit`]: everything leaves as by the first rule.
    fn wave_through(&self, parts: &mut Parts) -> Result<Admitted, Stopped> {
        let target = Target::unchecked(&parts.uri)?;
        let rule = self.grant.rules().first();
        let rule = rule.ok_or("there is no rule at all".to_owned())?;
        Ok(Admitted {
            permit: Permit::Rule(Arc::new(rule.clone())),
            hides: rule.hides.clone(),
            length: headers::clean_request(&mut parts.headers)?,
            token_service_of: self.delegations().token_service_of(&target),
            target,
        })
    }

    /// Step 4: a rule of the grant, or an answer that such a rule follows; of neither kind where a policy refuses.
    fn permit(&self, method: &Method, target: &Target) -> Result<Permit, Refused> {
        let mut refusal = match self
            .grant
            .decide(self.phase, method, &target.origin, target.path())
        {
            Ok(rule) => {
                // Also what another rule hides, and where an answer leads on, there too.
                let hides = self.grant.hides(method, &target.origin, target.path());
                let rule = rule.clone();
                return Ok(Permit::Rule(Arc::new(Rule { hides, ..rule })));
            }
            Err(refusal) => refusal,
        };
        let announced = self.delegations().permit(self.phase, method, target);
        let routes = self.waits_for.as_deref();
        let announced = announced.or_else(|| routes?.permit(method, target));
        if let Refusal::Policy { granted, .. } = &mut refusal {
            *granted |= announced.is_some();
            return Err(refusal.into());
        }
        let nobody = matches!(refusal, Refusal::NoRule { .. });
        if announced.is_none() && nobody && routes.is_some_and(|r| r.knows(&target.origin)) {
            let paths = crate::routes::PATHS
                .map(|path| format!("`{path}`"))
                .join(", ");
            let why = format!(
                "a server named that host, which is asked at these paths only, without a query: {paths}"
            );
            return Err(why.into());
        }
        announced.ok_or_else(|| refusal.into())
    }

    /// What is hidden in the answer to a request, whoever lets it out: of a place that a rule means nobody's announcement
    /// shows more. No guest reads what a probe of an announced place gets.
    fn hides(&self, permit: &Permit, method: &Method, target: &Target) -> Vec<Pointer> {
        if matches!(permit, Permit::Route(_)) {
            return Vec::new();
        }
        let mut hides = self.grant.hides(method, &target.origin, target.path());
        hides.extend_from_slice(permit.hides());
        hides.sort();
        hides.dedup();
        hides
    }

    /// Steps 6 and 8.
    pub(super) fn check_and_reveal(
        &self,
        parts: &mut Parts,
        outbound: &mut Outbound,
        to: &Destination<'_>,
        used: &mut BTreeSet<String>,
    ) -> Result<(), Refused> {
        if let Some(bytes) = outbound.whole() {
            if let Some(name) = scan::carried(&self.vault, bytes, to) {
                return Err(Withheld { name }.into());
            }
            if let Some(text) = Text::of(&parts.headers)
                && let Some(revealed) = inject::body(&self.vault, bytes, text, to, used)?
            {
                outbound.replace(revealed);
            }
        }
        inject::headers(&self.vault, &mut parts.headers, to, used).map_err(Refused::from)
    }
}

impl Admitted {
    pub(super) fn destination(&self) -> Destination<'_> {
        let rule = match &self.permit {
            Permit::Rule(rule) => Some(&**rule),
            Permit::Location(_) | Permit::Realm(_) | Permit::Route(_) => None,
        };
        Destination {
            origin: &self.target.origin,
            rule,
            token_service_of: &self.token_service_of,
        }
    }
}
