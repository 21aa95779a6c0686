use lambdock_domain::capacity_provider::FunctionScaling;

use super::scalable;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// PutFunctionScalingConfig: in the place of the one before; none takes that away.
///
/// # Errors
/// AWS's for names; a function or version that is missing; one that runs on no capacity provider; a least number that
/// is more than the most.
pub async fn put_function_scaling_config(
    context: &Context,
    caller: &Caller,
    input: shapes::PutFunctionScalingConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::PutFunctionScalingConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let scaling = input.function_scaling_config.map(|config| read(&config).checked()).transpose()?;
    let state = context
        .store
        .transact(move |resources| {
            let version = scalable(resources, &named)?;
            let key = qualified::key(&named);
            match scaling {
                Some(scaling) => resources.attach(&named.id, key, &scaling)?,
                None => {
                    resources.detach::<FunctionScaling>(&named.id, key)?;
                }
            }
            Ok::<_, Error>(version.version.state)
        })
        .await?;
    Ok(shapes::PutFunctionScalingConfigResponse { function_state: Some(state.as_str().to_owned()) })
}

fn read(config: &shapes::FunctionScalingConfig) -> FunctionScaling {
    let number = |given: Option<i64>| given.and_then(|given| u32::try_from(given).ok());
    FunctionScaling {
        min: number(config.min_execution_environments),
        max: number(config.max_execution_environments),
    }
}
