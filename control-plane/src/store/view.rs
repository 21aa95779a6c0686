//! One function with its versions and aliases, as one transaction sees them.

use std::ops::Deref;

use lambdock_domain::alias::Target;
use lambdock_domain::{Alias, Function, FunctionId, PublishedVersion, VersionName};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;

use super::{Attachment, Error};

/// Reads what belongs to one function.
pub struct FunctionView<'a> {
    pub(super) connection: &'a Connection,
    pub(super) id: &'a FunctionId,
}

impl<'a> FunctionView<'a> {
    pub(super) fn new(connection: &'a Connection, id: &'a FunctionId) -> Self {
        Self { connection, id }
    }

    /// The function itself, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub fn function(&self) -> Result<Option<Function>, Error> {
        let FunctionId { scope, name } = self.id;
        let document: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT document FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3",
            )?
            .query_row(params![scope.account, scope.region, name], |row| row.get(0))
            .optional()?;
        document.as_deref().map(read).transpose()
    }

    /// A published version, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub fn version(&self, name: VersionName) -> Result<Option<PublishedVersion>, Error> {
        let number = column(name);
        let FunctionId { scope, name } = self.id;
        let document: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT document FROM versions
                 WHERE account = ?1 AND region = ?2 AND function = ?3 AND number = ?4",
            )?
            .query_row(params![scope.account, scope.region, name, number], |row| row.get(0))
            .optional()?;
        document.as_deref().map(read).transpose()
    }

    /// Published versions, `$LATEST.PUBLISHED` before the numbers, at most `limit`, those after `after`.
    ///
    /// # Errors
    /// The store failed.
    pub fn versions(&self, after: Option<VersionName>, limit: usize) -> Result<Vec<PublishedVersion>, Error> {
        let after = after.map_or(LATEST, column);
        let FunctionId { scope, name } = self.id;
        let mut statement = self.connection.prepare_cached(
            "SELECT document FROM versions
             WHERE account = ?1 AND region = ?2 AND function = ?3 AND number > ?4 ORDER BY number LIMIT ?5",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![scope.account, scope.region, name, after, limit], |row| {
            row.get::<_, String>(0)
        })?;
        rows.map(|document| read(&document?)).collect()
    }

    /// Versions that are not Active.
    ///
    /// # Errors
    /// The store failed.
    pub fn unsettled_versions(&self) -> Result<Vec<PublishedVersion>, Error> {
        let FunctionId { scope, name } = self.id;
        let mut statement = self.connection.prepare_cached(
            "SELECT document FROM versions
             WHERE account = ?1 AND region = ?2 AND function = ?3 AND settled = 0 ORDER BY number",
        )?;
        let rows =
            statement.query_map(params![scope.account, scope.region, name], |row| row.get::<_, String>(0))?;
        rows.map(|document| read(&document?)).collect()
    }

    /// An alias, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub fn alias(&self, alias: &str) -> Result<Option<Alias>, Error> {
        let FunctionId { scope, name } = self.id;
        let document: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT document FROM aliases
                 WHERE account = ?1 AND region = ?2 AND function = ?3 AND name = ?4",
            )?
            .query_row(params![scope.account, scope.region, name, alias], |row| row.get(0))
            .optional()?;
        document.as_deref().map(read).transpose()
    }

    /// Aliases by name, those after `after`, at most `limit` of those that `wanted` wants.
    ///
    /// # Errors
    /// The store failed.
    pub fn aliases(
        &self,
        after: &str,
        limit: usize,
        wanted: impl Fn(&Alias) -> bool,
    ) -> Result<Vec<Alias>, Error> {
        let FunctionId { scope, name } = self.id;
        let mut statement = self.connection.prepare_cached(
            "SELECT document FROM aliases
             WHERE account = ?1 AND region = ?2 AND function = ?3 AND name > ?4 ORDER BY name",
        )?;
        let rows = statement
            .query_map(params![scope.account, scope.region, name, after], |row| row.get::<_, String>(0))?;
        let aliases = rows.map(|document| read::<Alias>(&document?));
        aliases.filter(|alias| alias.as_ref().map_or(true, &wanted)).take(limit).collect()
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// The store failed.
    pub fn has(&self, target: Target) -> Result<bool, Error> {
        Ok(match target {
            Target::Latest => self.function()?.is_some(),
            Target::LatestPublished => self.version(VersionName::LatestPublished)?.is_some(),
            Target::Number(number) => self.version(VersionName::Number(number))?.is_some(),
        })
    }
}

/// Changes what belongs to one function. The function itself is written at the end, if it changed.
pub struct FunctionChange<'a> {
    view: FunctionView<'a>,
    transaction: &'a Transaction<'a>,
    /// The function; change it in place.
    pub function: Function,
    pub(super) touched: bool,
}

