//! What hangs on functions: documents of several kinds, one of each kind for a function, version or alias.
//!
//! They go with the function, in the same transaction.

use std::borrow::Cow;
use std::sync::Arc;

use lambdock_domain::capacity_provider::FunctionScaling;
use lambdock_domain::code_signing::FunctionCodeSigning;
use lambdock_domain::concurrency::{Provisioned, Reserved, Share};
use lambdock_domain::event_invoke::EventInvokeConfig;
use lambdock_domain::function_url::FunctionUrl;
use lambdock_domain::policy::Policy;
use lambdock_domain::recursion::RecursiveLoop;
use lambdock_domain::runtime_management::RuntimeManagement;
use lambdock_domain::{FunctionId, Scope};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, Resources, Store};

/// Something that hangs on a function or on one of its versions and aliases.
pub trait Attachment: Serialize + DeserializeOwned {
    /// Tells kinds apart; never changed once released.
    const KIND: &'static str;

    /// By which it can be found without knowing its function.
    fn handle(&self) -> Option<Cow<'_, str>> {
        None
    }
}

impl Attachment for Policy {
    const KIND: &'static str = "policy";
}

impl Attachment for Reserved {
    const KIND: &'static str = "reserved_concurrency";
}

impl Attachment for Provisioned {
    const KIND: &'static str = "provisioned_concurrency";
}

impl Attachment for EventInvokeConfig {
    const KIND: &'static str = "event_invoke_config";
}

impl Attachment for FunctionUrl {
    const KIND: &'static str = "function_url";

    /// In lower case, for it is the first part of a host name.
    fn handle(&self) -> Option<Cow<'_, str>> {
        Some(self.id.to_ascii_lowercase().into())
    }
}

impl Attachment for FunctionCodeSigning {
    const KIND: &'static str = "code_signing_config";

    fn handle(&self) -> Option<Cow<'_, str>> {
        Some(self.0.as_str().into())
    }
}

impl Attachment for RuntimeManagement {
    const KIND: &'static str = "runtime_management";
}

impl Attachment for FunctionScaling {
    const KIND: &'static str = "function_scaling";
}

impl Attachment for RecursiveLoop {
    const KIND: &'static str = "recursive_loop";
}

/// An attachment and what it hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached<T> {
    /// The function.
    pub function: FunctionId,
    /// `$LATEST`, a version or an alias.
    pub qualifier: String,
    /// The attachment.
    pub value: T,
}

impl Resources<'_> {
    /// The attachment of one kind.
    ///
    /// # Errors
    /// The store failed.
    pub fn attached<T: Attachment>(&self, id: &FunctionId, qualifier: &str) -> Result<Option<T>, Error> {
        find(&self.transaction, id, qualifier)
    }

    /// Puts an attachment in place of the one of its kind, if there is one. The function must exist.
    ///
    /// # Errors
    /// The store failed.
    pub fn attach<T: Attachment>(&self, id: &FunctionId, qualifier: &str, value: &T) -> Result<(), Error> {
        self.touch(id);
        write(&self.transaction, id, qualifier, value)
    }

    /// Removes an attachment. `false`: there was none.
    ///
    /// # Errors
    /// The store failed.
    pub fn detach<T: Attachment>(&self, id: &FunctionId, qualifier: &str) -> Result<bool, Error> {
        self.touch(id);
        let removed = self
            .transaction
            .prepare_cached(
                "DELETE FROM attachments
                 WHERE account = ?1 AND region = ?2 AND kind = ?3 AND function = ?4 AND qualifier = ?5",
            )?
            .execute(params![id.scope.account, id.scope.region, T::KIND, id.name, qualifier])?;
        Ok(removed > 0)
    }

    /// What hangs on a function and its versions and aliases of one kind, by qualifier.
    ///
    /// # Errors
    /// The store failed.
    pub fn attached_to<T: Attachment>(&self, id: &FunctionId) -> Result<Vec<Attached<T>>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT account, region, function, qualifier, document FROM attachments
             WHERE account = ?1 AND region = ?2 AND kind = ?3 AND function = ?4 ORDER BY qualifier",
        )?;
        let rows =
            statement.query_map(params![id.scope.account, id.scope.region, T::KIND, id.name], columns)?;
        rows.map(|row| read(row?)).collect()
    }

    /// What hangs on all functions of an account and region of one kind, by function and qualifier.
    ///
    /// # Errors
    /// The store failed.
    pub fn attached_in<T: Attachment>(&self, scope: &Scope) -> Result<Vec<Attached<T>>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT account, region, function, qualifier, document FROM attachments
             WHERE account = ?1 AND region = ?2 AND kind = ?3 ORDER BY function, qualifier",
        )?;
        let rows = statement.query_map(params![scope.account, scope.region, T::KIND], columns)?;
        rows.map(|row| read(row?)).collect()
    }

    /// What one kind has with this handle in an account and region, by function and qualifier, at most `limit`, those
    /// after `after`.
    ///
    /// # Errors
    /// The store failed.
    pub fn attached_by_after<T: Attachment>(
        &self,
        handle: &str,
        scope: &Scope,
        (function, qualifier): (&str, &str),
        limit: usize,
    ) -> Result<Vec<Attached<T>>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT account, region, function, qualifier, document FROM attachments
             WHERE kind = ?1 AND handle = ?2 AND account = ?3 AND region = ?4 AND (function, qualifier) > (?5, ?6)
             ORDER BY function, qualifier LIMIT ?7",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(
            params![T::KIND, handle, scope.account, scope.region, function, qualifier, limit],
            columns,
        )?;
        rows.map(|row| read(row?)).collect()
    }

    /// Everything of one kind with this handle, whosever it is, by account, region and function.
    ///
    /// # Errors
    /// The store failed.
    pub fn attached_by<T: Attachment>(&self, handle: &str) -> Result<Vec<Attached<T>>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT account, region, function, qualifier, document FROM attachments
             WHERE kind = ?1 AND handle = ?2 ORDER BY account, region, function, qualifier",
        )?;
        let rows = statement.query_map(params![T::KIND, handle], columns)?;
        rows.map(|row| read(row?)).collect()
    }
}

