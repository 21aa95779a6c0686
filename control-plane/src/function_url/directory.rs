//! Which function a URL is of, in memory: requests do not touch the store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use lambdock_domain::FunctionId;
use lambdock_domain::concurrency::Share;
use lambdock_domain::function_url::FunctionUrl;
use lambdock_domain::policy::Policy;

use super::host::Address;
use crate::store::{self, Attached, Observer, Store};

/// What a URL leads to.
#[derive(Debug, Clone)]
pub struct Target {
    /// The function.
    pub function: FunctionId,
    /// `$LATEST` or an alias.
    pub qualifier: String,
    /// The URL's configuration.
    pub url: FunctionUrl,
    /// Who may call what the URL leads to.
    pub policy: Option<Policy>,
}

/// What has become of looking for a URL.
#[derive(Debug, Clone)]
pub enum Found {
    /// It is there.
    Target(Arc<Target>),
    /// It was there and is not any more.
    Gone,
    /// Nobody knows it.
    Unknown,
}

/// Region and id.
type Key = (String, String);

/// URLs that have been called.
///
/// The store tells of every change while it holds its lock, and what is remembered here was read under the same lock.
#[derive(Debug, Default)]
pub struct Directory {
    entries: RwLock<HashMap<Key, Arc<Target>>>,
}

/// URLs that are remembered.
const REMEMBERED: usize = 10_000;

impl Observer for Directory {
    fn changed(&self, id: &FunctionId) {
        self.entries_mut().retain(|_, target| target.function != *id);
    }

    fn concurrency(&self, _: &Share) {}
}

impl Directory {
    /// What the URL at `address` leads to now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find(self: &Arc<Self>, store: &Store, address: &Address) -> Result<Found, store::Error> {
        let key: Key = (address.region.clone(), address.id.clone());
        if let Some(target) = self.entries().get(&key) {
            return Ok(Found::Target(Arc::clone(target)));
        }
        let directory = Arc::clone(self);
        store
            .transact(move |resources| {
                let all = resources.attached_by::<FunctionUrl>(&key.1)?;
                let url = all.into_iter().find(|url| url.function.scope.region == key.0);
                let Some(Attached { function, qualifier, value: url }) = url else {
                    let was_there = resources.was_url(&key.0, &key.1)?;
                    return Ok(if was_there { Found::Gone } else { Found::Unknown });
                };
                let policy = resources.attached::<Policy>(&function, &qualifier)?;
                let target = Arc::new(Target { function, qualifier, url, policy });
                let mut entries = directory.entries_mut();
                if entries.len() >= REMEMBERED {
                    entries.clear();
                }
                entries.insert(key, Arc::clone(&target));
                Ok(Found::Target(target))
            })
            .await
    }

    fn entries(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Key, Arc<Target>>> {
        // Entries are put in and replaced whole, here and below.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries_mut(&self) -> RwLockWriteGuard<'_, HashMap<Key, Arc<Target>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}
