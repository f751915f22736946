//! A server in memory, with the habits of Bindle 0.8 and 0.9.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use spin_deployer_bindle::{Bindle, Invoice, Label};
use spin_deployer_publish::{Body, Request, Response, Transport, TransportError, TransportFailure};

/// Where a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The server never hears of the request.
    Before,
    /// The server has half of the body.
    Within,
    /// The server has done it, and its answer is lost.
    After,
}

/// What the other side notices of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The connection breaks.
    Breaks,
    /// It is not there any more to notice: the whole run ends.
    Dies,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Whole,
    /// Begun and not ended: with files on disk that is for ever.
    Begun,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Keeps parcels in a database, where half of one is none.
    embedded: bool,
    invoices: RefCell<BTreeMap<String, Invoice>>,
    parcels: RefCell<BTreeMap<String, Kept>>,
    /// Every request, without the server's address.
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) authorization: RefCell<Option<HeaderValue>>,
    pub(crate) slept: RefCell<Vec<Duration>>,
    /// At which request, counted from 0, what happens.
    pub(crate) end: Cell<Option<(usize, End, Fate)>>,
    /// Answers to the next requests that begin like this, in place of the server's own.
    answers: RefCell<VecDeque<(&'static str, u16, String)>>,
    /// Parcels that another client has begun and ends while this one sleeps.
    others: RefCell<Vec<String>>,
    /// Answers nobody, from the start or from now on.
    pub(crate) unreachable: Cell<bool>,
    /// Whether a parcel that it answers with an error is begun all the same.
    pub(crate) fails_with_halves: Cell<bool>,
    /// Uploads that are under way.
    under_way: Cell<usize>,
    /// The most that ever were at once.
    pub(crate) most_under_way: Cell<usize>,
}

impl Model {
    pub(crate) fn new(embedded: bool) -> Self {
        Self {
            embedded,
            ..Self::default()
        }
    }

    /// Answers the next request that begins with `request` like this.
    pub(crate) fn answers(&self, request: &'static str, status: u16, body: &str) {
        self.answers
            .borrow_mut()
            .push_back((request, status, body.to_owned()));
    }

    /// Whether it has the bindle and all of its parcels.
    pub(crate) fn has(&self, bindle: &Bindle) -> bool {
        let parcels = self.parcels.borrow();
        self.invoices.borrow().contains_key(&bindle.id.to_string())
            && bindle
                .contents()
                .keys()
                .all(|sha| parcels.get(*sha) == Some(&Kept::Whole))
    }

    pub(crate) fn invoice(&self, bindle: &Bindle) -> Invoice {
        self.invoices.borrow()[&bindle.id.to_string()].clone()
    }

    /// Somebody began an upload once, and it broke off.
    pub(crate) fn poison(&self, sha: &str) {
        self.parcels
            .borrow_mut()
            .insert(sha.to_owned(), Kept::Begun);
    }

    /// Somebody is uploading this now.
    pub(crate) fn others_upload(&self, sha: &str) {
        self.poison(sha);
        self.others.borrow_mut().push(sha.to_owned());
    }

    /// How many parcels are begun and not ended.
    pub(crate) fn halves(&self) -> usize {
        let parcels = self.parcels.borrow();
        parcels.values().filter(|it| **it == Kept::Begun).count()
    }

    pub(crate) fn yank(&self, bindle: &Bindle) {
        let mut invoices = self.invoices.borrow_mut();
        invoices.get_mut(&bindle.id.to_string()).unwrap().yanked = true;
    }

    /// How often parcels were sent.
    pub(crate) fn uploads(&self) -> usize {
        let asked = self.asked.borrow();
        asked
            .iter()
            .filter(|a| a.starts_with("POST") && a.contains('@'))
            .count()
    }

    pub(crate) fn missing(&self, id: &str) -> Vec<Label> {
        let parcels = self.parcels.borrow();
        let labels = self.invoices.borrow()[id].parcel.clone().into_iter();
        labels
            .map(|parcel| parcel.label)
            .filter(|label| parcels.get(&label.sha256) != Some(&Kept::Whole))
            .collect()
    }

    fn post_invoice(&self, body: &[u8]) -> (u16, String) {
        let invoice: Invoice = toml::from_slice(body).unwrap();
        let id = format!("{}/{}", invoice.bindle.name, invoice.bindle.version);
        if self.invoices.borrow().contains_key(&id) {
            return (409, error("resource already exists"));
        }
        self.invoices
            .borrow_mut()
            .insert(id.clone(), invoice.clone());
        // To a new invoice what was begun counts as there.
        let parcels = self.parcels.borrow();
        let mut missing = self.missing(&id);
        missing.retain(|label| !parcels.contains_key(&label.sha256));
        let status = if missing.is_empty() { 201 } else { 202 };
        let table = toml::Table::from_iter([
            (
                "invoice".to_owned(),
                toml::Value::try_from(&invoice).unwrap(),
            ),
            (
                "missing".to_owned(),
                toml::Value::try_from(&missing).unwrap(),
            ),
        ]);
        (status, table.to_string())
    }

