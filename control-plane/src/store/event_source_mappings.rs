//! Event source mappings, in the order of their creation.

use lambdock_domain::{EventSourceMapping, Scope};
use rusqlite::{OptionalExtension, params};

use super::{Error, Resources, Store};

/// Which mappings a list is about; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingFilter {
    /// `FunctionArn`, qualified as in the mapping.
    pub function: Option<String>,
    /// `EventSourceArn`.
    pub source: Option<String>,
}

impl Resources<'_> {
    /// The event source mapping with this UUID.
    ///
    /// # Errors
    /// The store failed.
    pub fn event_source_mapping(
        &self,
        scope: &Scope,
        uuid: &str,
    ) -> Result<Option<EventSourceMapping>, Error> {
        let document: Option<String> = self
            .transaction
            .prepare_cached(
                "SELECT document FROM event_source_mappings WHERE account = ?1 AND region = ?2 AND uuid = ?3",
            )?
            .query_row(params![scope.account, scope.region, uuid], |row| row.get(0))
            .optional()?;
        Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
    }

    /// Adds an event source mapping or changes the one with its UUID.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_event_source_mapping(&self, mapping: &EventSourceMapping) -> Result<(), Error> {
        let Scope { account, region } = &mapping.scope;
        self.transaction
            .prepare_cached(
                "INSERT INTO event_source_mappings (account, region, uuid, function, source, settled, document)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (account, region, uuid) DO UPDATE SET
                 function = excluded.function, settled = excluded.settled, document = excluded.document",
            )?
            .execute(params![
                account,
                region,
                mapping.uuid,
                mapping.target.arn(),
                mapping.source.arn(),
                mapping.state.is_settled(),
                serde_json::to_string(mapping)?
            ])?;
        Ok(())
    }

    /// Removes an event source mapping, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub fn remove_event_source_mapping(&self, scope: &Scope, uuid: &str) -> Result<(), Error> {
        self.transaction
            .prepare_cached(
                "DELETE FROM event_source_mappings WHERE account = ?1 AND region = ?2 AND uuid = ?3",
            )?
            .execute(params![scope.account, scope.region, uuid])?;
        Ok(())
    }

    /// Event source mappings, at most `limit`, those after the number `after`, each with its number.
    ///
    /// # Errors
    /// The store failed.
    pub fn event_source_mappings(
        &self,
        scope: &Scope,
        filter: &MappingFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, EventSourceMapping)>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT number, document FROM event_source_mappings
             WHERE account = ?1 AND region = ?2 AND number > ?3
             AND (?4 IS NULL OR function = ?4) AND (?5 IS NULL OR source = ?5)
             ORDER BY number LIMIT ?6",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let key = params![scope.account, scope.region, after, filter.function, filter.source, limit];
        let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (number, document) = row?;
            Ok((number, serde_json::from_str(&document)?))
        })
        .collect()
    }

    /// All mappings to the function with this ARN, qualified as in the mapping.
    ///
    /// # Errors
    /// The store failed.
    pub fn event_source_mappings_to(&self, function_arn: &str) -> Result<Vec<EventSourceMapping>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT document FROM event_source_mappings WHERE function = ?1 ORDER BY number",
        )?;
        let rows = statement.query_map([function_arn], |row| row.get::<_, String>(0))?;
        rows.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
    }
}

impl Store {
    /// Account, region and UUID of every mapping in transition.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unsettled_event_source_mappings(&self) -> Result<Vec<(Scope, String)>, Error> {
        self.run(|connection| {
            let mut statement = connection
                .prepare("SELECT account, region, uuid FROM event_source_mappings WHERE settled = 0")?;
            let rows = statement.query_map([], |row| {
                Ok((Scope { account: row.get(0)?, region: row.get(1)? }, row.get(2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?
    }
}
