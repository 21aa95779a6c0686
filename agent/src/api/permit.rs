//! Which response may leave.

use std::cell::Cell;
use std::rc::Rc;

use crate::lifecycle::CallId;

/// Given to the call that posts a response, and taken back when that may not leave any more. Clones are the same permit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permit(Rc<Cell<Option<CallId>>>);

impl Permit {
    /// From now on this call's response may leave, and no other.
    pub(crate) fn give(&self, call: CallId) {
        self.0.set(Some(call));
    }

    /// None may.
    pub(crate) fn revoke(&self) {
        self.0.set(None);
    }

    /// Whether this call's may.
    pub(super) fn is_for(&self, call: CallId) -> bool {
        self.0.get() == Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_one_call_at_a_time() {
        let permit = Permit::default();
        let (old, new) = (CallId(1), CallId(2));
        assert!(!permit.is_for(old));
        permit.clone().give(old);
        assert!(permit.is_for(old) && !permit.is_for(new));
        permit.give(new);
        assert!(permit.is_for(new) && !permit.is_for(old), "a response of before does not mix with this one");
        permit.revoke();
        assert!(!permit.is_for(new));
    }
}
