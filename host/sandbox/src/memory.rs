//! One budget for all of a plugin's memories and tables.

use wasmtime::ResourceLimiter;

/// wasmtime's own limiter counts each memory for itself: twenty memories would be twenty times the limit.
pub(crate) struct Memory {
    left: usize,
    refused: bool,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            left: bytes,
            refused: false,
        }
    }

    /// Whether the plugin asked for more than there was. It sees a failed `memory.grow` and most likely aborts, which
    /// looks like any other `unreachable`.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Nothing is given back, not even for growth that failed after it was granted: wasmtime reports failures that
    /// were never granted in the same way.
    fn grow(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.refused = true;
                false
            }
        }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // More than the plugin's own maximum: refused by its own wish.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(size_of::<usize>())))
    }

    /// Each memory reserves 4 GiB of addresses (not of memory), each instance some bookkeeping.
    fn memories(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        256
    }

    fn instances(&self) -> usize {
        256
    }
}
