//! Layer versions, by layer and number.

use lambdock_domain::{LayerId, LayerVersion, Scope};
use rusqlite::{OptionalExtension, params};

use super::{Error, Resources};

impl Resources<'_> {
    /// The number of the next version of a layer, which is taken by asking.
    ///
    /// # Errors
    /// The store failed.
    pub fn next_layer_number(&self, layer: &LayerId) -> Result<u64, Error> {
        let number: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO layers VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            )?
            .query_row(params![layer.scope.account, layer.scope.region, layer.name], |row| row.get(0))?;
        Ok(number.unsigned_abs())
    }

    /// One version of a layer.
    ///
    /// # Errors
    /// The store failed.
    pub fn layer_version(&self, layer: &LayerId, number: u64) -> Result<Option<LayerVersion>, Error> {
        let document: Option<String> = self
            .transaction
            .prepare_cached(
                "SELECT document FROM layer_versions
                 WHERE account = ?1 AND region = ?2 AND layer = ?3 AND number = ?4",
            )?
            .query_row(params![layer.scope.account, layer.scope.region, layer.name, signed(number)], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
    }

    /// Adds a version or changes it; its archive is kept.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_layer_version(&self, version: &LayerVersion) -> Result<(), Error> {
        let LayerId { scope, name } = &version.layer;
        self.transaction
            .prepare_cached(
                "INSERT INTO layer_versions VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET document = excluded.document",
            )?
            .execute(params![
                scope.account,
                scope.region,
                name,
                signed(version.number),
                serde_json::to_string(version)?
            ])?;
        super::write_archive_uses(&self.transaction, &version.arn(), [&version.digest])
    }

    /// Removes a version, whose archive is kept for as long as functions use it.
    ///
    /// # Errors
    /// The store failed.
    pub fn remove_layer_version(&self, version: &LayerVersion) -> Result<(), Error> {
        let LayerId { scope, name } = &version.layer;
        self.transaction
            .prepare_cached(
                "DELETE FROM layer_versions WHERE account = ?1 AND region = ?2 AND layer = ?3 AND number = ?4",
            )?
            .execute(params![scope.account, scope.region, name, signed(version.number)])?;
        super::write_archive_uses(&self.transaction, &version.arn(), [])
    }

    /// All versions of a layer, the newest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn layer_versions(&self, layer: &LayerId) -> Result<Vec<LayerVersion>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT document FROM layer_versions
             WHERE account = ?1 AND region = ?2 AND layer = ?3 ORDER BY number DESC",
        )?;
        let key = params![layer.scope.account, layer.scope.region, layer.name];
        let rows = statement.query_map(key, |row| row.get::<_, String>(0))?;
        rows.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
    }

    /// Layers of an account and region by name, those after `after`, at most `limit`: of each the newest version that
    /// `wanted` wants.
    ///
    /// # Errors
    /// The store failed.
    pub fn layers(
        &self,
        scope: &Scope,
        after: &str,
        limit: usize,
        wanted: impl Fn(&LayerVersion) -> bool,
    ) -> Result<Vec<LayerVersion>, Error> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT layer, document FROM layer_versions
             WHERE account = ?1 AND region = ?2 AND layer > ?3 ORDER BY layer, number DESC",
        )?;
        let mut rows = statement.query(params![scope.account, scope.region, after])?;
        let mut newest: Vec<LayerVersion> = Vec::new();
        while newest.len() < limit
            && let Some(row) = rows.next()?
        {
            let layer: String = row.get(0)?;
            if newest.last().is_some_and(|found| found.layer.name == layer) {
                continue;
            }
            let version: LayerVersion = serde_json::from_str(&row.get::<_, String>(1)?)?;
            if wanted(&version) {
                newest.push(version);
            }
        }
        Ok(newest)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
