//! Pure: whether memory is short where containers run, and which free environments end then.
//!
//! Free environments and sandboxes that stand by are only there to save time. When memory runs out the kernel would
//! take it from somebody who is at work.

use std::time::{Duration, Instant};

/// How often memory is looked at. What ended after one look is gone by the next.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// One that has been free for less than this is kept, or a client that calls again and again would never meet a warm
/// one on a machine whose memory is always short.
const FRESH: Duration = Duration::from_secs(5);

/// Nothing is started ahead until memory has not been short for so long.
const WARY: Duration = Duration::from_secs(30);

/// What was seen of the memory.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// When it was last short.
    short: Option<Instant>,
}

/// What follows from a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Memory is short now: free environments end.
    pub(super) is_short: bool,
    /// It is, or was until a moment ago: nothing is started that nobody needs yet.
    pub(super) is_tight: bool,
}

impl Pressure {
    /// `available` and `reserve` in MB: what is left, if that is known, and what is to be left. A reserve of 0 is
    /// never missed.
    pub(super) fn look(&mut self, available: Option<u64>, reserve: u64, now: Instant) -> Verdict {
        let is_short = available.is_some_and(|available| available < reserve);
        if is_short {
            self.short = Some(now);
        }
        let is_tight = self.short.is_some_and(|short| now.saturating_duration_since(short) < WARY);
        Verdict { is_short, is_tight }
    }
}

/// Of the free environments, given with the time since when they are, those that end when memory is short: the half
/// that has been free longest. If that is not enough the next look takes half of the rest.
pub(super) fn dispensable<K>(free: Vec<(Instant, K)>, now: Instant) -> Vec<K> {
    let mut rested: Vec<_> =
        free.into_iter().filter(|(since, _)| now.saturating_duration_since(*since) >= FRESH).collect();
    rested.sort_unstable_by_key(|(since, _)| *since);
    let half = rested.len().div_ceil(2);
    rested.into_iter().take(half).map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Verdict = Verdict { is_short: false, is_tight: false };

    #[test]
    fn memory_is_short_below_the_reserve_and_tight_for_a_while_after() {
        let (mut pressure, now) = (Pressure::default(), Instant::now());
        assert_eq!(pressure.look(Some(256), 256, now), CALM);
        assert_eq!(pressure.look(Some(255), 256, now), Verdict { is_short: true, is_tight: true });
        let later = now + WARY - Duration::from_millis(1);
        assert_eq!(pressure.look(Some(4000), 256, later), Verdict { is_short: false, is_tight: true });
        assert_eq!(pressure.look(Some(4000), 256, now + WARY), CALM);
    }

    #[test]
    fn memory_that_nobody_knows_and_a_reserve_of_zero_are_never_short() {
        let (mut pressure, now) = (Pressure::default(), Instant::now());
        assert_eq!(pressure.look(None, 256, now), CALM);
        assert_eq!(pressure.look(Some(0), 0, now), CALM);
    }

    #[test]
    fn the_half_that_has_been_free_longest_goes_first() {
        let start = Instant::now();
        let free = |seconds| start + Duration::from_secs(seconds);
        let now = free(100);
        let all = vec![(free(3), 'c'), (free(1), 'a'), (free(4), 'd'), (free(2), 'b'), (free(5), 'e')];
        assert_eq!(dispensable(all, now), ['a', 'b', 'c']);
        assert_eq!(dispensable(vec![(free(1), 'a')], now), ['a']);
    }

    #[test]
    fn one_that_was_at_work_a_moment_ago_is_kept() {
        let now = Instant::now() + FRESH;
        assert!(dispensable(vec![(now - FRESH / 2, 'a')], now).is_empty());
        assert_eq!(dispensable(vec![(now - FRESH / 2, 'a'), (now - FRESH, 'b')], now), ['b']);
    }
}