    /// Takes a parcel bit by bit. Whoever drops this in between leaves half of it.
    async fn post_parcel(
        &self,
        id: &str,
        sha: &str,
        body: Body<'_>,
        end: Option<End>,
    ) -> (u16, String) {
        if !self.has_parcel(id, sha, body) {
            let said = format!("Parcel SHA {sha} does not exist in invoice {id}");
            return (400, error(&said));
        }
        let begins = match self.embedded {
            true => self.parcels.borrow().get(sha).copied(),
            false => {
                let mut parcels = self.parcels.borrow_mut();
                let before = parcels.get(sha).copied();
                parcels.entry(sha.to_owned()).or_insert(Kept::Begun);
                before
            }
        };
        if begins.is_some() {
            return (409, error("resource already exists"));
        }
        let under_way = self.under_way.get() + 1;
        self.under_way.set(under_way);
        self.most_under_way
            .set(self.most_under_way.get().max(under_way));
        bit_by_bit().await;
        self.under_way.set(self.under_way.get() - 1);
        if end != Some(End::Within) {
            self.parcels
                .borrow_mut()
                .insert(sha.to_owned(), Kept::Whole);
        }
        (200, "message = \"parcel created\"\n".to_owned())
    }

    /// Whether the parcel is in the invoice. Then it comes whole.
    fn has_parcel(&self, id: &str, sha: &str, body: Body<'_>) -> bool {
        let invoices = self.invoices.borrow();
        let invoice = &invoices[id];
        let Some(label) = invoice.parcel.iter().find(|p| p.label.sha256 == sha) else {
            return false;
        };
        match body {
            Body::Content {
                digest,
                offset,
                length,
            } => {
                assert_eq!((digest.hex(), offset, length), (sha, 0, label.label.size));
            }
            Body::Bytes(bytes) => assert_eq!(bytes.len() as u64, label.label.size),
            Body::Empty => panic!("a parcel without bytes"),
        }
        true
    }

    async fn answer(&self, asked: &str, body: Body<'_>, end: Option<End>) -> (u16, String) {
        {
            let mut answers = self.answers.borrow_mut();
            if let Some(at) = answers
                .iter()
                .position(|(begin, ..)| asked.starts_with(begin))
            {
                let (_, status, body) = answers.remove(at).unwrap();
                if let (true, Some((_, sha))) =
                    (self.fails_with_halves.get(), asked.split_once('@'))
                {
                    self.poison(sha);
                }
                return (status, body);
            }
        }
        if let (true, Body::Bytes(invoice)) = (asked == "POST /v1/_i", body) {
            return match end {
                // Half of an invoice is none.
                Some(End::Within) => (400, error("malformed")),
                _ => self.post_invoice(invoice),
            };
        }
        if let Some(place) = asked.strip_prefix("POST /v1/_i/") {
            let (id, sha) = place.split_once('@').unwrap();
            return self.post_parcel(id, sha, body, end).await;
        }
        let (id, about) = if let Some(id) = asked.strip_prefix("GET /v1/_r/missing/") {
            (id, "missing")
        } else {
            let id = asked.strip_prefix("GET /v1/_i/").unwrap();
            (id.strip_suffix("?yanked=true").unwrap(), "invoice")
        };
        let Some(invoice) = self.invoices.borrow().get(id).cloned() else {
            return (404, error("bindle not found"));
        };
        match about {
            "missing" if invoice.yanked => (403, error("bindle is yanked")),
            "missing" => {
                let missing = toml::Value::try_from(self.missing(id)).unwrap();
                (
                    200,
                    toml::Table::from_iter([("missing".to_owned(), missing)]).to_string(),
                )
            }
            _ => (200, toml::to_string(&invoice).unwrap()),
        }
    }
}

impl Transport for &Model {
    async fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let path = request.url.strip_prefix("https://bindle.test").unwrap();
        let asked = format!("{} {path}", request.method);
        let number = self.asked.borrow().len();
        self.asked.borrow_mut().push(asked.clone());
        *self.authorization.borrow_mut() = request.headers.get("authorization").cloned();
        let failed = |failure| TransportError {
            failure,
            reason: "as the test says".to_owned(),
        };
        if self.unreachable.get() {
            return Err(failed(TransportFailure::Unreachable));
        }
        let end = self.end.get().filter(|(at, ..)| *at == number);
        let lost = end.map(|(.., fate)| {
            failed(match fate {
                Fate::Breaks => TransportFailure::Broken,
                // The run is over: nothing is tried again after this.
                Fate::Dies => TransportFailure::Refused,
            })
        });
        if matches!(end, Some((_, End::Before, _))) {
            return Err(lost.unwrap());
        }
        let end = end.map(|(_, end, _)| end);
        let (status, body) = self.answer(&asked, request.body, end).await;
        match lost {
            Some(lost) => Err(lost),
            None => Ok(Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.into_bytes(),
            }),
        }
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.borrow_mut().push(duration);
        if let Some(sha) = self.others.borrow_mut().pop() {
            self.parcels.borrow_mut().insert(sha, Kept::Whole);
        }
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.slept.borrow().iter().sum::<Duration>()
    }
}

/// Lets others go on, some times.
async fn bit_by_bit() {
    let mut bits = 3;
    poll_fn(|context| {
        bits -= 1;
        context.waker().wake_by_ref();
        match bits {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

pub(crate) fn error(text: &str) -> String {
    format!("error = {text:?}\n")
}
