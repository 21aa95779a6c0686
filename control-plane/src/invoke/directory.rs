//! What serves each function, in memory: invocations look here and never into the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lambdock_domain::alias::Target;
use lambdock_domain::concurrency::Share;
use lambdock_domain::function::Serving;
use lambdock_domain::{Alias, FunctionId, Qualifier};

use tokio::sync::Notify;

use super::concurrency::Concurrency;
use super::{LATEST, LATEST_PUBLISHED};
use crate::pool::Deployment;
use crate::store::{self, FunctionView, Observer, Store};

/// Why a function cannot be invoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of that name, or no such version or alias.
    #[error("no such function")]
    Missing,
    /// Its state does not allow it.
    #[error(transparent)]
    Refused(#[from] lambdock_domain::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a qualifier names.
#[derive(Clone)]
enum Entry {
    Version(Arc<Deployment>),
    Alias(Arc<Alias>),
}

/// By qualifier; `$LATEST` for none.
type Entries = HashMap<String, Entry>;

/// Deployments and aliases of functions that have been invoked and not changed since.
///
/// The store tells of every change while it holds its lock, and what is remembered here was read under the same
/// lock: an old deployment is never remembered after a new one was written.
pub struct Directory {
    functions: RwLock<HashMap<FunctionId, Entries>>,
    concurrency: Concurrency,
    changed: Changed,
}

impl Observer for Directory {
    fn changed(&self, id: &FunctionId) {
        self.functions.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.changed.add(id);
    }

    fn concurrency(&self, share: &Share) {
        self.concurrency.keep(share);
    }
}

/// Functions that have changed, until somebody asks for them.
#[derive(Default)]
struct Changed {
    functions: Mutex<HashSet<FunctionId>>,
    some: Notify,
}

impl Changed {
    fn add(&self, id: &FunctionId) {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        self.some.notify_one();
    }
}

impl Directory {
    /// A directory for accounts that may run `limit` executions at the same time.
    pub fn new(limit: u32) -> Self {
        Self {
            functions: RwLock::default(),
            concurrency: Concurrency::new(limit),
            changed: Changed::default(),
        }
    }

    /// How many executions run and may run.
    pub fn executions(&self) -> &Concurrency {
        &self.concurrency
    }

    /// Forgets what serves functions: what they are deployed with has changed.
    pub fn forget_deployments(&self) {
        self.functions.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Functions that have changed since the last call, as soon as there are any. For one caller at a time.
    pub async fn changed_functions(&self) -> HashSet<FunctionId> {
        loop {
            let changed =
                std::mem::take(&mut *self.changed.functions.lock().unwrap_or_else(PoisonError::into_inner));
            if !changed.is_empty() {
                return changed;
            }
            self.changed.some.notified().await;
        }
    }

    /// What one invocation of the function under `qualifier` runs, if it is invoked under one; `dice`, from 0 to 1, decides where an alias names
    /// two versions. `deploy` makes a deployment of a version that was not remembered.
    ///
    /// # Errors
    /// The function, version or alias is missing or cannot be invoked now.
    pub async fn find<F>(
        self: &Arc<Self>,
        store: &Store,
        id: &FunctionId,
        qualifier: Option<&str>,
        dice: f64,
        deploy: F,
    ) -> Result<Arc<Deployment>, Error>
    where
        F: FnOnce(&FunctionId, &str, &Serving) -> Result<Deployment, lambdock_domain::Error> + Send + 'static,
    {
        if let Some(deployment) = self.remembered(id, qualifier, dice) {
            return Ok(deployment);
        }
        let (directory, of, qualifier) = (Arc::clone(self), id.clone(), qualifier.map(str::to_owned));
        store
            .read(id, move |view| {
                let (alias, target) = target(view, qualifier.as_deref(), dice)?;
                let (version, serving) = serving(view, target)?;
                let deployment = Arc::new(deploy(&of, &version, &serving)?);
                let mut functions = directory.functions.write().unwrap_or_else(PoisonError::into_inner);
                let entries = functions.entry(of).or_default();
                entries.insert(version, Entry::Version(Arc::clone(&deployment)));
                if let Some(alias) = alias {
                    entries.insert(alias.name.clone(), Entry::Alias(Arc::new(alias)));
                }
                Ok(deployment)
            })
            .await
    }

    fn remembered(&self, id: &FunctionId, qualifier: Option<&str>, dice: f64) -> Option<Arc<Deployment>> {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        let entries = functions.get(id)?;
        let named = match qualifier {
            Some(qualifier) => entries.get(qualifier)?,
            // Functions that have the first never run the second.
            None => entries.get(LATEST_PUBLISHED).or_else(|| entries.get(LATEST))?,
        };
        let entry = match named {
            Entry::Alias(alias) => entries.get(&alias.pick(dice).to_string())?,
            version @ Entry::Version(_) => version,
        };
        match entry {
            Entry::Version(deployment) => Some(Arc::clone(deployment)),
            // Versions have other names than aliases.
            Entry::Alias(_) => None,
        }
    }
}

/// The version that `qualifier` leads to, and the alias if it is one. None leads to `$LATEST.PUBLISHED` where there is
/// one. As LocalStack has it.
fn target(
    view: &FunctionView<'_>,
    qualifier: Option<&str>,
    dice: f64,
) -> Result<(Option<Alias>, Target), Error> {
    let Some(qualifier) = qualifier else {
        let published = view.has(Target::LatestPublished)?;
        return Ok((None, if published { Target::LatestPublished } else { Target::Latest }));
    };
    match Qualifier::parse(qualifier) {
        Qualifier::Latest => Ok((None, Target::Latest)),
        Qualifier::Number(number) => Ok((None, Target::Number(number))),
        Qualifier::Alias(name) => {
            let alias = view.alias(&name)?.ok_or(Error::Missing)?;
            let target = alias.pick(dice);
            Ok((Some(alias), target))
        }
        Qualifier::LatestPublished => Ok((None, Target::LatestPublished)),
        Qualifier::Nothing(_) => Err(Error::Missing),
    }
}

/// The name of a version and what it runs.
fn serving(view: &FunctionView<'_>, target: Target) -> Result<(String, Serving), Error> {
    let serving = match target.published() {
        None => {
            let function = view.function()?.ok_or(Error::Missing)?;
            function.serving(view.has(Target::LatestPublished)?)?.clone()
        }
        Some(name) => view.version(name)?.ok_or(Error::Missing)?.serving()?,
    };
    Ok((target.to_string(), serving))
}
