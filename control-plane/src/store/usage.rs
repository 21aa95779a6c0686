//! How much of its quotas an account uses.

use lambdock_domain::Scope;
use rusqlite::params;

use super::{Error, Resources};

/// What GetAccountSettings tells of an account in a region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Functions, whatever number of versions they have.
    pub functions: i64,
    /// Bytes of all archives, counted for each use. [AWS: recorded]
    pub code_size: i64,
}

impl Resources<'_> {
    /// How much the account uses in the region.
    ///
    /// # Errors
    /// The store failed.
    pub fn usage(&self, scope: &Scope) -> Result<Usage, Error> {
        let usage = self
            .transaction
            .prepare_cached(
                "SELECT (SELECT COUNT(*) FROM functions WHERE account = ?1 AND region = ?2), COALESCE(SUM(size), 0)
                 FROM (
                     SELECT json_extract(document, '$.latest.code.zip.size') AS size
                     FROM functions WHERE account = ?1 AND region = ?2
                     UNION ALL
                     SELECT json_extract(document, '$.version.code.zip.size')
                     FROM versions WHERE account = ?1 AND region = ?2
                 )",
            )?
            .query_row(params![scope.account, scope.region], |row| {
                Ok(Usage { functions: row.get(0)?, code_size: row.get(1)? })
            })?;
        Ok(usage)
    }
}
