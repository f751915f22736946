//! The invoice: what a bindle consists of. The [invoice specification] of Bindle 1.0.0, as far as servers have it.
//!
//! What is written has no field that an older reader does not know; of what is read, unknown fields are passed over.
//!
//! [invoice specification]: https://github.com/deislabs/bindle/blob/v0.9.1/docs/invoice-spec.md

use serde::{Deserialize, Serialize};

/// An invoice. Fields are in the order in which TOML needs them: values before tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Of the format: `1.0.0`.
    pub bindle_version: String,
    /// Taken back. It stays where it is, for those who know it.
    #[serde(default, skip_serializing_if = "is_not")]
    pub yanked: bool,
    /// What it is called, and by whom it is.
    pub bindle: Head,
    /// In an order that signatures depend on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcel: Vec<Parcel>,
    /// Parcels that belong together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<Group>,
    /// Of the creator, of servers that took it in, and of whoever approved of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signature: Vec<Signature>,
}

/// The section `bindle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Before the `/` of the id.
    pub name: String,
    /// Behind it.
    pub version: String,
    /// One sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `Jane Doe <jane@example.com>`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
}

/// One content of a bindle, in one role: the same bytes may be in a bindle under several names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Parcel {
    /// What it is.
    pub label: Label,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Condition>,
}

/// What a parcel is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Its media type.
    pub media_type: String,
    /// Of a file: where its component finds it.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// When a parcel is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Names of groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<String>,
}

/// Parcels that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// `files-shop`: the files of the component `shop`.
    pub name: String,
}

/// Who stands for a bindle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `Jane Doe <jane@example.com>`
    pub by: String,
    /// 64 bytes, in Base64.
    pub signature: String,
    /// The public key, 32 bytes in Base64.
    pub key: String,
    /// `creator`
    pub role: String,
    /// In seconds since 1970. Nobody signs this.
    pub at: u64,
}

/// A document that could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvoiceError(String);

impl InvoiceError {
    pub(crate) fn new(reason: &impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl Invoice {
    /// The document that a server takes.
    ///
    /// # Errors
    /// A size or a time that TOML has no number for.
    pub fn to_toml(&self) -> Result<String, InvoiceError> {
        toml::to_string(self).map_err(|error| InvoiceError::new(&error))
    }

    /// Whether the same contents are in both, in the same roles. What else they say of themselves may differ.
    pub fn has_parcels_of(&self, other: &Self) -> bool {
        let sorted = |invoice: &Self| {
            let mut parcels: Vec<Parcel> = invoice.parcel.iter().map(Parcel::role).collect();
            parcels.sort_unstable();
            parcels
        };
        sorted(self) == sorted(other)
    }

    /// Names of parcels that only one of them has; one that has other contents now is one name.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let only = |one: &Self, than: &Self| -> Vec<String> {
            let known: Vec<Parcel> = than.parcel.iter().map(Parcel::role).collect();
            let parcels = one.parcel.iter();
            let new = parcels.filter(|parcel| !known.contains(&parcel.role()));
            new.map(|parcel| parcel.label.name.clone()).collect()
        };
        let mut names = only(self, other);
        names.extend(only(other, self));
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Parcel {
    /// What readers of an app go by, in one form for whoever wrote it.
    fn role(&self) -> Self {
        let mut groups: Vec<String> = self
            .conditions
            .iter()
            .flat_map(|c| c.member_of.clone())
            .collect();
        groups.sort_unstable();
        Self {
            label: self.label.clone(),
            conditions: (!groups.is_empty()).then_some(Condition { member_of: groups }),
        }
    }
}

/// What a server says to a new invoice.
#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    #[serde(default)]
    pub(crate) missing: Vec<Label>,
}

/// What a server says of parcels that it has not.
#[derive(Debug, Deserialize)]
pub(crate) struct Missing {
    pub(crate) missing: Vec<Label>,
}

fn is_not(flag: &bool) -> bool {
    !flag
}
