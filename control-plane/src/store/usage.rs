//! How much of its quotas an account uses.

use lambdock_domain::Scope;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Error, FunctionView, Resources};

/// What GetAccountSettings tells of an account in a region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Functions, whatever number of versions they have.
    pub functions: i64,
    /// Bytes of all archives, counted for each use. [AWS: recorded]
    pub code_size: i64,
}

impl Usage {
    /// The same with an archive of `after` bytes in the place of one of `before`.
    #[must_use]
    pub fn with(self, before: u64, after: u64) -> Self {
        let signed = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        Self {
            code_size: self.code_size.saturating_sub(signed(before)).saturating_add(signed(after)),
            ..self
        }
    }
}

impl Resources<'_> {
    /// How much the account uses in the region.
    ///
    /// # Errors
    /// The store failed.
    pub fn usage(&self, scope: &Scope) -> Result<Usage, Error> {
        usage(&self.transaction, scope)
    }
}

impl FunctionView<'_> {
    /// How much the function's account uses in its region.
    ///
    /// # Errors
    /// The store failed.
    pub fn usage(&self) -> Result<Usage, Error> {
        usage(self.connection, &self.id.scope)
    }
}

/// Triggers keep it: it takes the same time however much there is.
fn usage(connection: &Connection, scope: &Scope) -> Result<Usage, Error> {
    let found = connection
        .prepare_cached("SELECT functions, code_size FROM usage WHERE account = ?1 AND region = ?2")?
        .query_row(params![scope.account, scope.region], |row| {
            Ok(Usage { functions: row.get(0)?, code_size: row.get(1)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}
