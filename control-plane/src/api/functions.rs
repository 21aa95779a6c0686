//! Functions: created, looked at, changed and deleted.

pub mod choose;
mod create_function;
mod delete_function;
mod get_function;
mod get_function_configuration;
mod list_functions;
pub mod show;
mod source;
mod update_function_code;
mod update_function_configuration;

pub use create_function::create_function;
pub use delete_function::delete_function;
pub use get_function::{archive_at, get_function};
pub use get_function_configuration::get_function_configuration;
pub use list_functions::list_functions;
pub use update_function_code::update_function_code;
pub use update_function_configuration::update_function_configuration;

use lambdock_domain::{Function, Qualifier};

use super::resolve::{Named, Reach, resolve};
use super::{Caller, Context, Error};
use crate::store::ChangeError;
use crate::wire::Violation;

/// Finds the function that an operation on a whole function is asked for.
///
/// # Errors
/// AWS's, for a name that is not valid or names nothing here.
fn named(
    caller: &Caller,
    reach: Reach,
    name: Option<&str>,
    qualifier: Option<&str>,
    violations: Vec<Violation>,
) -> Result<Named, Error> {
    resolve(&caller.scope, reach, name.unwrap_or_default(), qualifier, || {
        if violations.is_empty() { Ok(()) } else { Err(Error::Validation(violations)) }
    })
}

/// The function, if `named` means `$LATEST`.
///
/// # Errors
/// It does not exist, or the qualifier names nothing.
async fn found(context: &Context, named: &Named) -> Result<Function, Error> {
    match named.kind() {
        Qualifier::Latest => {}
        Qualifier::LatestPublished | Qualifier::Number(_) | Qualifier::Alias(_) | Qualifier::Nothing(_) => {
            return Err(named.not_found().into());
        }
    }
    let function = context.store.function(&named.id).await?;
    function.ok_or_else(|| named.not_found().into())
}

/// Turns the store's answer to a change into the operation's.
fn changed(error: ChangeError, named: &Named) -> Error {
    match error {
        ChangeError::Missing => named.not_found().into(),
        ChangeError::Refused(error) => error.into(),
        ChangeError::Store(error) => error.into(),
    }
}

/// Versions are published from functions by an operation that is not there yet; asking for one in passing must not
/// look as if it had worked.
fn refuse_publish(publish: Option<bool>) -> Result<(), Error> {
    if publish == Some(true) {
        return Err(Error::NotImplemented(
            "Publishing versions is not supported by this version of Lambdock; leave Publish out.".to_owned(),
        ));
    }
    Ok(())
}