impl<'a> Deref for FunctionChange<'a> {
    type Target = FunctionView<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl<'a> FunctionChange<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, id: &'a FunctionId, function: Function) -> Self {
        let view = FunctionView::new(transaction, id);
        Self { view, transaction, function, touched: false }
    }

    /// Adds or replaces a version.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_version(&mut self, version: &PublishedVersion) -> Result<(), Error> {
        self.touched = true;
        write_version(self.transaction, self.view.id, version)
    }

    /// Removes a version and what hangs on it.
    ///
    /// # Errors
    /// The store failed.
    pub fn remove_version(&mut self, version: &PublishedVersion) -> Result<(), Error> {
        self.touched = true;
        let id = self.view.id;
        self.transaction
            .prepare_cached(
                "DELETE FROM versions WHERE account = ?1 AND region = ?2 AND function = ?3 AND number = ?4",
            )?
            .execute(params![id.scope.account, id.scope.region, id.name, column(version.name)])?;
        super::attachments::remove(self.transaction, id, &version.name.to_string())?;
        super::write_archive_uses(self.transaction, &owner(id, version), [])
    }

    /// What hangs on the function, a version or an alias of one kind.
    ///
    /// # Errors
    /// The store failed.
    pub fn attached<T: Attachment>(&self, qualifier: &str) -> Result<Option<T>, Error> {
        super::attachments::find(self.transaction, self.view.id, qualifier)
    }

    /// Puts something in place of what hangs there of its kind.
    ///
    /// # Errors
    /// The store failed.
    pub fn attach<T: Attachment>(&mut self, qualifier: &str, value: &T) -> Result<(), Error> {
        self.touched = true;
        super::attachments::write(self.transaction, self.view.id, qualifier, value)
    }

    /// Adds or replaces an alias.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_alias(&mut self, alias: &Alias) -> Result<(), Error> {
        self.touched = true;
        let FunctionId { scope, name } = self.view.id;
        self.transaction
            .prepare_cached(
                "INSERT INTO aliases (account, region, function, name, document) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET document = excluded.document",
            )?
            .execute(params![scope.account, scope.region, name, alias.name, serde_json::to_string(alias)?])?;
        Ok(())
    }

    /// Removes an alias, if it exists, and what hangs on it.
    ///
    /// # Errors
    /// The store failed.
    pub fn remove_alias(&mut self, alias: &str) -> Result<(), Error> {
        self.touched = true;
        let FunctionId { scope, name } = self.view.id;
        self.transaction
            .prepare_cached(
                "DELETE FROM aliases WHERE account = ?1 AND region = ?2 AND function = ?3 AND name = ?4",
            )?
            .execute(params![scope.account, scope.region, name, alias])?;
        super::attachments::remove(self.transaction, self.view.id, alias)
    }
}

/// Writes a version of the function `id`.
pub(super) fn write_version(
    transaction: &Transaction<'_>,
    id: &FunctionId,
    version: &PublishedVersion,
) -> Result<(), Error> {
    transaction
        .prepare_cached(
            "INSERT INTO versions (account, region, function, number, settled, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET settled = excluded.settled, document = excluded.document",
        )?
        .execute(params![
            id.scope.account,
            id.scope.region,
            id.name,
            column(version.name),
            version.is_settled(),
            serde_json::to_string(version)?
        ])?;
    super::providers::write(transaction, id, &version.name.to_string(), &version.version.configuration)?;
    super::write_archive_uses(transaction, &owner(id, version), version.archives())
}

/// Removes all versions and aliases of the function `id`; returns the versions.
pub(super) fn remove_all(
    transaction: &Transaction<'_>,
    id: &FunctionId,
) -> Result<Vec<PublishedVersion>, Error> {
    let versions = FunctionView::new(transaction, id).versions(None, usize::MAX)?;
    let FunctionId { scope, name } = id;
    for table in ["versions", "aliases"] {
        let statement = format!("DELETE FROM {table} WHERE account = ?1 AND region = ?2 AND function = ?3");
        transaction.execute(&statement, params![scope.account, scope.region, name])?;
    }
    for version in &versions {
        super::write_archive_uses(transaction, &owner(id, version), [])?;
    }
    Ok(versions)
}

/// The name under which a version uses its archive.
fn owner(id: &FunctionId, version: &PublishedVersion) -> String {
    id.qualified_arn(&version.name.to_string())
}

/// `$LATEST` where it is listed among published versions, which it comes before.
pub(super) const LATEST: i64 = -1;

/// The number of a version in its table, by which versions are in their order.
pub(super) fn column(name: VersionName) -> i64 {
    i64::try_from(u64::from(name)).unwrap_or(i64::MAX)
}

fn read<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    Ok(serde_json::from_str(document)?)
}
