//! One request, from what the guest wrote to what the guest reads: the steps in their order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use spin_deployer_grants::{Grant, Phase, Refusal, Rule, RuleOrigin};
use spin_deployer_manifest::{METHODS, Origin, Pointer, Scheme};

use crate::address::special;
use crate::audit::{GIVEN_UP, Record, UnderWay};
use crate::body::Body;
use crate::conceal::{Concealed, Concealing};
use crate::delegation::{Delegations, Permit};
use crate::exchange::{self, Asked, Outbound};
use crate::failure::{Cause, RefusalLine, SendError};
use crate::inject::{self, Problem, Text};
use crate::limits::{Account, Beyond, Limit, Limits, Tally, Timeouts};
use crate::resolve::{AddressRefused, check_beside};
use crate::routes::Routes;
use crate::scan;
use crate::target::{Target, shown_raw, shown_word};
use crate::vault::{Announcer, Destination, Vault, Withheld};
use crate::{Egress, UNGUARDED, headers};

/// Refusals that are kept for the user; a plugin that is refused more often has said enough.
const MOST_REFUSALS: usize = 100;

/// The way out for one call of a plugin. Requests may run in parallel.
pub struct Session {
    egress: Egress,
    grant: Grant,
    phase: Phase,
    vault: Arc<Vault>,
    account: Arc<Account>,
    under_way: Arc<UnderWay>,
    delegations: Mutex<Delegations>,
    concealing: Concealing,
    /// Where answers said that the app is.
    routes: Arc<Routes>,
    /// The same of another session, for one that may ask there.
    waits_for: Option<Arc<Routes>>,
    refusals: Mutex<Vec<RefusalLine>>,
}

/// Why a request is not let out.
struct Refused {
    reason: String,
    suggestion: Option<String>,
}

/// Why a request does not leave.
enum Stopped {
    Refused(Refused),
    Limit {
        limit: Limit,
        /// Not the first of its kind, and told no more.
        again: bool,
    },
}

/// A request that passed the checks of its head.
struct Admitted {
    target: Target,
    permit: Permit,
    /// Places in the answer that the guest must not read.
    hides: Vec<Pointer>,
    token_service_of: Vec<Announcer>,
    /// What the guest announced for its body.
    length: Option<u64>,
}

impl Session {
    pub(crate) fn new(
        egress: Egress,
        grant: Grant,
        phase: Phase,
        vault: Arc<Vault>,
        limits: Limits,
        under_way: Arc<UnderWay>,
    ) -> Self {
        let account = Arc::new(Account::new(limits));
        let (delegations, concealing, routes, refusals) = Default::default();
        Self {
            egress,
            grant,
            phase,
            vault,
            account,
            under_way,
            delegations,
            concealing,
            routes,
            waits_for: None,
            refusals,
        }
    }

    /// A session for the host itself, to see whether what this one deployed answers. It reads where this one may read,
    /// and where an answer said that the app is, and sends no secret; those of this one are kept out of what comes back.
    pub fn probes(&self, limits: Limits) -> Arc<Self> {
        let under_way = self.egress.begin(self.under_way.audit());
        let grant = self.grant.only_reading();
        let (egress, vault) = (self.egress.clone(), self.vault.clone());
        Arc::new(Self {
            waits_for: Some(self.routes.clone()),
            ..Self::new(egress, grant, Phase::Status, vault, limits, under_way)
        })
    }

    /// Sends one request of a guest, if it may go, and returns the answer: any status, redirects too. Nothing is
    /// followed and nothing is tried twice. The URL is absolute; a body with a `content-length` has to have it.
    ///
    /// # Errors
    /// [`SendError::Refused`] where a check stopped it before anything was sent; the others say how far it came.
    pub async fn send(
        &self,
        request: Request<Body>,
        timeouts: Timeouts,
    ) -> Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        let target = Target::read(&parts.uri);
        let method = parts.method.clone();
        let record = self.begin(&parts, &target);
        let (admitted, used, response) =
            match self.answer(&record, parts, target, body, timeouts).await {
                Ok(answer) => answer,
                Err(error) => {
                    match &error {
                        SendError::Refused(line) => {
                            record.note(|entry| entry.refused = Some(line.reason.clone()));
                        }
                        SendError::Limit { limit, sent: true } => record.limit(*limit),
                        SendError::Limit { limit, sent: false } => record.note(|entry| {
                            entry.refused = Some(limit.to_string());
                            entry.limit = Some(limit.kind.word());
                        }),
                        other => record.failed(other),
                    }
                    return Err(error);
                }
            };

