//! Calls whose answers are waited for.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::lifecycle::{CallId, Reply};

/// The other ends of all calls that have not been answered. Callers may give up without a word, any number of them:
/// those are let go from time to time.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    senders: HashMap<CallId, oneshot::Sender<Reply>>,
    /// How many were there when those who had given up were last let go.
    kept: usize,
}

/// What became of a call that began to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It waits.
    Simply,
    /// It waits, and those who had given up were let go.
    AndTidied,
}

/// So many may have given up, besides as many as wait, before they are let go.
const UNTIDY: usize = 64;

impl Waiting {
    /// A call begins to wait.
    pub(crate) fn enter(&mut self, call: CallId, sender: oneshot::Sender<Reply>) -> Entered {
        let tidies = self.senders.len() >= 2 * self.kept + UNTIDY;
        if tidies {
            self.senders.retain(|_, sender| !sender.is_closed());
            self.kept = self.senders.len();
        }
        self.senders.insert(call, sender);
        if tidies { Entered::AndTidied } else { Entered::Simply }
    }

    /// Answers a call; `false`: it has given up.
    pub(crate) fn answer(&mut self, call: CallId, reply: Reply) -> bool {
        self.senders.remove(&call).is_some_and(|sender| sender.send(reply).is_ok())
    }

    /// Whether a call still waits, or has only just given up.
    pub(crate) fn contains(&self, call: CallId) -> bool {
        self.senders.contains_key(&call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_given_up_is_let_go_and_who_waits_is_not() {
        let mut waiting = Waiting::default();
        let (sender, mut patient) = oneshot::channel();
        waiting.enter(CallId(0), sender);
        let mut tidied = 0;
        for call in 1..10_000 {
            let (sender, _) = oneshot::channel();
            tidied += usize::from(waiting.enter(CallId(call), sender) == Entered::AndTidied);
            assert!(waiting.senders.len() <= 2 + 2 * UNTIDY);
        }
        assert!(tidied > 0 && !waiting.contains(CallId(1)));
        assert!(!waiting.answer(CallId(9_999), Reply::Accepted));
        assert!(waiting.answer(CallId(0), Reply::Accepted));
        assert_eq!(patient.try_recv(), Ok(Reply::Accepted));
    }

    #[test]
    fn many_who_wait_are_not_looked_at_each_time() {
        let mut waiting = Waiting::default();
        let mut receivers = Vec::new();
        let mut tidied = 0;
        for call in 0..10_000 {
            let (sender, receiver) = oneshot::channel();
            receivers.push(receiver);
            tidied += usize::from(waiting.enter(CallId(call), sender) == Entered::AndTidied);
        }
        assert!(tidied < 10, "{tidied}");
    }
}
