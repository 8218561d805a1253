//! Buffers that are used again, so that the memory of one bundle serves the next.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most bytes of a buffer that is kept: those of an ordinary bundle have some hundred thousand.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// The most buffers that are kept.
const KEPT_MAX: usize = 64;

/// Where buffers lie that nobody uses, for all cores.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Vec<Vec<u8>>>);

impl Shelf {
    /// A buffer, with room where one lay here, and with whatever it held.
    pub(super) fn take(&self) -> Vec<u8> {
        self.buffers().pop().unwrap_or_default()
    }

    /// Puts a buffer here whose content is no longer needed.
    pub(super) fn put(&self, buffer: Vec<u8>) {
        let mut buffers = self.buffers();
        if (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) && buffers.len() < KEPT_MAX {
            buffers.push(buffer);
        }
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_with_its_room_unless_it_is_too_large_or_too_many_are_there() {
        let shelf = Shelf::default();
        shelf.put(vec![7; 1000]);
        shelf.put(Vec::new());
        shelf.put(Vec::with_capacity(KEPT_BYTES_MAX + 1));
        let taken = shelf.take();
        assert!(taken.capacity() >= 1000);
        assert_eq!(shelf.take().capacity(), 0);
        (0..=KEPT_MAX).for_each(|_| shelf.put(vec![7]));
        assert_eq!(shelf.buffers().len(), KEPT_MAX);
    }
}
