//! A plugin of somebody else's: packed, published, installed, agreed to, deployed with, upgraded; and whatever somebody
//! changes on the way is refused.

mod author;
mod catalogs;
mod new;
mod registry;
mod signatures;
mod texts;
