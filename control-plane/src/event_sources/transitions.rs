//! Creating, updating, deleting: what becomes of mappings after the request that asked for it.

use std::time::Duration;

use lambdock_domain::event_source_mapping::Settled;
use lambdock_domain::{EventSourceMapping, Scope};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error, info_span};

use crate::api::now;
use crate::store::{self, Store};

/// Ends transitions in the background. Clones are the same.
#[derive(Clone)]
pub struct Transitions {
    store: Store,
    /// The least time that a transition takes: `LAMBDOCK_UPDATE_MS`.
    least: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Transitions {
    /// Transitions of the mappings in `store`.
    pub fn new(store: Store, least: Duration) -> Self {
        Self { store, least, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Ends the transition of a mapping, if it is in one. It admits no other until then.
    pub fn settle(&self, mapping: &EventSourceMapping) {
        if !mapping.state.is_settled() {
            self.begin(mapping.scope.clone(), mapping.uuid.clone());
        }
    }

    fn begin(&self, scope: Scope, uuid: String) {
        let (store, least, stop) = (self.store.clone(), self.least, self.stop.clone());
        let span = info_span!(parent: None, "mapping", mapping.id = %uuid);
        let settling = async move {
            // What is left in transition is taken up by the next process.
            if stop.run_until_cancelled(sleep(least)).await.is_none() {
                return;
            }
            match settle(&store, scope, uuid).await {
                Ok(()) => {}
                Err(store::Error::Closed) => {}
                Err(error) => {
                    error!(%error, "its transition cannot be ended; that is tried at the next start")
                }
            }
        };
        self.tasks.spawn(settling.instrument(span));
    }

    /// Takes up, after a start, what the last process did not finish.
    ///
    /// # Errors
    /// The store failed.
    pub async fn resume(&self) -> Result<(), store::Error> {
        for (scope, uuid) in self.store.unsettled_event_source_mappings().await? {
            self.begin(scope, uuid);
        }
        Ok(())
    }

    /// Begins nothing any more, and waits for what is being written.
    pub async fn stopped(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn settle(store: &Store, scope: Scope, uuid: String) -> Result<(), store::Error> {
    store
        .transact(move |resources| {
            let Some(mut mapping) = resources.event_source_mapping(&scope, &uuid)? else { return Ok(()) };
            match mapping.settle(now()) {
                Settled::Stays => resources.put_event_source_mapping(&mapping)?,
                Settled::Gone => resources.remove_event_source_mapping(&scope, &uuid)?,
            }
            debug!(state = mapping.state.as_str(), "settled");
            Ok(())
        })
        .await
}