impl Store {
    /// Tells the observer, after a start, of all functions that keep concurrency for themselves.
    ///
    /// # Errors
    /// The store failed.
    pub async fn tell_concurrency(&self) -> Result<(), Error> {
        let observer = Arc::clone(&self.observer);
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let functions: Vec<FunctionId> = {
                let mut statement = transaction.prepare(
                    "SELECT DISTINCT account, region, function FROM attachments WHERE kind IN (?1, ?2)",
                )?;
                let rows = statement.query_map([Reserved::KIND, Provisioned::KIND], |row| {
                    let scope = Scope { account: row.get(0)?, region: row.get(1)? };
                    Ok(FunctionId { scope, name: row.get(2)? })
                })?;
                rows.collect::<Result<_, _>>()?
            };
            for id in functions {
                observer.concurrency(&share(&transaction, &id)?);
                observer.changed(&id);
            }
            Ok(())
        })
        .await?
    }
}

/// The attachment of one kind.
pub(super) fn find<T: Attachment>(
    connection: &Connection,
    id: &FunctionId,
    qualifier: &str,
) -> Result<Option<T>, Error> {
    let document: Option<String> = connection
        .prepare_cached(
            "SELECT document FROM attachments
             WHERE account = ?1 AND region = ?2 AND kind = ?3 AND function = ?4 AND qualifier = ?5",
        )?
        .query_row(params![id.scope.account, id.scope.region, T::KIND, id.name, qualifier], |row| row.get(0))
        .optional()?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
}

/// Adds or replaces an attachment.
pub(super) fn write<T: Attachment>(
    transaction: &Transaction<'_>,
    id: &FunctionId,
    qualifier: &str,
    value: &T,
) -> Result<(), Error> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO attachments (account, region, kind, function, qualifier, handle, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET handle = excluded.handle, document = excluded.document",
    )?;
    let document = serde_json::to_string(value)?;
    let Scope { account, region } = &id.scope;
    insert.execute(params![account, region, T::KIND, id.name, qualifier, value.handle(), document])?;
    Ok(())
}

/// What the function keeps of its account's concurrency.
pub(super) fn share(transaction: &Transaction<'_>, id: &FunctionId) -> Result<Share, Error> {
    let mut statement = transaction.prepare_cached(
        "SELECT document FROM attachments WHERE account = ?1 AND region = ?2 AND kind = ?3 AND function = ?4",
    )?;
    let mut documents = |kind: &str| {
        let rows = statement.query_map(params![id.scope.account, id.scope.region, kind, id.name], |row| {
            row.get::<_, String>(0)
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut share = Share { function: id.clone(), reserved: None, provisioned: 0 };
    for document in documents(Reserved::KIND)? {
        share.reserved = Some(serde_json::from_str::<Reserved>(&document)?.0);
    }
    for document in documents(Provisioned::KIND)? {
        let provisioned: Provisioned = serde_json::from_str(&document)?;
        share.provisioned = share.provisioned.saturating_add(provisioned.requested);
    }
    Ok(share)
}

/// Removes what hangs on a version or an alias. Left to itself, SQLite would look at the whole account.
pub(super) fn remove(transaction: &Transaction<'_>, id: &FunctionId, qualifier: &str) -> Result<(), Error> {
    transaction
        .prepare_cached(
            "DELETE FROM attachments INDEXED BY attachments_by_function
             WHERE account = ?1 AND region = ?2 AND function = ?3 AND qualifier = ?4",
        )?
        .execute(params![id.scope.account, id.scope.region, id.name, qualifier])?;
    Ok(())
}

/// Removes what hangs on a function, its versions and its aliases.
pub(super) fn remove_all(transaction: &Transaction<'_>, id: &FunctionId) -> Result<(), Error> {
    transaction.execute(
        "DELETE FROM attachments INDEXED BY attachments_by_function
         WHERE account = ?1 AND region = ?2 AND function = ?3",
        params![id.scope.account, id.scope.region, id.name],
    )?;
    Ok(())
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Attached<String>> {
    let scope = Scope { account: row.get(0)?, region: row.get(1)? };
    Ok(Attached {
        function: FunctionId { scope, name: row.get(2)? },
        qualifier: row.get(3)?,
        value: row.get(4)?,
    })
}

fn read<T: Attachment>(row: Attached<String>) -> Result<Attached<T>, Error> {
    let value = serde_json::from_str(&row.value)?;
    Ok(Attached { function: row.function, qualifier: row.qualifier, value })
}
