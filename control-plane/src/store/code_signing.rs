//! Code signing configurations, in the order of their creation.

use lambdock_domain::Scope;
use lambdock_domain::code_signing::CodeSigningConfig;
use rusqlite::{OptionalExtension, params};

use super::{Error, Resources};

impl Resources<'_> {
    /// The code signing configuration with this id.
    ///
    /// # Errors
    /// The store failed.
    pub fn code_signing_config(&self, scope: &Scope, id: &str) -> Result<Option<CodeSigningConfig>, Error> {
        let document: Option<String> = self
            .transaction
            .prepare_cached(
                "SELECT document FROM code_signing_configs WHERE account = ?1 AND region = ?2 AND id = ?3",
            )?
            .query_row(params![scope.account, scope.region, id], |row| row.get(0))
            .optional()?;
        Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
    }

    /// Adds a code signing configuration or changes the one with its id.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_code_signing_config(&self, config: &CodeSigningConfig) -> Result<(), Error> {
        let document = serde_json::to_string(config)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO code_signing_configs (account, region, id, document) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (account, region, id) DO UPDATE SET document = excluded.document",
            )?
            .execute(params![config.scope.account, config.scope.region, config.id, document])?;
        Ok(())
    }

    /// Removes a code signing configuration. `false`: there was none.
    ///
    /// # Errors
    /// The store failed.
    pub fn remove_code_signing_config(&self, scope: &Scope, id: &str) -> Result<bool, Error> {
        let removed = self
            .transaction
            .prepare_cached(
                "DELETE FROM code_signing_configs WHERE account = ?1 AND region = ?2 AND id = ?3",
            )?
            .execute(params![scope.account, scope.region, id])?;
        Ok(removed > 0)
    }

    /// Code signing configurations, at most `limit`, those after the number `after`, each with its number.
    ///
    /// # Errors
    /// The store failed.
    pub fn code_signing_configs(
        &self,
        scope: &Scope,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, CodeSigningConfig)>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT number, document FROM code_signing_configs
             WHERE account = ?1 AND region = ?2 AND number > ?3 ORDER BY number LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![scope.account, scope.region, after, limit], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (number, document) = row?;
            Ok((number, serde_json::from_str(&document)?))
        })
        .collect()
    }
}
