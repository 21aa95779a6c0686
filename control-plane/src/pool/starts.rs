//! Turns at starting containers: so many at a time, fair among functions, and nobody waits behind an engine that hangs.

mod queue;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lambdock_domain::function::DeploymentId;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

pub(super) use queue::Need;
use queue::Queue;

/// Who takes turns with whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Environments of one deployment.
    Deployment(DeploymentId),
    /// Sandboxes that stand by.
    Standby,
}

/// The turns there are. Clones are the same.
#[derive(Clone)]
pub(super) struct Starts {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    queue: Queue<Lane, oneshot::Sender<Turn>>,
    /// When a turn was last taken or given back.
    moved: Instant,
}

/// A turn, given back when dropped.
pub(super) struct Turn {
    starts: Starts,
}

impl Starts {
    /// `parallel`: how many at a time.
    pub(super) fn new(parallel: usize) -> Self {
        let inner = Inner { queue: Queue::new(parallel), moved: Instant::now() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// A turn. However long the queue is, it is waited for while others' turns come and go; `None`: none did for as
    /// long as `patience`.
    pub(super) async fn turn(&self, lane: Lane, need: Need, patience: Duration) -> Option<Turn> {
        let asked = Instant::now();
        let (sender, turn) = oneshot::channel();
        self.inner().queue.wait(lane, need, sender);
        self.hand_out();
        let mut turn = pin!(turn);
        loop {
            let until = self.inner().moved.max(asked) + patience;
            tokio::select! {
                biased;
                turn = &mut turn => return turn.ok(),
                () = sleep_until(until) => if self.inner().moved.max(asked) + patience <= until {
                    return None;
                }
            }
        }
    }

    /// An invocation waits for an environment of the deployment that is to be made ahead.
    pub(super) fn hurry(&self, deployment: &DeploymentId) {
        self.inner().queue.hurry(&Lane::Deployment(deployment.clone()));
    }

    /// Whether there is a turn that nobody has and nobody waits for.
    pub(super) fn are_free(&self) -> bool {
        self.inner().queue.is_idle()
    }

    fn hand_out(&self) {
        loop {
            let next = {
                let mut inner = self.inner();
                let next = inner.queue.next(|waiter| !waiter.is_closed());
                if next.is_some() {
                    inner.moved = Instant::now();
                }
                next
            };
            let Some(waiter) = next else { return };
            // Whoever has left in this moment gives it back in leaving.
            drop(waiter.send(Turn { starts: self.clone() }));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The queue's steps do not panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut inner = self.starts.inner();
            inner.queue.give_back();
            inner.moved = Instant::now();
        }
        self.starts.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn lane(name: &str) -> Lane {
        Lane::Deployment(DeploymentId(name.to_owned()))
    }

    async fn turn(starts: &Starts, patience: Duration) -> Option<Turn> {
        starts.turn(lane("f"), Need::Now, patience).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_is_waited_for_as_long_as_it_moves() {
        let starts = Starts::new(2);
        let one = || async {
            let turn = turn(&starts, PATIENCE).await;
            sleep(Duration::from_secs(15)).await;
            turn.is_some()
        };
        let all = futures_util::future::join_all((0..20).map(|_| one())).await;
        assert!(all.iter().all(|had| *had));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_one_function_does_not_hold_up_another() {
        let starts = Starts::new(2);
        let since = Instant::now();
        let one = |name: &'static str| {
            let starts = &starts;
            async move {
                let _turn = starts.turn(lane(name), Need::Now, PATIENCE).await;
                sleep(Duration::from_secs(1)).await;
                since.elapsed()
            }
        };
        let burst = futures_util::future::join_all((0..20).map(|_| one("burst")));
        let (burst, other) = tokio::join!(burst, one("other"));
        assert_eq!(burst.into_iter().max(), Some(Duration::from_secs(11)));
        assert_eq!(other, Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_behind_starts_that_hang() {
        let starts = Starts::new(2);
        let since = Instant::now();
        let _hanging = (turn(&starts, PATIENCE).await, turn(&starts, PATIENCE).await);
        let late = async {
            sleep(Duration::from_secs(100)).await;
            turn(&starts, PATIENCE).await.is_none()
        };
        let (first, second, late) = tokio::join!(turn(&starts, PATIENCE), turn(&starts, PATIENCE), late);
        assert!(first.is_none() && second.is_none() && late);
        assert_eq!(since.elapsed(), Duration::from_secs(100) + PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_back_and_who_has_left_keeps_none() {
        let starts = Starts::new(1);
        let held = turn(&starts, PATIENCE).await.expect("it is free");
        assert!(turn(&starts, Duration::from_secs(1)).await.is_none());
        assert!(!starts.are_free());
        drop(held);
        assert!(starts.are_free());
        assert!(turn(&starts, Duration::ZERO).await.is_some());
    }
}
