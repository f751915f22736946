//! What a deployer's tests rely on: that the stand-in is as unforgiving as Hippo, with the real Bindle behind it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod world;

mod channels;
mod control;
mod families;
mod lists;
mod login;
mod old_spin;
mod revisions;
mod running;
