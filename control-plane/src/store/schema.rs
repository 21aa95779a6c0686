//! Tables, and how a database of an older Lambdock becomes one of this.

use rusqlite::Connection;

use super::Error;

/// One step per schema version, in order; never changed once released.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE functions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        -- 0 while something is to be prepared or has failed to be created: what a restart has to look at.
        settled INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, name)
    ) WITHOUT ROWID;
    CREATE INDEX functions_unsettled ON functions (account) WHERE settled = 0;
    CREATE TABLE archive_uses (
        owner TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (owner, digest)
    ) WITHOUT ROWID;
    CREATE INDEX archive_uses_by_digest ON archive_uses (digest);
",
    "
    CREATE TABLE versions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        function TEXT NOT NULL,
        number INTEGER NOT NULL,
        -- 0 while it is not Active.
        settled INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, function, number)
    ) WITHOUT ROWID;
    CREATE INDEX versions_unsettled ON versions (account, region, function) WHERE settled = 0;
    CREATE TABLE aliases (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        function TEXT NOT NULL,
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, function, name)
    ) WITHOUT ROWID;
",
    "
    -- What hangs on functions, by kind, and on each of their versions and aliases.
    CREATE TABLE attachments (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        kind TEXT NOT NULL,
        function TEXT NOT NULL,
        qualifier TEXT NOT NULL,
        -- By which it is looked up without its function; NULL: never.
        handle TEXT,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, kind, function, qualifier)
    ) WITHOUT ROWID;
    CREATE INDEX attachments_by_function ON attachments (account, region, function);
    CREATE INDEX attachments_by_handle ON attachments (kind, handle) WHERE handle IS NOT NULL;
    CREATE TABLE code_signing_configs (
        -- Lists are in the order of creation.
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        id TEXT NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (account, region, id)
    );
",
    "
    CREATE TABLE event_source_mappings (
        -- Lists are in the order of creation.
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        uuid TEXT NOT NULL,
        -- FunctionArn and EventSourceArn, for lists; NULL: the source has no ARN.
        function TEXT NOT NULL,
        source TEXT,
        -- 0 while it is in transition.
        settled INTEGER NOT NULL,
        document TEXT NOT NULL,
        UNIQUE (account, region, uuid)
    );
    CREATE INDEX event_source_mappings_by_function ON event_source_mappings (function);
    CREATE INDEX event_source_mappings_by_source ON event_source_mappings (source);
    CREATE INDEX event_source_mappings_unsettled ON event_source_mappings (account) WHERE settled = 0;
    CREATE TABLE capacity_providers (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        -- 0 while it is in transition.
        settled INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, name)
    ) WITHOUT ROWID;
",
    "
    -- What an account uses of its quotas in a region: counted as it changes, however much there is.
    CREATE TABLE usage (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        functions INTEGER NOT NULL,
        -- Bytes of all archives, for each use.
        code_size INTEGER NOT NULL,
        PRIMARY KEY (account, region)
    ) WITHOUT ROWID;
    INSERT INTO usage SELECT account, region, SUM(functions), SUM(code_size) FROM (
        SELECT account, region, 1 AS functions,
            COALESCE(json_extract(document, '$.latest.code.zip.size'), 0) AS code_size FROM functions
        UNION ALL
        SELECT account, region, 0, COALESCE(json_extract(document, '$.version.code.zip.size'), 0) FROM versions
    ) GROUP BY account, region;
    CREATE TRIGGER function_added AFTER INSERT ON functions BEGIN
        INSERT INTO usage VALUES (
            NEW.account, NEW.region, 1, COALESCE(json_extract(NEW.document, '$.latest.code.zip.size'), 0)
        ) ON CONFLICT DO UPDATE SET functions = functions + 1, code_size = code_size + excluded.code_size;
    END;
    CREATE TRIGGER function_changed AFTER UPDATE OF document ON functions BEGIN
        UPDATE usage SET code_size = code_size
            + COALESCE(json_extract(NEW.document, '$.latest.code.zip.size'), 0)
            - COALESCE(json_extract(OLD.document, '$.latest.code.zip.size'), 0)
        WHERE account = NEW.account AND region = NEW.region;
    END;
    CREATE TRIGGER function_removed AFTER DELETE ON functions BEGIN
        UPDATE usage SET functions = functions - 1,
            code_size = code_size - COALESCE(json_extract(OLD.document, '$.latest.code.zip.size'), 0)
        WHERE account = OLD.account AND region = OLD.region;
    END;
    CREATE TRIGGER version_added AFTER INSERT ON versions BEGIN
        INSERT INTO usage VALUES (
            NEW.account, NEW.region, 0, COALESCE(json_extract(NEW.document, '$.version.code.zip.size'), 0)
        ) ON CONFLICT DO UPDATE SET code_size = code_size + excluded.code_size;
    END;
    -- The code of a version never changes.
    CREATE TRIGGER version_removed AFTER DELETE ON versions BEGIN
        UPDATE usage SET code_size = code_size
            - COALESCE(json_extract(OLD.document, '$.version.code.zip.size'), 0)
        WHERE account = OLD.account AND region = OLD.region;
    END;
",
    "
    CREATE TABLE layers (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        -- The number of its last version, whether or not that is still there.
        last INTEGER NOT NULL,
        PRIMARY KEY (account, region, name)
    ) WITHOUT ROWID;
    CREATE TABLE layer_versions (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        layer TEXT NOT NULL,
        number INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, layer, number)
    ) WITHOUT ROWID;
    CREATE TRIGGER layer_version_added AFTER INSERT ON layer_versions BEGIN
        INSERT INTO usage VALUES (NEW.account, NEW.region, 0, json_extract(NEW.document, '$.size'))
        ON CONFLICT DO UPDATE SET code_size = code_size + excluded.code_size;
    END;
    CREATE TRIGGER layer_version_removed AFTER DELETE ON layer_versions BEGIN
        UPDATE usage SET code_size = code_size - json_extract(OLD.document, '$.size')
        WHERE account = OLD.account AND region = OLD.region;
    END;
",
    "
    -- $LATEST.PUBLISHED is number 0, and is written again with other code.
    CREATE TRIGGER latest_published_changed AFTER UPDATE OF document ON versions WHEN NEW.number = 0 BEGIN
        UPDATE usage SET code_size = code_size
            + COALESCE(json_extract(NEW.document, '$.version.code.zip.size'), 0)
            - COALESCE(json_extract(OLD.document, '$.version.code.zip.size'), 0)
        WHERE account = NEW.account AND region = NEW.region;
    END;
",
];

/// Statements that stay prepared: more than there are.
const STATEMENTS: usize = 256;

/// Sets the connection up and brings the schema to the newest version, each step in its own transaction.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Error> {
    // A commit is in the log before a request is answered; only a power failure can take the last ones back, and
    // even then the database is whole.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let known = i64::try_from(MIGRATIONS.len()).expect("there are few migrations");
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for (version, step) in (1..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
