//! Operations that take no version and no alias.

use lambdock_domain::Error as DomainError;

use crate::api::functions::named;
use crate::api::resolve::{Named, Reach};
use crate::api::{Caller, Error};
use crate::wire::Violation;

/// The function that is meant as a whole.
///
/// # Errors
/// AWS's for names; a qualifier. [AWS: recorded for PutFunctionConcurrency]
pub(super) fn whole_function(
    caller: &Caller,
    name: Option<&str>,
    violations: Vec<Violation>,
) -> Result<Named, Error> {
    let named = named(caller, Reach::AnyAccount, name, None, violations)?;
    if named.qualifier.is_some() {
        let message = "This operation is permitted on Lambda functions only. Aliases and versions do not support \
                       this operation. Please specify either a function name or an unqualified function ARN.";
        return Err(DomainError::InvalidParameter(message.to_owned()).into());
    }
    Ok(named)
}
