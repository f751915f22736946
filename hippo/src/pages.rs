//! Lists, whole or page by page.
//!
//! Where a list is paged, only its end says that it ends: `isLastPage` compares with a count that leaves the search out
//! (Hippo's `/api/apps`), and past the end it is false. Of a list that was not searched that count is how many things there are.
//! It tells where one was missed: Hippo does not say in which order its database gives them, so what somebody changes meanwhile
//! may move to another page.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use spin_deployer_publish::Transport;

use crate::answer::Answer;
use crate::documents::{App, Certificate, Channel, ChannelStatus, Id, Revision};
use crate::family::{Family, NEW, OLD, Resource};
use crate::{Error, Hippo};

/// Less than a server can keep a client busy with, even with pages that it makes smaller.
const MOST_PAGES: u32 = 200;
/// How often a list is read where something of it was missed.
const READINGS: usize = 3;

const EXPECTED: &str = "a list of Hippo's";

/// Something that lists are of.
pub(crate) trait Item: DeserializeOwned {
    fn id(&self) -> &Id;
}

macro_rules! items {
    ($($type:ty: $id:ident;)+) => {
        $(impl Item for $type {
            fn id(&self) -> &Id {
                &self.$id
            }
        })+
    };
}

items! {
    App: id;
    Channel: id;
    Revision: id;
    Certificate: id;
    ChannelStatus: channel_id;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    page_size: Option<usize>,
    #[serde(default)]
    total_items: Option<usize>,
}

enum List<I> {
    /// All of it.
    Whole(Vec<I>),
    /// A page.
    Page {
        items: Vec<I>,
        /// How many items a full one has.
        full: usize,
        /// How many there are on all pages, as the server says.
        total: Option<usize>,
    },
}

impl<T: Transport> Hippo<T> {
    /// All items of a list whose names have `search` in them; of those that cannot be searched, all.
    ///
    /// Decides which family the server is of, where nothing did before.
    pub(crate) async fn list<I: Item>(
        &self,
        resource: impl Fn(&'static Family) -> &'static Resource,
        query: &str,
    ) -> Result<Vec<I>, Error> {
        let Some(family) = self.family.get() else {
            let first = self.page(resource(&NEW), query, 0).await?;
            if !is_unknown(&first) {
                self.family.set(Some(&NEW));
                return self.pages(resource(&NEW), query, first).await;
            }
            let first = self.page(resource(&OLD), query, 0).await?;
            if is_unknown(&first) {
                return Err(first.nonsense(EXPECTED));
            }
            self.family.set(Some(&OLD));
            return self.pages(resource(&OLD), query, first).await;
        };
        let resource = resource(family);
        let first = self.page(resource, query, 0).await?;
        self.pages(resource, query, first).await
    }

    /// The family that the first list showed.
    pub(crate) fn known_family(&self) -> &'static Family {
        self.family.get().unwrap_or(&NEW)
    }

    /// Whether a channel can say that a start is outstanding. Known after the first list.
    pub(crate) fn marks(&self) -> bool {
        let patches = self.known_family().in_place.is_some() || self.paged.get();
        patches && !self.unmarkable.get()
    }

    async fn page(&self, resource: &Resource, query: &str, index: u32) -> Result<Answer, Error> {
        let path = resource.path;
        let page = format!("pageIndex={index}&pageSize={}", resource.page_size);
        self.get(&match query {
            "" => format!("{path}?{page}"),
            query => format!("{path}?{query}&{page}"),
        })
        .await
    }

    /// Everything, read again where something was missed. What is gone by then may be in it.
    async fn pages<I: Item>(
        &self,
        resource: &Resource,
        query: &str,
        first: Answer,
    ) -> Result<Vec<I>, Error> {
        let (mut all, mut total) = self.reading::<I>(resource, query, first).await?;
        for _ in 1..READINGS {
            // Of what was searched it may count what was not found.
            if !query.is_empty() || total.is_none_or(|total| all.len() >= total) {
                break;
            }
            let first = self.page(resource, query, 0).await?;
            let (again, now) = self.reading::<I>(resource, query, first).await?;
            let known: BTreeSet<Id> = all.iter().map(|item| item.id().clone()).collect();
            all.extend(again.into_iter().filter(|item| !known.contains(item.id())));
            total = now;
        }
        Ok(all)
    }

    /// All pages once, and how many items the server says that there are.
    async fn reading<I: Item>(
        &self,
        resource: &Resource,
        query: &str,
        first: Answer,
    ) -> Result<(Vec<I>, Option<usize>), Error> {
        let mut answer = first;
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        let mut read = 0;
        for next in 1..=MOST_PAGES {
            let (items, full, total) = match read_list(&answer, resource)? {
                List::Whole(items) => return Ok((items, None)),
                List::Page { items, full, total } => (items, full, total),
            };
            self.paged.set(true);
            read += items.len();
            let (short, before) = (items.len() < full, all.len());
            all.extend(
                items
                    .into_iter()
                    .filter(|item: &I| seen.insert(item.id().clone())),
            );
            let ended = match total.filter(|_| query.is_empty()) {
                Some(total) => read >= total,
                None => short,
            };
            // A page without anything new is the first one again, from a server without pages, or one past the end.
            if ended || all.len() == before {
                return Ok((all, total));
            }
            answer = self.page(resource, query, next).await?;
        }
        Err(Error::Endless {
            request: answer.request,
            pages: MOST_PAGES,
        })
    }
}

/// A server that does not know the path answers 404, or with a page for browsers.
fn is_unknown(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND || (answer.status.is_success() && !answer.is_json())
}

fn read_list<I: Item>(answer: &Answer, resource: &Resource) -> Result<List<I>, Error> {
    if !answer.status.is_success() {
        return Err(answer.to_error());
    }
    let mut document: Map<String, Value> = answer.json(EXPECTED)?;
    let items = |value: Value| {
        serde_json::from_value::<Vec<I>>(value).map_err(|_| answer.nonsense(EXPECTED))
    };
    if let Some(found) = document.remove("items") {
        let paging = serde_json::from_value::<Paging>(Value::Object(document));
        let (said, total) = paging.map_or((None, None), |it| (it.page_size, it.total_items));
        // What a server caps, it says.
        let full = said
            .map_or(resource.page_size, |said| said.min(resource.page_size))
            .max(1);
        return Ok(List::Page {
            items: items(found)?,
            full,
            total,
        });
    }
    match document.remove(resource.list) {
        Some(found) => Ok(List::Whole(items(found)?)),
        None => Err(answer.nonsense(EXPECTED)),
    }
}
