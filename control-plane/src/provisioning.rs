//! Provisioned concurrency: keeps as many environments ready as configurations ask for, whatever happens to
//! functions, versions and aliases.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lambdock_domain::alias::Target;
use lambdock_domain::concurrency::Provisioned;
use lambdock_domain::function::DeploymentId;
use lambdock_domain::{FunctionId, Qualifier};
use tracing::{debug, warn};

use crate::invoke::{self, Directory, Invoker};
use crate::pool::{Order, Pool};
use crate::store::{self, Resources, Store};

/// Turns configurations into orders to the pool.
pub struct Provisioning {
    store: Store,
    directory: Arc<Directory>,
    invoker: Arc<Invoker>,
    pool: Pool,
    /// What has been ordered.
    ordered: HashMap<FunctionId, HashSet<DeploymentId>>,
}

/// So many environments for a published version.
struct Wish {
    version: u64,
    order: Order,
}

impl Provisioning {
    /// Nothing is ordered yet.
    pub fn new(store: Store, directory: Arc<Directory>, invoker: Arc<Invoker>, pool: Pool) -> Self {
        Self { store, directory, invoker, pool, ordered: HashMap::new() }
    }

    /// Looks at every function that changes, for ever.
    pub async fn run(mut self) {
        loop {
            for id in self.directory.changed_functions().await {
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
        for wish in wishes {
            match self.invoker.find(id, &wish.version.to_string()).await {
                Ok(deployment) => {
                    self.pool.provision(&deployment, wish.order);
                    ordered.insert(deployment.id.clone());
                }
                // The version changes again when it is Active, or gone.
                Err(error @ (invoke::Error::Missing | invoke::Error::Refused(_))) => {
                    debug!(function.arn = %id.arn(), version = wish.version, %error, "not provisioned yet");
                }
                Err(error) => {
                    warn!(function.arn = %id.arn(), version = wish.version, %error, "cannot be provisioned");
                }
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
}

fn wishes(resources: &Resources<'_>, id: &FunctionId) -> Result<Vec<Wish>, store::Error> {
    let mut wishes = Vec::new();
    for config in resources.attached_to::<Provisioned>(id)? {
        let version = match Qualifier::parse(&config.qualifier) {
            Qualifier::Number(number) => Some(number),
            Qualifier::Alias(name) => match resources.view(id).alias(&name)?.map(|alias| alias.target) {
                Some(Target::Number(number)) => Some(number),
                Some(Target::Latest) | None => None,
            },
            Qualifier::Latest | Qualifier::LatestPublished | Qualifier::Nothing(_) => None,
        };
        if let Some(version) = version {
            wishes.push(Wish { version, order: order(&config.value) });
        }
    }
    Ok(wishes)
}

/// What a configuration asks of the pool.
pub fn order(config: &Provisioned) -> Order {
    Order {
        environments: usize::try_from(config.requested).unwrap_or(usize::MAX),
        placed: config.last_modified,
    }
}
