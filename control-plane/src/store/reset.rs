//! Back to an empty store.

use std::sync::Arc;

use lambdock_domain::code::Digest;
use lambdock_domain::concurrency::Share;
use lambdock_domain::{Function, PublishedVersion};
use rusqlite::Transaction;

use super::{Error, Store};

/// What there was.
#[derive(Debug, Default)]
pub struct Removed {
    /// All functions.
    pub functions: Vec<Function>,
    /// All versions of all functions.
    pub versions: Vec<PublishedVersion>,
    /// Archives that something used.
    pub archives: Vec<Digest>,
}

/// Triggers of others write into the last two.
const TABLES: [&str; 12] = [
    "attachments",
    "aliases",
    "versions",
    "functions",
    "archive_uses",
    "code_signing_configs",
    "event_source_mappings",
    "capacity_providers",
    "layer_versions",
    "layers",
    "former_urls",
    "usage",
];

impl Store {
    /// Removes everything, of all accounts and regions, in one step.
    ///
    /// # Errors
    /// The store failed, and nothing has changed.
    pub async fn reset(&self) -> Result<Removed, Error> {
        let observer = Arc::clone(&self.observer);
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let removed = Removed {
                functions: documents(&transaction, "functions")?,
                versions: documents(&transaction, "versions")?,
                archives: archives(&transaction)?,
            };
            for table in TABLES {
                transaction.execute(&format!("DELETE FROM {table}"), [])?;
            }
            transaction.commit()?;
            for function in &removed.functions {
                observer.changed(&function.id);
                let function = function.id.clone();
                observer.concurrency(&Share { function, reserved: None, provisioned: 0 });
            }
            Ok(removed)
        })
        .await?
    }
}

fn documents<T: serde::de::DeserializeOwned>(
    transaction: &Transaction<'_>,
    table: &str,
) -> Result<Vec<T>, Error> {
    let mut statement = transaction.prepare(&format!("SELECT document FROM {table}"))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
}

fn archives(transaction: &Transaction<'_>) -> Result<Vec<Digest>, Error> {
    let mut statement = transaction.prepare("SELECT DISTINCT digest FROM archive_uses")?;
    let rows = statement.query_map([], |row| row.get(0).map(Digest))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::*;
    use crate::store::schema;

    #[test]
    fn every_table_is_emptied() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let mut statement = connection
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            .unwrap();
        let tables: BTreeSet<String> =
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let emptied: BTreeSet<String> = TABLES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(emptied, tables);
    }
}
