//! A whole bindle on its way to a server: what is there, the invoice, and what it lacks.
//!
//! The order is the server's: an invoice first, then the parcels that it names. Whoever finds the invoice there goes on
//! where another run, or another client, ended. It is done when the server says that nothing is missing, and not before:
//! to a new invoice it counts parcels as present whose upload once broke off, and only asked again says what it has.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spin_deployer_publish::{Patience, Transport, concurrently_to_their_ends, quote};

use crate::invoice::{Label, Signature};
use crate::server::{Posted, Server, Uploaded};
use crate::{Bindle, Error};

/// Uploads at a time.
const PARALLEL: usize = 16;
/// How long parcels that others seem to upload are waited for, as long as none of them arrives.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// What a server has of a bindle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No invoice. Which parcels it has of other bindles it does not say.
    Nothing,
    /// The invoice, and all parcels but these.
    Invoice(Vec<Label>),
}

impl<T: Transport> Server<T> {
    /// Asks what is there, with GET requests only.
    ///
    /// # Errors
    /// [`Error::Other`] and [`Error::Yanked`] where the name is taken.
    pub async fn find(&self, bindle: &Bindle) -> Result<Found, Error> {
        let Some(invoice) = self.invoice(&bindle.id).await? else {
            return Ok(Found::Nothing);
        };
        if !invoice.has_parcels_of(&bindle.invoice) {
            return Err(Error::Other {
                id: bindle.id.clone(),
                parcels: invoice.differences(&bindle.invoice),
            });
        }
        if invoice.yanked {
            return Err(Error::Yanked(bindle.id.clone()));
        }
        self.missing_of(bindle).await.map(Found::Invoice)
    }

    /// Gives the server the invoice. Returns the parcels that it wants; where it has the same invoice by now, the
    /// signature that came with that one counts.
    ///
    /// # Errors
    /// Where the server does not take it.
    pub async fn create(
        &self,
        bindle: &Bindle,
        signature: Option<Signature>,
    ) -> Result<Vec<Label>, Error> {
        let mut invoice = bindle.invoice.clone();
        invoice.signature = signature.into_iter().collect();
        let mut patience = Patience::new();
        loop {
            let exists = match self.post(&invoice).await? {
                Posted::Created(missing) => return ours(bindle, missing),
                Posted::Exists(error) => error,
            };
            // An attempt before whose answer was lost, or another client.
            if let Found::Invoice(missing) = self.find(bindle).await? {
                return Ok(missing);
            }
            // Another client that is in the middle of it.
            patience.before_another_way(exists, &self.transport).await?;
        }
    }

    /// Uploads `missing` and whatever else turns out to be missing, until nothing is.
    ///
    /// # Errors
    /// The first that occurs. [`Error::Stuck`] where the server neither has a parcel nor takes it.
    pub async fn complete(&self, bindle: &Bindle, missing: Vec<Label>) -> Result<(), Error> {
        let Err(error) = self.fill(bindle, missing).await else {
            return Ok(());
        };
        // Of two bindles that come at the same moment under one name, a server may take both and keep one.
        if !matches!(error, Error::Rejected(_) | Error::Nonsense { .. }) {
            return Err(error);
        }
        match self.find(bindle).await {
            Err(taken @ Error::Other { .. }) => Err(taken),
            _ => Err(error),
        }
    }

    async fn fill(&self, bindle: &Bindle, missing: Vec<Label>) -> Result<(), Error> {
        let mut missing = missing;
        let mut tried = BTreeSet::new();
        let mut fewest = usize::MAX;
        let mut causes = BTreeMap::new();
        let mut pauses = PAUSES.iter();
        loop {
            let new: Vec<Label> = missing
                .iter()
                .filter(|label| tried.insert(label.sha256.clone()))
                .cloned()
                .collect();
            causes.extend(self.upload_all(bindle, new).await?);
            let left = self.missing_of(bindle).await?;
            if left.is_empty() {
                return Ok(());
            }
            if left.iter().all(|label| tried.contains(&label.sha256)) {
                // Fewer than ever: one that comes and goes is no progress.
                if left.len() < fewest {
                    fewest = left.len();
                    pauses = PAUSES.iter();
                }
                let Some(pause) = pauses.next() else {
                    return Err(Error::Stuck {
                        id: bindle.id.clone(),
                        cause: left.iter().find_map(|label| causes.remove(&label.sha256)),
                        parcels: left,
                    });
                };
                self.transport.sleep(*pause).await;
            }
            missing = left;
        }
    }

    async fn missing_of(&self, bindle: &Bindle) -> Result<Vec<Label>, Error> {
        ours(bindle, self.missing(&bindle.id).await?)
    }

    /// An upload that breaks off is one that a server may never take again, so one that fails does not end the others.
    ///
    /// What somebody has claimed shows in what is missing afterwards; returned is how uploads failed that the server then
    /// took for claimed, by their digests' digits.
    async fn upload_all(
        &self,
        bindle: &Bindle,
        mut labels: Vec<Label>,
    ) -> Result<BTreeMap<String, Box<Error>>, Error> {
        // The longest first: the short ones fit in beside them.
        labels.sort_by_key(|label| std::cmp::Reverse(label.size));
        let causes = RefCell::new(BTreeMap::new());
        let uploads = labels.iter().map(async |label: &Label| {
            if let Uploaded::Claimed(Some(cause)) = self.upload(bindle, label).await? {
                let mut causes = causes.borrow_mut();
                causes.insert(label.sha256.clone(), Box::new(cause));
            }
            Ok::<_, Error>(())
        });
        concurrently_to_their_ends(PARALLEL, uploads).await?;
        Ok(causes.into_inner())
    }
}

/// The bindle's own labels of what a server says is missing, each content once. A server chooses among them, and nothing
/// else.
fn ours(bindle: &Bindle, missing: Vec<Label>) -> Result<Vec<Label>, Error> {
    let contents = bindle.contents();
    let digests: BTreeSet<&str> = missing.iter().map(|label| label.sha256.as_str()).collect();
    let label = |digest: &&str| match contents.get(digest) {
        Some(label) => Ok((*label).clone()),
        None => Err(Error::Nonsense {
            request: format!("missing parcels of {}", bindle.id),
            expected: "parcels of this bindle",
            came: quote(digest),
        }),
    };
    digests.iter().map(label).collect()
}
