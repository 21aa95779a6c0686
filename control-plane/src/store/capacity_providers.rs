//! Capacity providers, by their names.

use lambdock_domain::{CapacityProvider, Scope};
use rusqlite::{OptionalExtension, params};

use super::{Error, Resources, Store};

impl Resources<'_> {
    /// The capacity provider with this name.
    ///
    /// # Errors
    /// The store failed.
    pub fn capacity_provider(&self, scope: &Scope, name: &str) -> Result<Option<CapacityProvider>, Error> {
        let document: Option<String> = self
            .transaction
            .prepare_cached(
                "SELECT document FROM capacity_providers WHERE account = ?1 AND region = ?2 AND name = ?3",
            )?
            .query_row(params![scope.account, scope.region, name], |row| row.get(0))
            .optional()?;
        Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
    }

    /// Adds a capacity provider or changes the one with its name.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_capacity_provider(&self, provider: &CapacityProvider) -> Result<(), Error> {
        let Scope { account, region } = &provider.scope;
        let document = serde_json::to_string(provider)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO capacity_providers (account, region, name, settled, document)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET settled = excluded.settled, document = excluded.document",
            )?
            .execute(params![account, region, provider.name, provider.state.is_settled(), document])?;
        Ok(())
    }

    /// Removes a capacity provider, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub fn remove_capacity_provider(&self, scope: &Scope, name: &str) -> Result<(), Error> {
        self.transaction
            .prepare_cached(
                "DELETE FROM capacity_providers WHERE account = ?1 AND region = ?2 AND name = ?3",
            )?
            .execute(params![scope.account, scope.region, name])?;
        Ok(())
    }

    /// All capacity providers of an account and region, by name.
    ///
    /// # Errors
    /// The store failed.
    pub fn capacity_providers(&self, scope: &Scope) -> Result<Vec<CapacityProvider>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT document FROM capacity_providers WHERE account = ?1 AND region = ?2 ORDER BY name",
        )?;
        let rows =
            statement.query_map(params![scope.account, scope.region], |row| row.get::<_, String>(0))?;
        rows.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
    }
}

impl Store {
    /// Account, region and name of every capacity provider in transition.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unsettled_capacity_providers(&self) -> Result<Vec<(Scope, String)>, Error> {
        self.run(|connection| {
            let mut statement = connection
                .prepare("SELECT account, region, name FROM capacity_providers WHERE settled = 0")?;
            let rows = statement.query_map([], |row| {
                Ok((Scope { account: row.get(0)?, region: row.get(1)? }, row.get(2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?
    }
}
