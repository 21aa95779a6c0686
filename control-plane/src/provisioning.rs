//! Provisioned concurrency: keeps as many environments ready as configurations ask for, whatever happens to
//! functions, versions and aliases.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use lambdock_domain::alias::Target;
use lambdock_domain::concurrency::Provisioned;
use lambdock_domain::function::DeploymentId;
use lambdock_domain::{FunctionId, Qualifier, VersionName};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::ambient::new_id;
use crate::invoke::{self, Directory, Invoker};
use crate::pool::{Order, Pool, Provision};
use crate::store::{self, Resources, Store};

/// Turns configurations into orders to the pool.
pub struct Provisioning {
    store: Store,
    directory: Arc<Directory>,
    invoker: Arc<Invoker>,
    pool: Pool,
    /// What has been ordered.
    ordered: HashMap<FunctionId, HashSet<DeploymentId>>,
    /// Functions with orders of which it is to be told how they end.
    unsettled: HashSet<FunctionId>,
}

/// So many environments for a published version.
struct Wish {
    /// Of the configuration.
    qualifier: String,
    version: u64,
    config: Provisioned,
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is being worked on.
    Under,
    /// All environments are ready.
    Ready,
    /// One cannot be made ready.
    Failed,
}

/// How often it is looked at orders that are worked on.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Provisioning {
    /// Nothing is ordered yet.
    pub fn new(store: Store, directory: Arc<Directory>, invoker: Arc<Invoker>, pool: Pool) -> Self {
        Self { store, directory, invoker, pool, ordered: HashMap::new(), unsettled: HashSet::new() }
    }

    /// Looks at every function that changes, for ever.
    pub async fn run(mut self) {
        loop {
            let changed = tokio::select! {
                changed = self.directory.changed_functions() => changed,
                () = sleep(LOOK_EVERY), if !self.unsettled.is_empty() => std::mem::take(&mut self.unsettled),
            };
            for id in changed {
                if let Err(error) = self.reconcile(&id).await {
                    warn!(function.arn = %id.arn(), %error, "cannot tell what is to be provisioned");
                }
            }
        }
    }

    async fn reconcile(&mut self, id: &FunctionId) -> Result<(), store::Error> {
        let of = id.clone();
        let wishes = self.store.transact(move |resources| wishes(resources, &of)).await?;
        let mut ordered = HashSet::new();
        self.unsettled.remove(id);
        for wish in wishes {
            let order = order(&wish.config);
            let deployment = self.provision(id, wish.version, order).await;
            let progress = deployment.as_ref().map_or(Progress::Under, |deployment| {
                progress(self.pool.provisioned(deployment), order, wish.config.requested)
            });
            ordered.extend(deployment);
            if wish.config.settled {
                continue;
            }
            if progress != Progress::Under {
                self.settle(id, wish, progress).await?;
                continue;
            }
            self.unsettled.insert(id.clone());
            if let Some(before) = wish.config.moves_from {
                ordered.extend(self.provision(id, before, order).await);
            }
        }
        let before = self.ordered.remove(id).unwrap_or_default();
        for deployment in before.difference(&ordered) {
            self.pool.unprovision(deployment);
        }
        if !ordered.is_empty() {
            self.ordered.insert(id.clone(), ordered);
        }
        Ok(())
    }

    /// Orders environments of a version, if it can be had.
    async fn provision(&self, id: &FunctionId, version: u64, order: Order) -> Option<DeploymentId> {
        match self.invoker.find(id, Some(&version.to_string())).await {
            Ok(deployment) => {
                self.pool.provision(&deployment, order);
                Some(deployment.id.clone())
            }
            // The version changes again when it is Active, or gone.
            Err(error @ (invoke::Error::Missing | invoke::Error::Refused(_))) => {
                debug!(function.arn = %id.arn(), version, %error, "not provisioned yet");
                None
            }
            Err(error) => {
                warn!(function.arn = %id.arn(), version, %error, "cannot be provisioned");
                None
            }
        }
    }

    /// Notes how an order has ended. A version that is ready has a new revision. [AWS: recorded]
    async fn settle(&self, id: &FunctionId, wish: Wish, progress: Progress) -> Result<(), store::Error> {
        let id = id.clone();
        self.store
            .transact(move |resources| {
                let Some(config) = resources.attached::<Provisioned>(&id, &wish.qualifier)? else {
                    return Ok(());
                };
                if config != wish.config {
                    return Ok(());
                }
                let name = VersionName::Number(wish.version);
                if let (Progress::Ready, Some(mut version)) = (progress, resources.view(&id).version(name)?) {
                    version.version.revision = new_id();
                    resources.put_version(&id, &version)?;
                }
                resources.attach(&id, &wish.qualifier, &config.settle())
            })
            .await
    }
}

fn wishes(resources: &Resources<'_>, id: &FunctionId) -> Result<Vec<Wish>, store::Error> {
    let mut wishes = Vec::new();
    for config in resources.attached_to::<Provisioned>(id)? {
        let version = match Qualifier::parse(&config.qualifier) {
            Qualifier::Number(number) => Some(number),
            Qualifier::Alias(name) => match resources.view(id).alias(&name)?.map(|alias| alias.target) {
                Some(Target::Number(number)) => Some(number),
                Some(Target::Latest | Target::LatestPublished) | None => None,
            },
            Qualifier::Latest | Qualifier::LatestPublished | Qualifier::Nothing(_) => None,
        };
        if let Some(version) = version {
            wishes.push(Wish { qualifier: config.qualifier, version, config: config.value });
        }
    }
    Ok(wishes)
}

/// What has become of an order for so many environments. `provision`: of the deployment. Environments of an earlier
/// order count, its failure does not.
pub fn progress(provision: Option<Provision>, order: Order, requested: u32) -> Progress {
    match provision.filter(|provision| provision.order == order).map(|provision| provision.ready) {
        Some(None) => Progress::Failed,
        Some(Some(ready)) if ready >= usize::try_from(requested).unwrap_or(usize::MAX) => Progress::Ready,
        Some(Some(_)) | None => Progress::Under,
    }
}

/// What a configuration asks of the pool.
pub fn order(config: &Provisioned) -> Order {
    Order {
        environments: usize::try_from(config.requested).unwrap_or(usize::MAX),
        placed: config.last_modified,
    }
}

#[cfg(test)]
mod tests {
    use lambdock_domain::Timestamp;

    use super::*;

    #[test]
    fn only_the_order_itself_is_ready_or_fails() {
        let asked = order(&Provisioned::new(2, Timestamp(5)));
        let earlier = order(&Provisioned::new(2, Timestamp(4)));
        let of = |order, ready| progress(Some(Provision { order, ready }), asked, 2);
        assert_eq!(progress(None, asked, 2), Progress::Under);
        assert_eq!(of(asked, Some(1)), Progress::Under);
        assert_eq!(of(asked, Some(2)), Progress::Ready);
        assert_eq!(of(asked, None), Progress::Failed);
        assert_eq!((of(earlier, Some(2)), of(earlier, None)), (Progress::Under, Progress::Under));
    }
}
