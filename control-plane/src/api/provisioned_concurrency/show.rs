//! How far provisioning has come.

use lambdock_domain::VersionName;
use lambdock_domain::concurrency::Provisioned;
use lambdock_domain::function::DeploymentId;

use crate::api::Context;
use crate::api::functions::show::date;
use crate::pool::Provision;
use crate::provisioning::{Progress, order, progress};
use crate::store::{self, FunctionView};
use crate::wire::shapes;

/// A configuration, and what runs for it.
pub(super) struct Standing {
    pub(super) config: Provisioned,
    /// The version that is provisioned.
    pub(super) deployment: DeploymentId,
    /// The one that serves until that is ready.
    pub(super) before: Option<DeploymentId>,
}

/// A configuration as it is now.
pub(super) struct Look {
    requested: i64,
    ready: i64,
    status: &'static str,
    reason: Option<&'static str>,
    last_modified: String,
}

impl Standing {
    /// What stands for a configuration of the function.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn of(
        view: &FunctionView<'_>,
        config: Provisioned,
        deployment: DeploymentId,
    ) -> Result<Self, store::Error> {
        let before = config.moves_from.map(|number| view.version(VersionName::Number(number))).transpose()?;
        let before = before.flatten().map(|version| version.version.deployment);
        Ok(Self { config, deployment, before })
    }

    /// What there is of it now: READY is only said of environments that are ready. While it moves to another version,
    /// what it was is still there. [AWS: recorded]
    pub(super) fn look(&self, context: &Context) -> Look {
        let requested = self.config.requested;
        let provision = context.invoker.provisioned(&self.deployment);
        let progress = progress(provision, order(&self.config), requested);
        let before = self.before.as_ref().and_then(|before| context.invoker.provisioned(before));
        let ready = |provision: Option<Provision>| {
            let ready = provision.and_then(|provision| provision.ready).unwrap_or_default();
            u32::try_from(ready).unwrap_or(u32::MAX).min(requested)
        };
        let (ready, status) = match progress {
            Progress::Failed => (0, "FAILED"),
            Progress::Ready if self.config.settled => (requested, "READY"),
            Progress::Ready | Progress::Under => (ready(provision).max(ready(before)), "IN_PROGRESS"),
        };
        Look {
            requested: requested.into(),
            ready: ready.into(),
            status,
            // [AWS: recorded]
            reason: (progress == Progress::Failed).then_some("FUNCTION_ERROR_INIT_FAILURE"),
            last_modified: date(self.config.last_modified),
        }
    }
}

/// The members that several answers have in common; in braces, what one of them has besides.
macro_rules! shown_as {
    ($($shape:ident { $($member:ident: $value:expr)? }),*) => {
        $(impl From<Look> for shapes::$shape {
            fn from(look: Look) -> Self {
                Self {
                    requested_provisioned_concurrent_executions: Some(look.requested),
                    available_provisioned_concurrent_executions: Some(look.ready),
                    allocated_provisioned_concurrent_executions: Some(look.ready),
                    status: Some(look.status.to_owned()),
                    status_reason: look.reason.map(str::to_owned),
                    last_modified: Some(look.last_modified),
                    $($member: $value,)?
                }
            }
        })*
    };
}

shown_as!(
    GetProvisionedConcurrencyConfigResponse {},
    PutProvisionedConcurrencyConfigResponse {},
    ProvisionedConcurrencyConfigListItem { function_arn: None }
);
