//! Lists, whole or page by page.
//!
//! Where a list is paged, only its end says that it ends: `isLastPage` compares with a count that leaves the search out
//! (Hippo's `/api/apps`), and past the end it is false.

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

const PAGE_SIZE: usize = 50;
/// Ten thousand things of one kind: more than a Hippo ever had, less than a server can keep a client busy with.
const MOST_PAGES: u32 = 200;

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
}

enum List<I> {
    /// All of it.
    Whole(Vec<I>),
    /// A page, and how many items a full one has.
    Page(Vec<I>, usize),
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
            // A server that does not know the path answers 404, or with a page for browsers.
            let unknown = first.status == StatusCode::NOT_FOUND
                || (first.status.is_success() && !first.is_json());
            if !unknown {
                self.family.set(Some(&NEW));
                return self.pages(resource(&NEW), query, first).await;
            }
            let first = self.page(resource(&OLD), query, 0).await?;
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

    async fn page(&self, resource: &Resource, query: &str, index: u32) -> Result<Answer, Error> {
        let path = resource.path;
        let page = format!("pageIndex={index}&pageSize={PAGE_SIZE}");
        self.get(&match query {
            "" => format!("{path}?{page}"),
            query => format!("{path}?{query}&{page}"),
        })
        .await
    }

    async fn pages<I: Item>(
        &self,
        resource: &Resource,
        query: &str,
        first: Answer,
    ) -> Result<Vec<I>, Error> {
        let mut answer = first;
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for next in 1..=MOST_PAGES {
            let (items, full) = match read(&answer, resource.list)? {
                List::Whole(items) => return Ok(items),
                List::Page(items, full) => (items, full),
            };
            let short = items.len() < full;
            let before = all.len();
            all.extend(
                items
                    .into_iter()
                    .filter(|item: &I| seen.insert(item.id().clone())),
            );
            // A page without anything new is the first one again, from a server without pages.
            if short || all.len() == before {
                return Ok(all);
            }
            answer = self.page(resource, query, next).await?;
        }
        Err(Error::Endless {
            request: answer.request,
            pages: MOST_PAGES,
        })
    }
}

fn read<I: Item>(answer: &Answer, list: &str) -> Result<List<I>, Error> {
    if !answer.status.is_success() {
        return Err(answer.to_error());
    }
    let mut document: Map<String, Value> = answer.json(EXPECTED)?;
    let items = |value: Value| {
        serde_json::from_value::<Vec<I>>(value).map_err(|_| answer.nonsense(EXPECTED))
    };
    if let Some(found) = document.remove("items") {
        let paging = serde_json::from_value::<Paging>(Value::Object(document));
        let said = paging.ok().and_then(|paging| paging.page_size);
        // What a server caps, it says.
        let full = said.map_or(PAGE_SIZE, |said| said.min(PAGE_SIZE)).max(1);
        return Ok(List::Page(items(found)?, full));
    }
    match document.remove(list) {
        Some(found) => Ok(List::Whole(items(found)?)),
        None => Err(answer.nonsense(EXPECTED)),
    }
}
