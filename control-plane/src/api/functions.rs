//! Functions: created, looked at, changed and deleted.

pub mod choose;
mod create_function;
mod delete_function;
mod get_function;
mod get_function_configuration;
mod limits;
mod list_functions;
pub mod show;
mod source;
pub(in crate::api) mod storage;
mod update_function_code;
mod update_function_configuration;

pub use create_function::create_function;
pub use delete_function::delete_function;
pub(in crate::api) use get_function::code_url;
pub use get_function::{archive_at, get_function};
pub use get_function_configuration::get_function_configuration;
pub use list_functions::list_functions;
pub use update_function_code::update_function_code;
pub use update_function_configuration::update_function_configuration;

use lambdock_domain::alias::Target;
use lambdock_domain::configuration::VpcConfig;
use lambdock_domain::{Function, PublishedVersion, Qualifier, Scope};

use super::resolve::{Named, Reach, resolve};
use super::{Caller, Context, Error, valid};
use crate::store::{ChangeError, FunctionView};
use crate::wire::{Violation, shapes};

/// Finds the function that an operation is asked for.
///
/// # Errors
/// AWS's, for a name that is not valid or names nothing here.
pub(super) fn named(
    caller: &Caller,
    reach: Reach,
    name: Option<&str>,
    qualifier: Option<&str>,
    violations: Vec<Violation>,
) -> Result<Named, Error> {
    resolve(&caller.scope, reach, name.unwrap_or_default(), qualifier, || valid(violations))
}

/// A function, and the version that was asked for.
struct Found {
    function: Function,
    /// `None`: `$LATEST`.
    published: Option<PublishedVersion>,
}

impl Found {
    fn subject(&self) -> show::Subject<'_> {
        match &self.published {
            Some(published) => show::Subject::published(&self.function.id, published),
            None => show::Subject::from(&self.function),
        }
    }
}

/// The function and the version that `named` means, by itself or through an alias.
///
/// # Errors
/// One of them does not exist.
async fn found(context: &Context, named: &Named) -> Result<Found, Error> {
    let kind = named.kind();
    let found = context.store.read(&named.id, move |view| {
        let Some(function) = view.function()? else { return Ok(None) };
        let Some(target) = target(view, kind)? else { return Ok(None) };
        let published = match target.published() {
            Some(name) => match view.version(name)? {
                Some(version) => Some(version),
                None => return Ok(None),
            },
            None => None,
        };
        Ok::<_, Error>(Some(Found { function, published }))
    });
    found.await?.ok_or_else(|| named.not_found().into())
}

/// The version that a qualifier names, whether or not it exists. What an alias points to first does not depend on
/// its routing.
fn target(view: &FunctionView<'_>, kind: Qualifier) -> Result<Option<Target>, Error> {
    Ok(match kind {
        Qualifier::Latest => Some(Target::Latest),
        Qualifier::LatestPublished => Some(Target::LatestPublished),
        Qualifier::Number(number) => Some(Target::Number(number)),
        Qualifier::Alias(name) => view.alias(&name)?.map(|alias| alias.target),
        Qualifier::Nothing(_) => None,
    })
}

/// The VPC that a function is to be in, if a request says one, with what EC2 knows of it.
///
/// # Errors
/// AWS's, for what does not exist.
async fn network(
    context: &Context,
    scope: &Scope,
    chosen: Option<&shapes::VpcConfig>,
) -> Result<Option<VpcConfig>, Error> {
    match chosen {
        Some(chosen) => Ok(Some(context.networks.settle(scope, choose::vpc(chosen)).await?)),
        None => Ok(None),
    }
}

/// Turns the store's answer to a change into the operation's.
pub(super) fn changed(error: ChangeError, named: &Named) -> Error {
    match error {
        ChangeError::Missing => named.not_found().into(),
        ChangeError::Refused(error) => error.into(),
        ChangeError::Store(error) => error.into(),
    }
}
