//! `wasi:random` with our limit, which wasmtime-wasi would report as a trap without a name.

use wasmtime::component::HasData;
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::random::WasiRandomCtx;

use crate::LimitKind;
use crate::error::Stop;
use crate::state::State;

/// wasmtime-wasi's random numbers, and how many bytes at a time.
pub(crate) struct Random<'a> {
    wasi: &'a mut WasiRandomCtx,
    limit: usize,
}

pub(crate) struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = Random<'a>;
}

/// What is linked.
pub(crate) fn of(state: &mut State) -> Random<'_> {
    let limit = state.limits.random;
    Random {
        wasi: state.ctx().ctx.random(),
        limit,
    }
}

impl Random<'_> {
    fn check(&self, len: u64) -> Result<(), Stop> {
        match usize::try_from(len) {
            Ok(len) if len <= self.limit => Ok(()),
            _ => Err(Stop::Limit(LimitKind::Random)),
        }
    }
}

impl random::Host for Random<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.check(len)?;
        random::Host::get_random_bytes(self.wasi, len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        random::Host::get_random_u64(self.wasi)
    }
}

impl insecure::Host for Random<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.check(len)?;
        insecure::Host::get_insecure_random_bytes(self.wasi, len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        insecure::Host::get_insecure_random_u64(self.wasi)
    }
}

impl insecure_seed::Host for Random<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        insecure_seed::Host::insecure_seed(self.wasi)
    }
}
