//! Pure: how many sandboxes of which image stand by.
//!
//! Each image that functions have used lately gets one, the image asked for last first, and one more for each cold
//! start of the last minutes that found none, as far as the capacity goes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::executor::ImageRequest;

/// A cold start that found no sandbox counts for so long.
const MEMORY: Duration = Duration::from_secs(300);

/// An image that nobody has asked for in this time is not expected any more.
const LATELY: Duration = Duration::from_secs(30 * 60);

/// Something to be done. `K` names sandboxes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<K> {
    /// Start a sandbox and say what has become of it.
    Start {
        key: K,
        image: ImageRequest,
        /// For a function of this size.
        memory_size_mb: u32,
    },
    /// End one that stands by. It is forgotten here.
    End(K),
}

#[derive(Debug)]
struct Shelf<K> {
    image: ImageRequest,
    /// What the engine had under that name when it was last looked up.
    image_id: Option<String>,
    /// When it was asked for last.
    expected: Instant,
    /// Of the function that was there last: most likely the next one is the same.
    memory_size_mb: u32,
    starting: Vec<K>,
    ready: Vec<K>,
    /// Of an image that has another one in its place now.
    stale: Vec<K>,
    /// When somebody found none.
    misses: VecDeque<Instant>,
    /// The last start failed; another is tried when the image is asked for again.
    failed: bool,
}

/// The shelves, the image asked for last in front.
#[derive(Debug)]
pub(super) struct Shelves<K> {
    capacity: usize,
    /// There are to be none for now.
    closed: bool,
    shelves: VecDeque<Shelf<K>>,
}

