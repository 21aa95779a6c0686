//! Which group of environments an invocation is for: its deployment's, and its tenant's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lambdock_domain::function::DeploymentId;

use super::Deployment;
use super::group::Group;

/// A retired deployment is remembered as such for this long: requests that found it just before may still come.
const RETIRED_FOR: Duration = Duration::from_secs(60);

/// The groups of all deployments.
#[derive(Default)]
pub(super) struct Groups {
    families: HashMap<DeploymentId, Family>,
    /// Since when.
    retired: HashMap<DeploymentId, Instant>,
}

impl Groups {
    /// Every group.
    pub(super) fn all(&self) -> Vec<Arc<Group>> {
        self.families.values().flat_map(Family::all).cloned().collect()
    }

    /// Those of a deployment.
    pub(super) fn of(&self, id: &DeploymentId) -> Vec<Arc<Group>> {
        self.families.get(id).into_iter().flat_map(Family::all).cloned().collect()
    }

    /// Every deployment that has one.
    pub(super) fn deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.families.values().map(|family| family.common.deployment())
    }

    /// That of a deployment for the tenant, or for no tenant.
    pub(super) fn find(&self, id: &DeploymentId, tenant: Option<&str>) -> Option<Arc<Group>> {
        let family = self.families.get(id)?;
        match tenant {
            Some(tenant) => family.tenants.get(tenant).cloned(),
            None => Some(Arc::clone(&family.common)),
        }
    }

    /// The same, which is made if there is none.
    pub(super) fn find_or_add(
        &mut self,
        deployment: &Arc<Deployment>,
        tenant: Option<&str>,
        keep_alive: Duration,
    ) -> Arc<Group> {
        let retired = self.retired.contains_key(&deployment.id);
        let new = || {
            let group = Group::new(Arc::clone(deployment), keep_alive);
            Arc::new(if retired { group.retired() } else { group })
        };
        let family = self
            .families
            .entry(deployment.id.clone())
            .or_insert_with(|| Family { common: new(), tenants: HashMap::new() });
        match tenant {
            Some(tenant) => Arc::clone(family.tenants.entry(tenant.to_owned()).or_insert_with(new)),
            None => Arc::clone(&family.common),
        }
    }

    /// Groups that are made for the deployment from now on are retired, too.
    pub(super) fn retire(&mut self, id: &DeploymentId) {
        self.retired.insert(id.clone(), Instant::now());
    }

    /// Forgets what has no environments any more; gives the deployments that are gone with their last one.
    pub(super) fn tidy(&mut self) -> Vec<Arc<Deployment>> {
        let Self { families, retired } = self;
        let gone = families.extract_if(|id, family| retired.contains_key(id) && family.is_empty());
        let gone = gone.map(|(_, family)| Arc::clone(family.common.deployment())).collect();
        families.values_mut().for_each(Family::tidy);
        retired.retain(|id, since| families.contains_key(id) || since.elapsed() < RETIRED_FOR);
        gone
    }
}

/// The groups of one deployment.
struct Family {
    /// For no tenant.
    common: Arc<Group>,
    /// Those of each tenant, for as long as they have environments.
    tenants: HashMap<String, Arc<Group>>,
}

impl Family {
    fn all(&self) -> impl Iterator<Item = &Arc<Group>> {
        std::iter::once(&self.common).chain(self.tenants.values())
    }

    fn is_empty(&self) -> bool {
        self.all().all(|group| group.is_empty())
    }

    fn tidy(&mut self) {
        // Whoever holds a group is about to start an environment in it.
        self.tenants.retain(|_, group| !group.is_empty() || Arc::strong_count(group) > 1);
    }
}
