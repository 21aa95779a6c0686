//! What has begun is brought to its end, whoever leaves meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A future that goes on by itself when it is dropped before its end. Its output is then lost.
///
/// A task from the beginning would do as well, but would cost every request a way from one thread to another.
pub(super) struct ToTheEnd<F: Future<Output: Send> + Send + 'static> {
    /// Taken at its end.
    future: Option<Pin<Box<F>>>,
    tasks: TaskTracker,
}

impl<F: Future<Output: Send> + Send + 'static> ToTheEnd<F> {
    /// `tasks`: where it goes on.
    pub(super) fn new(future: F, tasks: TaskTracker) -> Self {
        Self { future: Some(Box::pin(future)), tasks }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for ToTheEnd<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        let output = ready!(future.as_mut().poll(context));
        self.future = None;
        Poll::Ready(output)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for ToTheEnd<F> {
    fn drop(&mut self) {
        // Outside of a runtime the process is ending.
        if let (Some(future), Ok(runtime)) = (self.future.take(), Handle::try_current()) {
            self.tasks.spawn_on(future, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_dropped_midway_goes_on() {
        let (tasks, (proceed, awaited), (done, ended)) =
            (TaskTracker::new(), oneshot::channel::<()>(), oneshot::channel());
        let mut future = ToTheEnd::new(
            async move {
                awaited.await.unwrap();
                done.send("done").unwrap();
            },
            tasks.clone(),
        );
        assert!(futures_util::poll!(&mut future).is_pending());
        drop(future);
        proceed.send(()).unwrap();
        assert_eq!(ended.await, Ok("done"));
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn what_has_ended_is_not_run_again() {
        let tasks = TaskTracker::new();
        assert_eq!(ToTheEnd::new(async { 1 }, tasks.clone()).await, 1);
        assert!(tasks.is_empty());
    }
}
