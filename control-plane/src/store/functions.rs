//! Functions and their versions, across accounts: found, listed, removed.

use std::sync::Arc;

use lambdock_domain::alias::Target;
use lambdock_domain::concurrency::Share;
use lambdock_domain::{Function, FunctionId, PublishedVersion, Scope, State, Version};
use rusqlite::{Transaction, params};

use super::{Error, FunctionView, Store, attachments, providers, view, write_archive_uses};

/// A version among those of all functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its function.
    pub id: FunctionId,
    /// Which one it is.
    pub name: Target,
    /// The version.
    pub version: Version,
}

impl Store {
    /// The function, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub async fn function(&self, id: &FunctionId) -> Result<Option<Function>, Error> {
        self.read(id, |view| view.function()).await
    }

    /// Removes a function with its versions and aliases and returns what it was.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete_function(
        &self,
        id: &FunctionId,
    ) -> Result<Option<(Function, Vec<PublishedVersion>)>, Error> {
        let (id, observer) = (id.clone(), Arc::clone(&self.observer));
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let Some(function) = FunctionView::new(&transaction, &id).function()? else { return Ok(None) };
            let versions = view::remove_all(&transaction, &id)?;
            let key = params![id.scope.account, id.scope.region, id.name];
            transaction
                .execute("DELETE FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3", key)?;
            write_archive_uses(&transaction, &id.arn(), [])?;
            attachments::remove_all(&transaction, &id)?;
            transaction.commit()?;
            observer.changed(&id);
            observer.concurrency(&Share { function: id, reserved: None, provisioned: 0 });
            Ok(Some((function, versions)))
        })
        .await?
    }

    /// Functions by name, at most `limit`, those after the name `after`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn functions(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Function>, Error> {
        let (scope, after) = (scope.clone(), after.unwrap_or_default().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT document FROM functions WHERE account = ?1 AND region = ?2 AND name > ?3 ORDER BY name LIMIT ?4",
            )?;
            let rows = statement.query_map(params![scope.account, scope.region, after, limit], |row| {
                row.get::<_, String>(0)
            })?;
            rows.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
        })
        .await?
    }

    /// `$LATEST` of each function followed by its published versions, by name, at most `limit`, those after the
    /// version `after` of a function.
    ///
    /// # Errors
    /// The store failed.
    pub async fn versions(
        &self,
        scope: &Scope,
        after: Option<(&str, Target)>,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, Error> {
        let (name, version) = after.unwrap_or(("", Target::Latest));
        let number = version.published().map_or(view::LATEST, view::column);
        let (scope, name) = (scope.clone(), name.to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, -1 AS number, document FROM functions
                 WHERE account = ?1 AND region = ?2 AND name > ?3
                 UNION ALL
                 SELECT function, number, document FROM versions
                 WHERE account = ?1 AND region = ?2 AND (function, number) > (?3, ?4)
                 ORDER BY 1, 2 LIMIT ?5",
            )?;
            let mut rows = statement.query(params![scope.account, scope.region, name, number, limit])?;
            let mut listed = Vec::new();
            while let Some(row) = rows.next()? {
                let id = FunctionId { scope: scope.clone(), name: row.get(0)? };
                let document: String = row.get(2)?;
                listed.push(match row.get::<_, i64>(1)? {
                    view::LATEST => {
                        let function: Function = serde_json::from_str(&document)?;
                        ListedVersion { id, name: Target::Latest, version: function.latest }
                    }
                    _ => {
                        let published: PublishedVersion = serde_json::from_str(&document)?;
                        ListedVersion { id, name: published.name.into(), version: published.version }
                    }
                });
            }
            Ok(listed)
        })
        .await?
    }

    /// Functions whose last word is not said, or that of one of their versions: being prepared, or failed to be
    /// created.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unsettled_functions(&self) -> Result<Vec<FunctionId>, Error> {
        self.run(|connection| {
            let mut statement = connection.prepare(
                "SELECT account, region, name FROM functions WHERE settled = 0
                 UNION SELECT account, region, function FROM versions WHERE settled = 0",
            )?;
            let rows = statement.query_map([], |row| {
                let scope = Scope { account: row.get(0)?, region: row.get(1)? };
                Ok(FunctionId { scope, name: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await?
    }
}

/// Writes a function.
pub(super) fn write_function(transaction: &Transaction<'_>, function: &Function) -> Result<(), Error> {
    let id = &function.id;
    let settled = match function.latest.state {
        State::Active | State::ActiveNonInvocable => !function.needs_preparation(),
        State::Pending(_) | State::Failed(_) => false,
    };
    transaction
        .prepare_cached(
            "INSERT INTO functions (account, region, name, settled, document) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET settled = excluded.settled, document = excluded.document",
        )?
        .execute(params![
            id.scope.account,
            id.scope.region,
            id.name,
            settled,
            serde_json::to_string(function)?
        ])?;
    providers::write(transaction, id, "$LATEST", &function.latest.configuration)?;
    write_archive_uses(transaction, &id.arn(), function.archives())
}
