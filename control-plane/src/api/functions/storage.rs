//! The quota of code storage, which functions, versions and layers of an account share in a region.

use lambdock_domain::{Error as DomainError, Limits};

use crate::store::Usage;

/// Whether so much may be used, once what is asked for is counted.
///
/// # Errors
/// It is too much. [AWS: Lambda API reference, CodeStorageExceededException]
pub(in crate::api) fn check(limits: &Limits, usage: Usage) -> Result<(), DomainError> {
    if u64::try_from(usage.code_size).unwrap_or(0) > limits.total_code_size {
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
        assert_eq!(check(&limits, usage.with(0, 40)), Ok(()));
        assert_eq!(check(&limits, usage.with(0, 41)), Err(DomainError::CodeStorageExceeded));
        assert_eq!(check(&limits, usage.with(60, 100)), Ok(()), "code that is replaced does not count");
        assert_eq!(check(&limits, usage.with(0, u64::MAX)), Err(DomainError::CodeStorageExceeded));
    }
}
