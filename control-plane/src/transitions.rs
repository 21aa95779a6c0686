//! Creating, updating, deleting: what becomes of resources after the request that asked for it.

use std::time::Duration;

use lambdock_domain::{CapacityProvider, EventSourceMapping, Scope, capacity_provider, event_source_mapping};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error, info_span};

use crate::ambient::now;
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

/// What is in transition.
enum Subject {
    /// By its UUID.
    Mapping(String),
    /// By its name.
    CapacityProvider(String),
}

impl Transitions {
    /// Transitions of the resources in `store`.
    pub fn new(store: Store, least: Duration) -> Self {
        Self { store, least, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Ends the transition of a mapping, if it is in one. It admits no other until then.
    pub fn mapping(&self, mapping: &EventSourceMapping) {
        if !mapping.state.is_settled() {
            self.settle(mapping.scope.clone(), Subject::Mapping(mapping.uuid.clone()));
        }
    }

    /// The same for a capacity provider.
    pub fn capacity_provider(&self, provider: &CapacityProvider) {
        if !provider.state.is_settled() {
            self.settle(provider.scope.clone(), Subject::CapacityProvider(provider.name.clone()));
        }
    }

    /// Takes up, after a start, what the last process did not finish.
    ///
    /// # Errors
    /// The store failed.
    pub async fn resume(&self) -> Result<(), store::Error> {
        for (scope, uuid) in self.store.unsettled_event_source_mappings().await? {
            self.settle(scope, Subject::Mapping(uuid));
        }
        for (scope, name) in self.store.unsettled_capacity_providers().await? {
            self.settle(scope, Subject::CapacityProvider(name));
        }
        Ok(())
    }

    /// Begins nothing any more, and waits for what is being written.
    pub async fn stopped(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn settle(&self, scope: Scope, subject: Subject) {
        let (store, least, stop) = (self.store.clone(), self.least, self.stop.clone());
        let span = match &subject {
            Subject::Mapping(uuid) => info_span!(parent: None, "mapping", mapping.id = %uuid),
            Subject::CapacityProvider(name) => {
                info_span!(parent: None, "capacity provider", provider.name = %name)
            }
        };
        let settling = async move {
            // What is left in transition is taken up by the next process.
            if stop.run_until_cancelled(sleep(least)).await.is_none() {
                return;
            }
            match settle(&store, scope, subject).await {
                Ok(()) | Err(store::Error::Closed) => {}
                Err(error) => {
                    error!(%error, "its transition cannot be ended; that is tried at the next start")
                }
            }
        };
        self.tasks.spawn(settling.instrument(span));
    }
}

async fn settle(store: &Store, scope: Scope, subject: Subject) -> Result<(), store::Error> {
    store
        .transact(move |resources| {
            match subject {
                Subject::Mapping(uuid) => {
                    let Some(mut mapping) = resources.event_source_mapping(&scope, &uuid)? else {
                        return Ok(());
                    };
                    match mapping.settle(now()) {
                        event_source_mapping::Settled::Stays => {
                            resources.put_event_source_mapping(&mapping)?
                        }
                        event_source_mapping::Settled::Gone => {
                            resources.remove_event_source_mapping(&scope, &uuid)?;
                        }
                    }
                    debug!(state = mapping.state.as_str(), "settled");
                }
                Subject::CapacityProvider(name) => {
                    let Some(mut provider) = resources.capacity_provider(&scope, &name)? else {
                        return Ok(());
                    };
                    match provider.settle(now()) {
                        capacity_provider::Settled::Stays => resources.put_capacity_provider(&provider)?,
                        capacity_provider::Settled::Gone => {
                            resources.remove_capacity_provider(&scope, &name)?;
                        }
                    }
                    debug!(state = provider.state.as_str(), "settled");
                }
            }
            Ok(())
        })
        .await
}
