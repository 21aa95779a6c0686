//! Turns at starting containers: so many at a time, and nobody waits behind an engine that hangs.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// The turns there are.
pub(super) struct Starts {
    turns: Semaphore,
    /// When a turn was last taken or given back.
    moved: Mutex<Instant>,
}

/// A turn, given back when dropped.
pub(super) struct Turn<'a> {
    starts: &'a Starts,
    _permit: SemaphorePermit<'a>,
}

impl Starts {
    /// `parallel`: how many at a time.
    pub(super) fn new(parallel: usize) -> Self {
        Self { turns: Semaphore::new(parallel), moved: Mutex::new(Instant::now()) }
    }

    /// A turn, in the order of asking. However long the queue is, it is waited for while others' turns come and go;
    /// `None`: none did for as long as `patience`.
    pub(super) async fn turn(&self, patience: Duration) -> Option<Turn<'_>> {
        let asked = Instant::now();
        let mut turn = pin!(self.turns.acquire());
        loop {
            let until = self.moved().max(asked) + patience;
            tokio::select! {
                biased;
                permit = &mut turn => {
                    // The semaphore is never closed.
                    let permit = permit.ok()?;
                    self.moves();
                    return Some(Turn { starts: self, _permit: permit });
                }
                () = sleep_until(until) => if self.moved().max(asked) + patience <= until {
                    return None;
                }
            }
        }
    }

    /// Whether there is a turn that nobody has and nobody waits for.
    pub(super) fn are_free(&self) -> bool {
        self.turns.available_permits() > 0
    }

    fn moved(&self) -> Instant {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moves(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.starts.moves();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_is_waited_for_as_long_as_it_moves() {
        let starts = Starts::new(2);
        let one = || async {
            let turn = starts.turn(PATIENCE).await;
            sleep(Duration::from_secs(15)).await;
            turn.is_some()
        };
        let all = futures_util::future::join_all((0..20).map(|_| one())).await;
        assert!(all.iter().all(|had| *had));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_behind_starts_that_hang() {
        let starts = Starts::new(2);
        let since = Instant::now();
        let _hanging = (starts.turn(PATIENCE).await, starts.turn(PATIENCE).await);
        let late = async {
            sleep(Duration::from_secs(100)).await;
            starts.turn(PATIENCE).await.is_none()
        };
        let (first, second, late) = tokio::join!(starts.turn(PATIENCE), starts.turn(PATIENCE), late);
        assert!(first.is_none() && second.is_none() && late);
        assert_eq!(since.elapsed(), Duration::from_secs(100) + PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_back() {
        let starts = Starts::new(1);
        drop(starts.turn(PATIENCE).await.expect("it is free"));
        assert!(starts.turn(Duration::ZERO).await.is_some());
    }
}
