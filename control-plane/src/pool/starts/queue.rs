//! Pure: who waits for a turn at starting a container, and whose is the next.
//!
//! Lanes take turns, so that one with much to start holds up nobody else. A start that an invocation waits for goes
//! before all that are made ahead.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How much a start is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pool) enum Need {
    /// An invocation waits for it.
    Now,
    /// It is to be there before anybody asks.
    Ahead,
}

/// `L` names lanes, `W` is somebody who waits.
#[derive(Debug)]
pub(super) struct Queue<L, W> {
    free: usize,
    now: Lanes<L, W>,
    ahead: Lanes<L, W>,
}

impl<L: Clone + Eq + Hash, W> Queue<L, W> {
    /// A queue for so many turns at a time.
    pub(super) fn new(turns: usize) -> Self {
        Self { free: turns, now: Lanes::default(), ahead: Lanes::default() }
    }

    pub(super) fn wait(&mut self, lane: L, need: Need, waiter: W) {
        match need {
            Need::Now => self.now.push(lane, waiter),
            Need::Ahead => self.ahead.push(lane, waiter),
        }
    }

    /// Who has a turn now, if there is one. Those who do not want it any more are passed over.
    pub(super) fn next(&mut self, wants: impl Fn(&W) -> bool) -> Option<W> {
        while self.free > 0 {
            let waiter = self.now.pop().or_else(|| self.ahead.pop())?;
            if wants(&waiter) {
                self.free -= 1;
                return Some(waiter);
            }
        }
        None
    }

    /// A turn is over.
    pub(super) fn give_back(&mut self) {
        self.free += 1;
    }

    /// One start of the lane that was to be made ahead has an invocation that waits for it now.
    pub(super) fn hurry(&mut self, lane: &L) {
        if let Some(waiter) = self.ahead.pop_of(lane) {
            self.now.push(lane.clone(), waiter);
        }
    }

    /// Whether there is a turn that nobody has and nobody waits for.
    pub(super) fn is_idle(&self) -> bool {
        self.free > 0
    }
}

/// Lanes that take turns. Each is there for as long as somebody waits in it.
#[derive(Debug)]
struct Lanes<L, W> {
    order: VecDeque<L>,
    waiting: HashMap<L, VecDeque<W>>,
}

impl<L, W> Default for Lanes<L, W> {
    fn default() -> Self {
        Self { order: VecDeque::new(), waiting: HashMap::new() }
    }
}

impl<L: Clone + Eq + Hash, W> Lanes<L, W> {
    fn push(&mut self, lane: L, waiter: W) {
        let waiting = self.waiting.entry(lane.clone()).or_default();
        if waiting.is_empty() {
            self.order.push_back(lane);
        }
        waiting.push_back(waiter);
    }

    fn pop(&mut self) -> Option<W> {
        let lane = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&lane)?;
        let first = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&lane);
        } else {
            self.order.push_back(lane);
        }
        first
    }

    fn pop_of(&mut self, lane: &L) -> Option<W> {
        let waiting = self.waiting.get_mut(lane)?;
        let first = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(lane);
            self.order.retain(|other| other != lane);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all<W>(queue: &mut Queue<char, W>) -> Vec<W> {
        std::iter::from_fn(|| queue.next(|_| true).inspect(|_| queue.give_back())).collect()
    }

    #[test]
    fn lanes_take_turns_and_each_keeps_its_order() {
        let mut queue = Queue::new(1);
        for waiter in ["a1", "a2", "a3", "b1", "c1", "c2"] {
            queue.wait(waiter.chars().next().unwrap(), Need::Now, waiter);
        }
        assert_eq!(all(&mut queue), ["a1", "b1", "c1", "a2", "c2", "a3"]);
    }

    #[test]
    fn a_late_comer_waits_for_one_turn_of_each_other_lane_at_most() {
        let mut queue = Queue::new(1);
        (0..100).for_each(|n| queue.wait('a', Need::Now, n));
        (0..10).for_each(|_| assert!(queue.next(|_| true).inspect(|_| queue.give_back()).is_some()));
        queue.wait('b', Need::Now, 1000);
        let at = all(&mut queue).iter().position(|waiter| *waiter == 1000);
        assert_eq!(at, Some(1));
    }

    #[test]
    fn what_is_made_ahead_waits_for_all_that_are_needed_now() {
        let mut queue = Queue::new(1);
        queue.wait('p', Need::Ahead, "p1");
        queue.wait('p', Need::Ahead, "p2");
        queue.wait('q', Need::Ahead, "q1");
        queue.wait('a', Need::Now, "a1");
        queue.wait('a', Need::Now, "a2");
        queue.hurry(&'q');
        queue.hurry(&'z');
        assert_eq!(all(&mut queue), ["a1", "q1", "a2", "p1", "p2"]);
    }

    #[test]
    fn there_are_so_many_turns_and_who_has_left_takes_none() {
        let mut queue = Queue::new(2);
        (0..5).for_each(|n| queue.wait('a', Need::Now, n));
        let odd = |n: &i32| n % 2 == 1;
        assert_eq!([queue.next(odd), queue.next(odd), queue.next(odd)], [Some(1), Some(3), None]);
        assert!(!queue.is_idle());
        queue.give_back();
        assert_eq!(queue.next(odd), None, "the last one has left");
        assert!(queue.is_idle());
    }

    proptest! {
        #[test]
        fn everybody_gets_a_turn_and_nobody_two(
            steps in proptest::collection::vec((0_u8..4, 0_u8..4), 0..200),
        ) {
            let (mut queue, mut out, mut given) = (Queue::new(3), 0_usize, Vec::new());
            let mut come = 0_usize;
            let mut take = |queue: &mut Queue<u8, usize>, out: &mut usize| {
                while let Some(waiter) = queue.next(|_| true) {
                    given.push(waiter);
                    *out += 1;
                    assert!(*out <= 3);
                }
            };
            for (step, lane) in steps {
                match step {
                    0 | 1 => {
                        queue.wait(lane, if step == 0 { Need::Now } else { Need::Ahead }, come);
                        come += 1;
                    }
                    2 => queue.hurry(&lane),
                    _ if out > 0 => {
                        out -= 1;
                        queue.give_back();
                    }
                    _ => {}
                }
                take(&mut queue, &mut out);
            }
            while out > 0 {
                out -= 1;
                queue.give_back();
                take(&mut queue, &mut out);
            }
            given.sort_unstable();
            prop_assert_eq!(given, (0..come).collect::<Vec<_>>());
        }
    }
}
