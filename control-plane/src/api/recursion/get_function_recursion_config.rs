use lambdock_domain::recursion::RecursiveLoop;

use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// GetFunctionRecursionConfig.
///
/// # Errors
/// AWS's for names; a function that is missing.
pub async fn get_function_recursion_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionRecursionConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionRecursionConfigResponse, Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    let recursive_loop = context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            Ok::<_, Error>(resources.attached::<RecursiveLoop>(&function.id, LATEST)?)
        })
        .await?;
    Ok(shapes::GetFunctionRecursionConfigResponse {
        recursive_loop: Some(recursive_loop.unwrap_or_default().as_str().to_owned()),
    })
}
