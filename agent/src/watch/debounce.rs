//! Pure: when a burst of changes is over.

use std::time::{Duration, Instant};

/// Longest time that a steady stream of changes can put off its burst's end.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// Gathers changes into bursts. A burst ends when nothing has changed for a while; or when it has gone on for too
/// long, lest a build that never stops writing keeps old code running.
#[derive(Debug)]
pub(super) struct Debounce {
    quiet: Duration,
    longest: Duration,
    burst: Option<Burst>,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    first: Instant,
    last: Instant,
}

impl Debounce {
    /// A burst is over `quiet` after its last change. It is never longer than [`LONGEST`], unless `quiet` is.
    pub(super) fn new(quiet: Duration) -> Self {
        Self { quiet, longest: LONGEST.max(quiet), burst: None }
    }

    /// Something changed.
    pub(super) fn change(&mut self, now: Instant) {
        let first = self.burst.map_or(now, |burst| burst.first);
        self.burst = Some(Burst { first, last: now });
    }

    /// When the burst is over if nothing more happens; `None`: there is none.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.burst.map(|burst| (burst.last + self.quiet).min(burst.first + self.longest))
    }

    /// Whether a burst is over; says so once for each.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let over = self.deadline().is_some_and(|deadline| deadline <= now);
        if over {
            self.burst = None;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUIET: Duration = Duration::from_millis(500);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Times at which bursts end when changes come at `changes`, looked at every millisecond until `end`.
    fn ends(changes: &[u64], end: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut debounce = Debounce::new(QUIET);
        let mut ends = Vec::new();
        for now in 0..=end {
            for _ in changes.iter().filter(|at| **at == now) {
                debounce.change(start + ms(now));
            }
            if debounce.settle(start + ms(now)) {
                ends.push(now);
            }
        }
        ends
    }

    #[test]
    fn eight_writes_in_a_row_are_one_burst_that_ends_after_the_last() {
        let writes: Vec<u64> = (0..8).map(|write| write * 200).collect();
        assert_eq!(ends(&writes, 5000), [1400 + 500]);
    }

    #[test]
    fn what_changes_after_a_burst_begins_another() {
        assert_eq!(ends(&[0, 501], 5000), [500, 1001]);
        assert_eq!(ends(&[], 5000), [] as [u64; 0]);
    }

    #[test]
    fn a_steady_stream_is_cut_every_five_seconds() {
        let writes: Vec<u64> = (0..120).map(|write| write * 100).collect();
        assert_eq!(ends(&writes, 13_000), [5000, 10_100, 11_900 + 500]);
    }

    #[test]
    fn a_time_of_quiet_beyond_the_longest_burst_is_kept() {
        let start = Instant::now();
        let mut debounce = Debounce::new(ms(60_000));
        debounce.change(start);
        assert_eq!(debounce.deadline(), Some(start + ms(60_000)));
    }

    proptest! {
        #[test]
        fn no_change_is_without_an_end_and_no_end_without_a_change(
            mut changes in proptest::collection::vec(0u64..8000, 1..20)
        ) {
            changes.sort_unstable();
            let ends = ends(&changes, 20_000);
            let mut before = None;
            for end in &ends {
                let inside = |at: &&u64| **at <= *end && before.is_none_or(|before| **at > before);
                prop_assert!(changes.iter().any(|at| inside(&at)), "burst until {end} of {changes:?}");
                before = Some(*end);
            }
            prop_assert!(ends.last() > changes.last());
            for change in &changes {
                let end = ends.iter().find(|end| *end >= change).unwrap();
                prop_assert!(end - change <= 5000);
            }
        }
    }
}
