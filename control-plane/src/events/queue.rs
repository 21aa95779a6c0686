//! Pure: what waits, in lanes: which of it is next, and when the next becomes due.
//!
//! Lanes take turns, so a long one does not keep others waiting. Inside a lane the order is that of arrival among
//! what is due.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use lambdock_domain::Timestamp;

/// Names one thing that waits; later ones have higher numbers.
pub(super) type Number = i64;

/// How many things of a lane are worked on at the same time, at most.
pub(super) type Parallel<L> = Box<dyn Fn(&L) -> usize + Send>;

/// Everything that waits or is being worked on.
pub(super) struct Queue<L> {
    lanes: HashMap<L, Lane>,
    /// Lanes that have something that may begin, each once.
    turns: VecDeque<L>,
    delayed: BTreeSet<(Timestamp, Number, L)>,
    parallel: Parallel<L>,
}

#[derive(Debug, Default)]
struct Lane {
    /// By number, lowest first.
    due: BTreeSet<Number>,
    running: usize,
    /// Nothing begins before something has ended.
    full: bool,
    /// Whether it is among the turns.
    listed: bool,
}

/// What became of handing something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returned {
    /// It is tried again as soon as something else of its lane has ended.
    Waits,
    /// There is nothing else whose end could make room: it is the caller's again.
    NothingToWaitFor,
}

impl<L: Clone + Eq + Hash + Ord> Queue<L> {
    /// An empty queue.
    pub(super) fn new(parallel: Parallel<L>) -> Self {
        Self { lanes: HashMap::new(), turns: VecDeque::new(), delayed: BTreeSet::new(), parallel }
    }

    /// Things that wait.
    pub(super) fn len(&self) -> usize {
        self.delayed.len() + self.lanes.values().map(|lane| lane.due.len()).sum::<usize>()
    }

    /// Adds something that may begin at `due`.
    pub(super) fn push(&mut self, lane: L, number: Number, due: Timestamp, now: Timestamp) {
        if due > now {
            self.delayed.insert((due, number, lane));
        } else {
            self.lanes.entry(lane.clone()).or_default().due.insert(number);
            self.list(lane);
        }
    }

