//! Capacity providers, by their names.

use lambdock_domain::{CapacityProvider, Scope};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Error, FunctionView, Resources, Store};

impl FunctionView<'_> {
    /// The capacity provider with this name in the account and region of the function.
    ///
    /// # Errors
    /// The store failed.
    pub fn capacity_provider(&self, name: &str) -> Result<Option<CapacityProvider>, Error> {
        read(self.connection, &self.id.scope, name)
    }
}

impl Resources<'_> {
    /// The capacity provider with this name.
    ///
    /// # Errors
    /// The store failed.
    pub fn capacity_provider(&self, scope: &Scope, name: &str) -> Result<Option<CapacityProvider>, Error> {
        read(&self.transaction, scope, name)
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

    /// Capacity providers of an account and region by name, those after `after`, at most `limit` of those that `wanted`
    /// wants.
    ///
    /// # Errors
    /// The store failed.
    pub fn capacity_providers(
        &self,
        scope: &Scope,
        after: &str,
        limit: usize,
        wanted: impl Fn(&CapacityProvider) -> bool,
    ) -> Result<Vec<CapacityProvider>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT document FROM capacity_providers
             WHERE account = ?1 AND region = ?2 AND name > ?3 ORDER BY name",
        )?;
        let rows = statement
            .query_map(params![scope.account, scope.region, after], |row| row.get::<_, String>(0))?;
        let providers = rows.map(|document| Ok(serde_json::from_str::<CapacityProvider>(&document?)?));
        providers.filter(|provider| provider.as_ref().map_or(true, &wanted)).take(limit).collect()
    }
}

fn read(connection: &Connection, scope: &Scope, name: &str) -> Result<Option<CapacityProvider>, Error> {
    let document: Option<String> = connection
        .prepare_cached(
            "SELECT document FROM capacity_providers WHERE account = ?1 AND region = ?2 AND name = ?3",
        )?
        .query_row(params![scope.account, scope.region, name], |row| row.get(0))
        .optional()?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
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
