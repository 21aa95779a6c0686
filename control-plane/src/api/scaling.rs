//! How versions scale that run on a capacity provider: kept and shown, for there is nothing to be scaled.

mod get_function_scaling_config;
mod put_function_scaling_config;

pub use get_function_scaling_config::get_function_scaling_config;
pub use put_function_scaling_config::put_function_scaling_config;

use lambdock_domain::capacity_provider::FunctionScaling;
use lambdock_domain::{Error as DomainError, PublishedVersion};

use super::resolve::Named;
use super::{Error, qualified};
use crate::store::Resources;
use crate::wire::shapes;

/// The version that `named` names, which is on a capacity provider. [LocalStack: text, for CapacityProviderConfig]
///
/// # Errors
/// It is missing, or on none; or the store failed.
fn scalable(resources: &Resources<'_>, named: &Named) -> Result<PublishedVersion, Error> {
    let target = qualified::found(resources, named)?;
    if target.function.latest.configuration.managed.is_none() {
        let message = "FunctionScalingConfig isn't supported for Lambda Default functions.";
        return Err(DomainError::InvalidParameter(message.to_owned()).into());
    }
    // The model lets only published versions be named.
    let version = target.runs.published().map(|name| resources.view(&named.id).version(name)).transpose()?;
    version.flatten().ok_or_else(|| qualified::missing(named).into())
}

fn show(scaling: &FunctionScaling) -> shapes::FunctionScalingConfig {
    shapes::FunctionScalingConfig {
        min_execution_environments: scaling.min.map(i64::from),
        max_execution_environments: scaling.max.map(i64::from),
    }
}
