//! Lists: pages since 0.18, everything under a name before.

use serde_json::{Map, Value, json};

use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, json as answer, query};
use crate::settings::{Api, Doubt};

/// What is asked of a list. Parameters are known in any case, values are not.
pub(crate) struct Paging {
    pub(crate) search: String,
    index: usize,
    size: usize,
    sort_by: String,
    ascending: bool,
}

impl Paging {
    /// # Errors
    ///
    /// 400 on what is no number or truth, 500 on a negative number.
    pub(crate) fn of(turn: &Turn<'_>, size: usize) -> Result<Self, Failure> {
        let mut paging = Self {
            search: String::new(),
            index: 0,
            size,
            sort_by: "Name".to_owned(),
            ascending: true,
        };
        for (name, value) in query(turn.call) {
            match name.to_ascii_lowercase().as_str() {
                "searchtext" => paging.search = value,
                "sortby" => paging.sort_by = value,
                "pageindex" => paging.index = number(&name, &value)?,
                "pagesize" => paging.size = number(&name, &value)?,
                "issortedascending" => {
                    let value = value.to_ascii_lowercase().parse();
                    paging.ascending = value.map_err(|_| not_valid(&name))?;
                }
                _ => {}
            }
        }
        if turn.settings.other(Doubt::PagesAreCapped) {
            paging.size = paging.size.min(50);
        }
        Ok(paging)
    }

    /// Whether the first page is asked for.
    pub(crate) fn is_first(&self) -> bool {
        self.index == 0
    }

    /// Whether `searchText` is part of this.
    pub(crate) fn finds(&self, turn: &Turn<'_>, name: &str) -> bool {
        match turn.settings.other(Doubt::SearchIgnoresCase) {
            true => name.to_lowercase().contains(&self.search.to_lowercase()),
            false => name.contains(&self.search),
        }
    }

    /// Sorts rows by the property with this C# name, found in their JSON in camel case.
    ///
    /// # Errors
    ///
    /// 500 where no such property is known.
    pub(crate) fn sort(&self, rows: &mut [Value], known: &[&str]) -> Result<(), Failure> {
        let Some(property) = known.iter().find(|name| **name == self.sort_by) else {
            let reason = format!("no property {} to sort by", self.sort_by);
            return Err(Failure::Broken(reason));
        };
        let (first, rest) = property.split_at(1);
        let property = first.to_ascii_lowercase() + rest;
        rows.sort_by_key(|row| row[&property].to_string());
        if !self.ascending {
            rows.reverse();
        }
        Ok(())
    }

    /// The page that was asked for, of rows of which there are said to be `total`.
    pub(crate) fn page(&self, rows: Vec<Value>, total: usize) -> Value {
        let before = self.index.saturating_mul(self.size);
        let items: Vec<_> = rows.into_iter().skip(before).take(self.size).collect();
        json!({
            // Not "no more items": past the end it is false, and so it is where the total counts what was not searched for.
            "isLastPage": total == before.saturating_add(items.len()),
            "items": items,
            "totalItems": total,
            "pageIndex": self.index,
            "pageSize": self.size,
        })
    }

    /// The page, or in old releases everything below this name.
    pub(crate) fn answer(
        &self,
        turn: &Turn<'_>,
        old: &str,
        rows: Vec<Value>,
        total: usize,
    ) -> Answer {
        match turn.settings.api {
            Api::V0_12 => answer(&Value::from(Map::from_iter([(
                old.to_owned(),
                rows.into(),
            )]))),
            _ => answer(&self.page(rows, total)),
        }
    }
}

fn number(name: &str, value: &str) -> Result<usize, Failure> {
    let value: i32 = value.parse().map_err(|_| not_valid(name))?;
    usize::try_from(value).map_err(|_| Failure::Broken(format!("{name} is negative")))
}

fn not_valid(name: &str) -> Failure {
    Findings::one(name, "The value is not valid.")
}
