//! What serves each function, in memory: invocations look here and never into the store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use lambdock_domain::{Function, FunctionId};

use crate::pool::Deployment;
use crate::store::{self, Observer, Store};

/// Why a function cannot be invoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of that name.
    #[error("no such function")]
    Missing,
    /// Its state does not allow it.
    #[error(transparent)]
    Refused(#[from] lambdock_domain::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Deployments of functions that have been invoked and not changed since.
///
/// The store tells of every change while it holds its lock, and what is remembered here was read under the same
/// lock: an old deployment is never remembered after a new one was written.
#[derive(Default)]
pub struct Directory {
    deployments: RwLock<HashMap<FunctionId, Arc<Deployment>>>,
}

impl Observer for Directory {
    fn changed(&self, id: &FunctionId) {
        self.deployments.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Directory {
    /// What invocations of the function run. `deploy` makes it of a function that was not remembered.
    ///
    /// # Errors
    /// The function is missing or cannot be invoked now.
    pub async fn find(
        self: &Arc<Self>,
        store: &Store,
        id: &FunctionId,
        deploy: impl FnOnce(&Function) -> Result<Deployment, lambdock_domain::Error> + Send + 'static,
    ) -> Result<Arc<Deployment>, Error> {
        if let Some(deployment) = self.deployments.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(deployment));
        }
        let directory = Arc::clone(self);
        store
            .read_function(id, move |function| {
                let function = function.ok_or(Error::Missing)?;
                let deployment = Arc::new(deploy(&function)?);
                let mut deployments = directory.deployments.write().unwrap_or_else(PoisonError::into_inner);
                deployments.insert(function.id, Arc::clone(&deployment));
                Ok(deployment)
            })
            .await?
    }
}
