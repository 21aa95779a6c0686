//! Policies of functions: statements added, shown and removed.

mod add_permission;
mod get_policy;
mod remove_permission;

pub use add_permission::add_permission;
pub use get_policy::get_policy;
pub use remove_permission::remove_permission;

use lambdock_domain::Error as DomainError;
use lambdock_domain::policy::{Policy, SIZE_LIMIT, Statement};

use super::{Error, new_id};
use crate::store;

/// The policy `before` with one statement more, under a new revision.
///
/// # Errors
/// There is a statement with that `Sid`, or the policy would be too long.
pub(super) fn extended(before: Option<Policy>, statement: Statement) -> Result<Policy, Error> {
    let policy = Policy::with(before, statement, new_id())?;
    let size = serde_json::to_string(&policy.document()).map_err(store::Error::from)?.len();
    if size > SIZE_LIMIT {
        return Err(DomainError::PolicyTooLong(size).into());
    }
    Ok(policy)
}
