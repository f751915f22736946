//! A plugin of somebody else's: packed, published, installed, agreed to, deployed with, upgraded; and whatever somebody
//! changes on the way is refused.

mod author;
mod catalogs;
mod consent;
mod interrupted;
mod minisign;
mod new;
mod proofs;
mod push;
mod registry;
mod shop;
mod signatures;
mod tampered;
mod texts;
mod tokens;
mod urls;
mod web_catalogs;