    /// What begins now, if there is anything.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(L, Number)> {
        while self.delayed.first().is_some_and(|(due, ..)| *due <= now) {
            let Some((_, number, lane)) = self.delayed.pop_first() else { break };
            self.push(lane, number, now, now);
        }
        while let Some(name) = self.turns.pop_front() {
            let Some(lane) = self.lanes.get_mut(&name) else { continue };
            lane.listed = false;
            if lane.full || lane.running >= (self.parallel)(&name) {
                continue;
            }
            let Some(number) = lane.due.pop_first() else { continue };
            lane.running += 1;
            self.list(name.clone());
            return Some((name, number));
        }
        None
    }

    /// Whether something is due that has found no room.
    pub(super) fn is_crowded(&self) -> bool {
        // Everything else that is due has begun.
        !self.lanes.values().all(|lane| lane.due.is_empty())
    }

    /// There may be room where there was none, for reasons that nobody tells us of.
    pub(super) fn look_again(&mut self) {
        let crowded = self.lanes.iter_mut().filter(|(_, lane)| !lane.due.is_empty());
        let names: Vec<L> = crowded
            .map(|(name, lane)| {
                lane.full = false;
                name.clone()
            })
            .collect();
        for name in names {
            self.list(name);
        }
    }

    /// When something becomes due by itself.
    pub(super) fn wakes_at(&self) -> Option<Timestamp> {
        self.delayed.first().map(|(due, ..)| *due)
    }

    /// Something that began has ended.
    pub(super) fn ended(&mut self, name: &L) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.running = lane.running.saturating_sub(1);
        lane.full = false;
        if lane.running == 0 && lane.due.is_empty() {
            self.lanes.remove(name);
        } else {
            self.list(name.clone());
        }
    }

    /// Something that began has found no room. In either case it has not ended.
    pub(super) fn give_back(&mut self, name: &L, number: Number) -> Returned {
        let Some(lane) = self.lanes.get_mut(name) else { return Returned::NothingToWaitFor };
        if lane.running <= 1 {
            return Returned::NothingToWaitFor;
        }
        lane.running -= 1;
        lane.full = true;
        lane.due.insert(number);
        Returned::Waits
    }

    /// Forgets what waits in a lane; what has begun goes on. Returns what is forgotten.
    pub(super) fn forget(&mut self, name: &L) -> Vec<Number> {
        let mut forgotten: Vec<Number> = Vec::new();
        if let Some(lane) = self.lanes.get_mut(name) {
            forgotten.extend(std::mem::take(&mut lane.due));
            if lane.running == 0 {
                self.lanes.remove(name);
            }
        }
        self.delayed.retain(|(_, number, lane)| {
            let goes = lane == name;
            if goes {
                forgotten.push(*number);
            }
            !goes
        });
        forgotten
    }

    fn list(&mut self, name: L) {
        let parallel = (self.parallel)(&name);
        if let Some(lane) = self.lanes.get_mut(&name)
            && !lane.listed
            && !lane.full
            && lane.running < parallel
            && !lane.due.is_empty()
        {
            lane.listed = true;
            self.turns.push_back(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1000);

    fn queue() -> Queue<&'static str> {
        Queue::new(Box::new(|_| 2))
    }

    fn begun(queue: &mut Queue<&'static str>, now: Timestamp) -> Vec<(&'static str, Number)> {
        std::iter::from_fn(|| queue.next(now)).collect()
    }

    #[test]
    fn lanes_take_turns_and_are_bounded() {
        let mut queue = queue();
        for number in 0..5 {
            queue.push("long", number, NOW, NOW);
        }
        queue.push("short", 9, NOW, NOW);
        assert_eq!(begun(&mut queue, NOW), [("long", 0), ("short", 9), ("long", 1)]);
        queue.ended(&"long");
        assert_eq!(begun(&mut queue, NOW), [("long", 2)]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn what_is_delayed_begins_when_it_is_due_and_in_its_order() {
        let mut queue = queue();
        queue.push("a", 3, Timestamp(1500), NOW);
        queue.push("a", 2, Timestamp(1200), NOW);
        assert_eq!((begun(&mut queue, NOW), queue.wakes_at()), (vec![], Some(Timestamp(1200))));
        assert_eq!(begun(&mut queue, Timestamp(1600)), [("a", 2), ("a", 3)]);
        assert_eq!(queue.wakes_at(), None);
    }

    #[test]
    fn what_finds_no_room_waits_for_the_end_of_another() {
        let mut queue = queue();
        for number in 0..3 {
            queue.push("a", number, NOW, NOW);
        }
        assert_eq!(begun(&mut queue, NOW), [("a", 0), ("a", 1)]);
        assert_eq!(queue.give_back(&"a", 1), Returned::Waits);
        assert_eq!(begun(&mut queue, NOW), [], "0 has not ended");
        queue.push("a", 4, NOW, NOW);
        assert_eq!(begun(&mut queue, NOW), [], "nor does something new find room");
        queue.ended(&"a");
        assert_eq!(begun(&mut queue, NOW), [("a", 1), ("a", 2)]);
    }

    #[test]
    fn room_is_found_that_nobody_told_of() {
        let room = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(1));
        let now_there_is = std::sync::Arc::clone(&room);
        let mut queue = Queue::new(Box::new(move |_: &&str| room.load(std::sync::atomic::Ordering::Relaxed)));
        for number in 0..3 {
            queue.push("a", number, NOW, NOW);
        }
        assert_eq!(begun(&mut queue, NOW), [("a", 0)]);
        assert!(queue.is_crowded());
        now_there_is.store(3, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(begun(&mut queue, NOW), []);
        queue.look_again();
        assert_eq!(begun(&mut queue, NOW), [("a", 1), ("a", 2)]);
        assert!(!queue.is_crowded());
    }

    #[test]
    fn what_is_alone_and_finds_no_room_has_nothing_to_wait_for() {
        let mut queue = queue();
        queue.push("a", 0, NOW, NOW);
        assert_eq!(begun(&mut queue, NOW), [("a", 0)]);
        assert_eq!(queue.give_back(&"a", 0), Returned::NothingToWaitFor);
        queue.push("a", 0, Timestamp(2000), NOW);
        queue.ended(&"a");
        assert_eq!(begun(&mut queue, Timestamp(2000)), [("a", 0)]);
    }

    #[test]
    fn a_lane_that_is_forgotten_takes_nothing_of_others_along() {
        let mut queue = queue();
        queue.push("a", 0, NOW, NOW);
        queue.push("a", 1, Timestamp(2000), NOW);
        queue.push("b", 2, Timestamp(2000), NOW);
        assert_eq!(queue.forget(&"a"), [0, 1]);
        assert_eq!(begun(&mut queue, Timestamp(3000)), [("b", 2)]);
    }

    #[test]
    fn lanes_with_nothing_in_them_are_gone() {
        let mut queue = queue();
        queue.push("a", 0, NOW, NOW);
        assert_eq!(begun(&mut queue, NOW).len(), 1);
        queue.ended(&"a");
        assert!(queue.lanes.is_empty());
    }

    proptest! {
        /// Whatever happens in whatever order: each thing begins exactly once, and bounds are kept.
        #[test]
        fn everything_begins_once(
            pushed in prop::collection::vec((0..3_usize, 0..50_i64), 1..60), order in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            const LANES: [&str; 3] = ["a", "b", "c"];
            let mut queue = queue();
            for (number, (lane, due)) in (0..).zip(&pushed) {
                queue.push(LANES[*lane], number, Timestamp(*due), Timestamp(0));
            }
            let mut order = order.into_iter();
            let mut now = 0;
            let mut running: Vec<(&str, Number)> = Vec::new();
            let mut done = Vec::new();
            while done.len() < pushed.len() {
                running.extend(begun(&mut queue, Timestamp(now)));
                for lane in LANES {
                    prop_assert!(running.iter().filter(|(name, _)| *name == lane).count() <= 2);
                }
                if running.is_empty() {
                    now = queue.wakes_at().expect("something is left").0;
                    continue;
                }
                let dice = usize::from(order.next().unwrap_or(1));
                let (lane, number) = running.swap_remove(dice % running.len());
                if dice % 3 == 0 && queue.give_back(&lane, number) == Returned::Waits {
                    continue;
                }
                queue.ended(&lane);
                done.push(number);
            }
            done.sort_unstable();
            prop_assert_eq!(done, (0..Number::try_from(pushed.len()).unwrap()).collect::<Vec<_>>());
            prop_assert_eq!(queue.len(), 0);
        }
    }
}
