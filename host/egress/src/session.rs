//! One request, from what the guest wrote to what the guest reads: the steps in their order.

mod admission;
mod concealment;
mod refused;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use http::{Method, Request, Response};
use spin_deployer_grants::{Grant, Phase};
use spin_deployer_manifest::METHODS;

use admission::Admitted;
use refused::{Refused, Stopped};

use crate::Egress;
use crate::audit::{GIVEN_UP, Record, UnderWay};
use crate::body::Body;
use crate::conceal::{Concealed, Concealing};
use crate::delegation::{Delegations, Permit};
use crate::exchange::{self, Asked, Outbound};
use crate::failure::{Cause, RefusalLine, SendError};
use crate::limits::{Account, Limits, Tally, Timeouts};
use crate::resolve::{AddressRefused, check_beside};
use crate::routes::Routes;
use crate::scan;
use crate::target::{Target, shown_raw, shown_word};
use crate::vault::Vault;

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

/// Neither grant nor secrets; what happened so far.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("phase", &self.phase)
            .field("tally", &self.tally())
            .finish_non_exhaustive()
    }
}