        let status = response.status();
        record.note(|entry| entry.status = Some(status.as_u16()));
        self.delegations().learn(
            self.phase,
            &admitted.permit,
            &admitted.target,
            status,
            response.headers(),
        );
        let concealed = self.concealed(&admitted, &used, status);
        let asks_for_token = matches!(&concealed, Some(Concealed::Tokens { .. }));
        if status.is_success() && writes(&method) && !asks_for_token {
            let url = record.read(|entry| entry.url.clone());
            self.account.changed(format!("{method} {url}"));
        }
        let asked = Asked {
            method: &method,
            concealed,
            concealing: &self.concealing,
            by_host: self.phase == Phase::Load,
            timeouts,
        };
        let delivered =
            exchange::deliver(response, asked, &self.vault, &self.account, record).await?;
        let from = &admitted.target.origin;
        self.routes.look(&admitted.permit, from, delivered).await
    }

    /// What of an answer the guest gets placeholders for.
    fn concealed(
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

    /// Ends the session: nothing goes out any more, and what is under way gets its line in the audit log now.
    pub fn end(&self) {
        self.under_way.end(GIVEN_UP);
    }

    /// What has been sent, received and changed so far.
    pub fn tally(&self) -> Tally {
        self.account.tally()
    }

    /// What was refused so far, each only once.
    pub fn refusals(&self) -> Vec<RefusalLine> {
        self.refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The audit entry. No text of it tells a secret: a plugin may write one wherever it likes.
    fn begin(&self, parts: &Parts, target: &Result<Target, String>) -> Record {
        let method = match METHODS.contains(&parts.method) {
            true => parts.method.to_string(),
            false => shown_word(parts.method.as_str()),
        };
        let (place, url) = match target {
            Ok(target) => (target.origin.to_string(), target.shown()),
            Err(_) => ("?".to_owned(), shown_raw(&parts.uri)),
        };
        let safe = |text: String, instead: String| match scan::tells(&self.vault, &text) {
            true => instead,
            false => text,
        };
        let url = safe(url, safe(format!("{place}/…"), "…".to_owned()));
        self.under_way.begin(safe(method, "…".to_owned()), url)
    }

    /// All that happens before an answer is there. Also returns the names of the secrets that were put in.
    async fn answer(
        &self,
        record: &Record,
        mut parts: Parts,
        target: Result<Target, String>,
        body: Body,
        timeouts: Timeouts,
    ) -> Result<(Admitted, BTreeSet<String>, Response<reqwest::Body>), SendError> {
        let admitted = match self.admit(&mut parts, target) {
            Ok(admitted) => admitted,
            Err(Stopped::Refused(refused)) => {
                return Err(self.refuse(record, refused));
            }
            Err(Stopped::Limit { limit, again }) => {
                if again {
                    record.forget();
                }
                return Err(SendError::Limit { limit, sent: false });
            }
        };
        record.note(|entry| entry.allowed_by = Some(admitted.permit.to_string()));
        let to = admitted.destination();
        let mut outbound = Outbound::read(body, admitted.length, &self.account).await?;
        let mut used = BTreeSet::new();
        if let Err(refused) = self.check_and_reveal(&mut parts, &mut outbound, &to, &mut used) {
            return Err(self.refuse(record, refused));
        }
        record.note(|entry| entry.secrets = used.iter().cloned().collect());

        let clients = self.egress.clients().map_err(SendError::Setup)?;
        let named = self.grant.names_host(&to.origin.host);
        let by = match &admitted.permit {
            Permit::Route(route) => Some(&route.by),
            _ => None,
        };
        let astray = |refused: AddressRefused| {
            let why = match by {
                None if named => "and the user did not name that address",
                None => "and nobody named that host",
                Some(_) => "and the server that named that host is not there",
            };
            self.refuse(record, format!("{refused}, {why}").into())
        };
        // Whom the user did not name, where an author's default is agreed to, has no private address to share.
        let by = by.map(|by| {
            let named = by.iter().filter(|host| self.grant.names_host(host));
            named.cloned().collect::<BTreeSet<_>>()
        });
        let by = by.as_ref();
        if let (Some(by), Some(ip)) = (by, to.origin.host.ip()) {
            let checked = check_beside(&*self.egress.names, ip, by).await;
            checked.map_err(astray)?;
        }
        let chosen = clients.choose(&admitted.target, named, by);
        record.note(|entry| entry.proxy = chosen.proxy);
        if writes(&parts.method) {
            let url = record.read(|entry| entry.url.clone());
            self.account.written(format!("{} {url}", parts.method));
        }
        let request = outbound.request(parts, &admitted.target, record, &self.account);
        let sent = exchange::send(
            chosen.client,
            request,
            &self.account,
            timeouts,
            to.origin,
            clients,
        );
        match sent.await {
            Ok(response) => Ok((admitted, used, response)),
            Err(Cause::Failed(error)) => Err(error),
            Err(Cause::Address(refused)) => Err(astray(refused)),
        }
    }

    /// Steps 1 to 7 as far as they need neither body nor network.
    fn admit(
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
    fn check_and_reveal(
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

    /// Keeps the refusal for the user.
    fn refuse(&self, record: &Record, refused: Refused) -> SendError {
        let (method, url) = record.read(|entry| (entry.method.clone(), entry.url.clone()));
        let tells = |text: &String| scan::tells(&self.vault, text);
        let line = RefusalLine {
            method,
            url,
            reason: match tells(&refused.reason) {
                true => "it may not go there, and its URL carries a secret".to_owned(),
                false => refused.reason,
            },
            suggestion: refused.suggestion.filter(|rule| !tells(rule)),
        };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < MOST_REFUSALS && !refusals.contains(&line) {
            refusals.push(line.clone());
        }
        SendError::Refused(line)
    }

    fn delegations(&self) -> MutexGuard<'_, Delegations> {
        self.delegations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request by this method may change something.
fn writes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

impl Admitted {
    fn destination(&self) -> Destination<'_> {
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

impl<T: Into<Refused>> From<T> for Stopped {
    fn from(refused: T) -> Self {
        Self::Refused(refused.into())
    }
}

impl From<Beyond> for Stopped {
    fn from(Beyond { limit, again }: Beyond) -> Self {
        Self::Limit { limit, again }
    }
}

impl From<Limit> for Stopped {
    fn from(limit: Limit) -> Self {
        Self::Limit {
            limit,
            again: false,
        }
    }
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self {
            reason,
            suggestion: None,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let reason = match &refusal {
            Refusal::NoRule {
                request,
                near: None,
            } if request.phase != Phase::Load => "nobody named that host".to_owned(),
            // Method and URL stand in the line already.
            other => {
                let line = other.to_string();
                line.strip_prefix(&format!("{}: ", other.request()))
                    .unwrap_or(&line)
                    .to_owned()
            }
        };
        Self {
            reason,
            suggestion: refusal.suggestion(),
        }
    }
}

impl From<Withheld> for Refused {
    fn from(withheld: Withheld) -> Self {
        format!(
            "it carries the secret `{}`, which may not go there",
            withheld.name
        )
        .into()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Withheld(withheld) => withheld.into(),
            Problem::NotAHeader(name) => {
                format!("a secret for its header {name} has a character that a header cannot have")
                    .into()
            }
        }
    }
}

/// Neither grant nor secrets; what happened so far.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("phase", &self.phase)
            .field("tally", &self.tally())
            .finish_non_exhaustive()
    }
}