impl<K: Copy + Eq> Shelves<K> {
    /// `capacity`: how many sandboxes there are at most, over all images.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, closed: false, shelves: VecDeque::new() }
    }

    /// A function that uses the image has come, or is invoked in an environment of its own.
    /// `image_id`: what is under its name, if that is known.
    pub(super) fn expect(
        &mut self,
        image: &ImageRequest,
        image_id: Option<&str>,
        memory_size_mb: u32,
        now: Instant,
    ) {
        let known = self.shelves.iter().position(|shelf| shelf.image == *image);
        let mut shelf = known.and_then(|at| self.shelves.remove(at)).unwrap_or_else(|| Shelf {
            image: image.clone(),
            image_id: None,
            expected: now,
            memory_size_mb,
            starting: Vec::new(),
            ready: Vec::new(),
            stale: Vec::new(),
            misses: VecDeque::new(),
            failed: false,
        });
        shelf.memory_size_mb = memory_size_mb;
        shelf.expected = now;
        if let Some(id) = image_id {
            if shelf.image_id.as_deref().is_some_and(|before| before != id) {
                // Those that are starting may be of either.
                shelf.stale.append(&mut shelf.ready);
                shelf.stale.append(&mut shelf.starting);
            }
            shelf.image_id = Some(id.to_owned());
        }
        shelf.failed = false;
        self.shelves.push_front(shelf);
    }

    /// Those there are, and those that are being started, are of no use any more; others take their places.
    pub(super) fn renew(&mut self) {
        for shelf in &mut self.shelves {
            shelf.stale.append(&mut shelf.ready);
            shelf.stale.append(&mut shelf.starting);
            shelf.failed = false;
        }
    }

    /// While they are closed there are none.
    pub(super) fn set_closed(&mut self, closed: bool) {
        self.closed = closed;
    }

    /// The image that was expected last.
    pub(super) fn last_expected(&self) -> Option<&ImageRequest> {
        self.shelves.front().map(|shelf| &shelf.image)
    }

    /// Takes a sandbox of the image, if there is one.
    pub(super) fn take(&mut self, image: &ImageRequest, now: Instant) -> Option<K> {
        let shelf = self.shelves.iter_mut().find(|shelf| shelf.image == *image)?;
        let taken = shelf.ready.pop();
        if taken.is_none() && shelf.misses.len() < self.capacity {
            shelf.misses.push_back(now);
        }
        taken
    }

    /// A sandbox that is of no use any more, if there is one.
    pub(super) fn surplus(&mut self, now: Instant) -> Option<K> {
        for shelf in &mut self.shelves {
            shelf.misses.retain(|missed| now.saturating_duration_since(*missed) < MEMORY);
        }
        let wanted = self.wanted(now);
        for (shelf, wanted) in self.shelves.iter_mut().zip(&wanted) {
            if let Some(key) = shelf.stale.pop() {
                return Some(key);
            }
            if shelf.ready.len() + shelf.starting.len() > *wanted
                && let Some(key) = shelf.ready.pop()
            {
                return Some(key);
            }
        }
        None
    }

    /// What to do next; nothing: all is as it should be. The name of a new sandbox is `fresh`.
    pub(super) fn next(&mut self, fresh: impl FnOnce() -> K, now: Instant) -> Option<Step<K>> {
        if let Some(key) = self.surplus(now) {
            return Some(Step::End(key));
        }
        let wanted = self.wanted(now);
        // Nothing is wanted of the images at the end.
        let used = wanted.iter().rposition(|wanted| *wanted > 0).map_or(0, |last| last + 1);
        if !self.closed {
            self.shelves.truncate(used.max(1));
        }
        let missing = |(shelf, wanted): &(&mut Shelf<K>, &usize)| {
            shelf.ready.len() + shelf.starting.len() < **wanted && !shelf.failed
        };
        let (shelf, _) = self.shelves.iter_mut().zip(&wanted).find(missing)?;
        let key = fresh();
        shelf.starting.push(key);
        Some(Step::Start { key, image: shelf.image.clone(), memory_size_mb: shelf.memory_size_mb })
    }

    /// How many of each image.
    fn wanted(&self, now: Instant) -> Vec<usize> {
        let mut left = if self.closed { 0 } else { self.capacity };
        let mut wanted = Vec::with_capacity(self.shelves.len());
        for shelf in &self.shelves {
            let lately = now.saturating_duration_since(shelf.expected) < LATELY;
            let one = if lately { left.min(1) } else { 0 };
            left -= one;
            wanted.push(one);
        }
        for (shelf, wanted) in self.shelves.iter().zip(&mut wanted) {
            let more = left.min(shelf.misses.len().saturating_sub(1));
            left -= more;
            *wanted += more;
        }
        wanted
    }

    /// A start has ended.
    pub(super) fn started(&mut self, key: K, well: bool) {
        let started_here = |shelf: &&mut Shelf<K>| shelf.starting.contains(&key);
        let Some(shelf) = self.shelves.iter_mut().find(started_here) else { return };
        shelf.starting.retain(|starting| *starting != key);
        if well {
            shelf.ready.push(key);
        } else {
            shelf.failed = true;
        }
    }

    #[cfg(test)]
    pub(super) fn has_failed(&self) -> bool {
        self.shelves.iter().any(|shelf| shelf.failed)
    }

    /// One that stood by has ended by itself.
    pub(super) fn lost(&mut self, key: K) {
        for shelf in &mut self.shelves {
            shelf.ready.retain(|ready| *ready != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use lambdock_domain::Architecture;
    use proptest::prelude::*;

    use super::*;

    fn image(name: &str) -> ImageRequest {
        ImageRequest { reference: name.to_owned(), architecture: Architecture::X86_64 }
    }

    /// Does what is to be done until there is nothing, and tells in short what that was.
    fn settle(shelves: &mut Shelves<u32>, names: &Cell<u32>, now: Instant) -> Vec<String> {
        let mut told = Vec::new();
        let fresh = || names.replace(names.get() + 1);
        while let Some(step) = shelves.next(fresh, now) {
            match step {
                Step::Start { key, image, memory_size_mb } => {
                    told.push(format!("+{}/{memory_size_mb}", image.reference));
                    shelves.started(key, true);
                }
                Step::End(key) => told.push(format!("-{key}")),
            }
        }
        told
    }

    #[test]
    fn each_image_has_one_and_the_last_ones_go_first() {
        let (mut shelves, names, now) = (Shelves::new(2), Cell::new(0), Instant::now());
        shelves.expect(&image("a"), None, 128, now);
        shelves.expect(&image("b"), None, 512, now);
        assert_eq!(settle(&mut shelves, &names, now), ["+b/512", "+a/128"]);
        shelves.expect(&image("c"), None, 128, now);
        assert_eq!(settle(&mut shelves, &names, now), ["-1", "+c/128"], "the one of a");
        assert_eq!(shelves.take(&image("a"), now), None);
        assert_eq!(shelves.take(&image("b"), now), Some(0));
        assert_eq!(settle(&mut shelves, &names, now), ["+b/512"]);
    }

    #[test]
    fn who_finds_none_makes_room_for_more_for_a_while() {
        let (mut shelves, names, now) = (Shelves::new(3), Cell::new(0), Instant::now());
        for _ in 0..5 {
            shelves.expect(&image("a"), None, 128, now);
            assert_eq!(shelves.take(&image("a"), now), None);
        }
        assert_eq!(settle(&mut shelves, &names, now).len(), 3);
        assert_eq!(settle(&mut shelves, &names, now + MEMORY), ["-2", "-1"]);
    }

    #[test]
    fn what_could_not_be_started_is_tried_again_when_somebody_asks() {
        let (mut shelves, now) = (Shelves::new(2), Instant::now());
        shelves.expect(&image("a"), None, 128, now);
        assert!(matches!(shelves.next(|| 1, now), Some(Step::Start { key: 1, .. })));
        shelves.started(1, false);
        assert_eq!(shelves.next(|| 2, now), None);
        shelves.expect(&image("a"), None, 128, now);
        assert!(shelves.next(|| 3, now).is_some());
    }

    #[test]
    fn what_ended_by_itself_is_replaced() {
        let (mut shelves, names, now) = (Shelves::new(1), Cell::new(7), Instant::now());
        shelves.expect(&image("a"), None, 128, now);
        settle(&mut shelves, &names, now);
        shelves.lost(7);
        assert_eq!(settle(&mut shelves, &names, now), ["+a/128"]);
    }

    #[test]
    fn an_image_that_was_replaced_has_new_ones() {
        let (mut shelves, names, now) = (Shelves::new(1), Cell::new(0), Instant::now());
        shelves.expect(&image("a"), Some("old"), 128, now);
        settle(&mut shelves, &names, now);
        shelves.expect(&image("a"), Some("old"), 128, now);
        assert!(settle(&mut shelves, &names, now).is_empty());
        shelves.expect(&image("a"), Some("new"), 128, now);
        assert_eq!(shelves.take(&image("a"), now), None);
        assert_eq!(settle(&mut shelves, &names, now), ["-0", "+a/128"]);
    }

    #[test]
    fn what_nobody_asks_for_any_more_ends() {
        let (mut shelves, names, now) = (Shelves::new(2), Cell::new(0), Instant::now());
        shelves.expect(&image("a"), None, 128, now);
        settle(&mut shelves, &names, now);
        assert_eq!(settle(&mut shelves, &names, now + LATELY), ["-0"]);
    }

    #[test]
    fn there_are_none_while_they_are_closed_and_the_same_again_after() {
        let (mut shelves, names, now) = (Shelves::new(2), Cell::new(0), Instant::now());
        shelves.expect(&image("a"), None, 128, now);
        shelves.expect(&image("b"), None, 128, now);
        settle(&mut shelves, &names, now);
        shelves.set_closed(true);
        assert_eq!(settle(&mut shelves, &names, now), ["-0", "-1"]);
        shelves.expect(&image("b"), None, 128, now);
        assert!(settle(&mut shelves, &names, now).is_empty());
        shelves.set_closed(false);
        assert_eq!(settle(&mut shelves, &names, now), ["+b/128", "+a/128"]);
    }

    #[test]
    fn without_capacity_there_are_none() {
        let (mut shelves, now) = (Shelves::new(0), Instant::now());
        shelves.expect(&image("a"), None, 128, now);
        assert_eq!(shelves.take(&image("a"), now), None);
        assert_eq!(shelves.next(|| 1, now), None);
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_the_capacity_when_all_is_done(
            capacity in 0_usize..6,
            steps in proptest::collection::vec((0_usize..4, 0_usize..3, 0_u64..200), 0..60),
        ) {
            let mut shelves = Shelves::new(capacity);
            let names = Cell::new(0);
            let mut now = Instant::now();
            for (which, what, later) in steps {
                now += Duration::from_secs(later);
                let image = image(["a", "b", "c", "d"][which]);
                match what {
                    0 => shelves.expect(&image, None, 128, now),
                    1 => {
                        shelves.expect(&image, None, 256, now);
                        shelves.take(&image, now);
                    }
                    _ => {
                        settle(&mut shelves, &names, now);
                        let there: usize = shelves.shelves.iter().map(|shelf| shelf.ready.len()).sum();
                        prop_assert!(there <= capacity);
                    }
                }
            }
        }
    }
}
