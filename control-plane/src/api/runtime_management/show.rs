//! Pure: whose runtime management is shown.

use crate::api::qualified;
use crate::api::resolve::Named;

/// The ARN, which always has a qualifier.
pub(super) fn function_arn(named: &Named) -> String {
    named.id.qualified_arn(qualified::key(named))
}
