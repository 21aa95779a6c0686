use lambdock_domain::code_signing::FunctionCodeSigning;

use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// DeleteFunctionCodeSigningConfig: also where there is none. [AWS: recorded]
///
/// # Errors
/// AWS's for names; a function that is missing.
pub async fn delete_function_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteFunctionCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            resources.detach::<FunctionCodeSigning>(&function.id, LATEST)?;
            Ok::<_, Error>(())
        })
        .await
}
