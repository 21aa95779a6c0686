use lambdock_domain::recursion::RecursiveLoop;

use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// PutFunctionRecursionConfig.
///
/// # Errors
/// AWS's for names; a function that is missing.
pub async fn put_function_recursion_config(
    context: &Context,
    caller: &Caller,
    input: shapes::PutFunctionRecursionConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::PutFunctionRecursionConfigResponse, Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    // One of AWS's words: the model says so.
    let recursive_loop = input.recursive_loop.as_deref().and_then(RecursiveLoop::parse).unwrap_or_default();
    context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            Ok::<_, Error>(resources.attach(&function.id, LATEST, &recursive_loop)?)
        })
        .await?;
    Ok(shapes::PutFunctionRecursionConfigResponse {
        recursive_loop: Some(recursive_loop.as_str().to_owned()),
    })
}
