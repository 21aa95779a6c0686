//! Whether the API is at rest: whatever callers have sent has been heard of.
//!
//! A process may end while its last words are still on their way to us: the system tells of the end first.

use std::cell::Cell;
use std::rc::Rc;

/// What moves on all connections. Shared by `Rc`.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    moves: Cell<u64>,
    taking: Cell<usize>,
}

impl Traffic {
    /// Something was accepted or read.
    pub(super) fn moves(&self) {
        self.moves.set(self.moves.get().wrapping_add(1));
    }

    /// How often something was; another number later says that something has been since.
    pub(crate) fn moved(&self) -> u64 {
        self.moves.get()
    }

    /// Whether there are requests of which not all is known yet.
    pub(crate) fn is_taking(&self) -> bool {
        self.taking.get() > 0
    }

    /// A request is being taken until the guard is dropped.
    pub(super) fn takes(self: &Rc<Self>) -> Taking {
        self.taking.set(self.taking.get() + 1);
        Taking(Rc::clone(self))
    }

    /// A request that is being taken waits for somebody else until the guard is dropped.
    pub(super) fn waits(self: &Rc<Self>) -> Waiting {
        self.taking.set(self.taking.get().saturating_sub(1));
        Waiting(Rc::clone(self))
    }
}

/// See [`Traffic::takes`].
#[derive(Debug)]
pub(super) struct Taking(Rc<Traffic>);

impl Drop for Taking {
    fn drop(&mut self) {
        self.0.taking.set(self.0.taking.get().saturating_sub(1));
    }
}

/// See [`Traffic::waits`].
#[derive(Debug)]
pub(super) struct Waiting(Rc<Traffic>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.taking.set(self.0.taking.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_unless_it_waits_and_however_it_ends() {
        let traffic = Rc::new(Traffic::default());
        let (first, second) = (traffic.takes(), traffic.takes());
        let waiting = traffic.waits();
        drop(first);
        assert!(!traffic.is_taking());
        drop(waiting);
        assert!(traffic.is_taking());
        drop(second);
        assert!(!traffic.is_taking());
    }
}
