//! How the APIs of Hippo's versions differ, as a table.
//!
//! | | 0.19 and newer | up to 0.18 |
//! |---|---|---|
//! | log in | `/api/auth-tokens` | `/api/account/createtoken` |
//! | resources | `/api/apps`, `/api/channels`, … | `/api/app`, `/api/channel`, … |
//! | lists | pages | 0.18 pages; before that all at once, `{"apps": […]}` |
//! | enumerations | texts | texts or numbers |
//! | another revision on a channel | PATCH, then `desired-status` | a new channel in place of the old one |
//! | a mark that a start is outstanding | PATCH | 0.18 PATCH; before that none |
//! | environment of a channel | PATCH | not from here |
//! | state of a channel | `/api/channel-statuses` | not from here |

/// One column of the table. `{id}` in a path stands for an identifier.
#[derive(Debug)]
pub(crate) struct Family {
    /// Takes a user name and a password, and gives a token.
    pub(crate) login: &'static str,
    pub(crate) apps: Resource,
    pub(crate) channels: Resource,
    pub(crate) revisions: Resource,
    pub(crate) certificates: Resource,
    /// What a channel wrote.
    pub(crate) logs: &'static str,
    /// Where a channel can be changed and restarted as it is.
    pub(crate) in_place: Option<InPlace>,
}

/// A list, and what is in it under its identifier.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) path: &'static str,
    /// What a list without pages is called in its document.
    pub(crate) list: &'static str,
    /// How many of them are asked for at a time. Hippo gives as many as that, and what is on one page cannot be missed; but with
    /// channels and certificates come private keys, and whoever takes those out of an answer may not take long ones.
    pub(crate) page_size: usize,
}

const SHORT: usize = 50;
const LONG: usize = 500;

/// What only newer servers have.
#[derive(Debug)]
pub(crate) struct InPlace {
    pub(crate) desired_status: &'static str,
    pub(crate) statuses: Resource,
}

pub(crate) static NEW: Family = Family {
    login: "/api/auth-tokens",
    apps: Resource {
        path: "/api/apps",
        list: "apps",
        page_size: LONG,
    },
    channels: Resource {
        path: "/api/channels",
        list: "channels",
        page_size: SHORT,
    },
    revisions: Resource {
        path: "/api/revisions",
        list: "revisions",
        page_size: LONG,
    },
    certificates: Resource {
        path: "/api/certificates",
        list: "certificates",
        page_size: SHORT,
    },
    logs: "/api/channels/{id}/logs",
    in_place: Some(InPlace {
        desired_status: "/api/channels/{id}/desired-status",
        statuses: Resource {
            path: "/api/channel-statuses",
            list: "channelStatuses",
            page_size: SHORT,
        },
    }),
};

pub(crate) static OLD: Family = Family {
    login: "/api/account/createtoken",
    apps: Resource {
        path: "/api/app",
        list: "apps",
        page_size: LONG,
    },
    channels: Resource {
        path: "/api/channel",
        list: "channels",
        page_size: SHORT,
    },
    revisions: Resource {
        path: "/api/revision",
        list: "revisions",
        page_size: LONG,
    },
    certificates: Resource {
        path: "/api/certificate",
        list: "certificates",
        page_size: SHORT,
    },
    logs: "/api/channel/logs/{id}",
    in_place: None,
};
