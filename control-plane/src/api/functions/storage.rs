//! The quota of code storage, which functions, versions and layers of an account share in a region.

use lambdock_domain::{Error as DomainError, Limits, Scope};

use crate::api::{Context, Error};
use crate::store::Usage;

/// Whether `more` bytes of code can be taken in.
///
/// # Errors
/// They are too many, or the store failed.
pub(in crate::api) async fn check(context: &Context, scope: &Scope, more: u64) -> Result<(), Error> {
    let scope = scope.clone();
    let usage = context.store.transact(move |resources| Ok::<_, Error>(resources.usage(&scope)?)).await?;
    Ok(within(&context.rules.get().limits, usage, more)?)
}

/// Whether there is room for `more` bytes beside what is used.
///
/// # Errors
/// There is not. [AWS: Lambda API reference, CodeStorageExceededException]
pub(in crate::api) fn within(limits: &Limits, usage: Usage, more: u64) -> Result<(), DomainError> {
    let used = u64::try_from(usage.code_size).unwrap_or(0);
    if used.saturating_add(more) > limits.total_code_size {
        return Err(DomainError::CodeStorageExceeded);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_fits_and_one_more_does_not() {
        let limits = Limits { total_code_size: 100, ..Limits::default() };
        let usage = Usage { functions: 1, code_size: 60 };
        assert_eq!(within(&limits, usage, 40), Ok(()));
        assert_eq!(within(&limits, usage, 41), Err(DomainError::CodeStorageExceeded));
        assert_eq!(within(&limits, usage, u64::MAX), Err(DomainError::CodeStorageExceeded));
    }
}
