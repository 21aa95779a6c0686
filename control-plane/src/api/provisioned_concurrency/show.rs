//! How far provisioning has come.

use lambdock_domain::concurrency::Provisioned;
use lambdock_domain::function::DeploymentId;

use crate::api::Context;
use crate::api::functions::show::date;
use crate::provisioning::order;
use crate::wire::shapes;

/// A configuration and what there is of it now: READY is only said of environments that are ready.
pub(super) fn config(
    context: &Context,
    deployment: &DeploymentId,
    config: &Provisioned,
) -> shapes::GetProvisionedConcurrencyConfigResponse {
    let requested = i64::from(config.requested);
    let provision = context.invoker.provisioned(deployment);
    // An earlier order's environments count, its failure does not.
    let current = provision.is_some_and(|provision| provision.order == order(config));
    let ready = provision.and_then(|provision| provision.ready);
    let failed = current && ready.is_none();
    let ready = i64::try_from(ready.unwrap_or_default()).unwrap_or(i64::MAX).min(requested);
    let status = match (failed, current && ready == requested) {
        (true, _) => "FAILED",
        (false, true) => "READY",
        (false, false) => "IN_PROGRESS",
    };
    shapes::GetProvisionedConcurrencyConfigResponse {
        requested_provisioned_concurrent_executions: Some(requested),
        available_provisioned_concurrent_executions: Some(ready),
        allocated_provisioned_concurrent_executions: Some(ready),
        status: Some(status.to_owned()),
        // [AWS: recorded]
        status_reason: failed.then(|| "FUNCTION_ERROR_INIT_FAILURE".to_owned()),
        last_modified: Some(date(config.last_modified)),
    }
}
