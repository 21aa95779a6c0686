//! What requests cost does not grow with what is in the store.

use std::collections::BTreeMap;

use rusqlite::StatementStatus;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::*;

/// A store with so many functions, each with three versions, an alias and a reservation.
async fn store_of(functions: usize) -> Store {
    let store = in_memory();
    for at in 0..functions {
        add(&store, &name(at)).await;
    }
    store
}

fn name(at: usize) -> String {
    format!("f-{at:04}")
}

async fn add(store: &Store, name: &str) {
    assert!(super::add(store, function(name, name), None).await.unwrap());
    let changing = id(name);
    let changed = store.change(&changing, |changing| {
        for number in 0..3 {
            let fresh = fresh(&format!("{}-{number}", changing.function.id.name));
            changing.function.latest.deployment = fresh.deployment.clone();
            let published =
                changing.function.publish(PublishTo::Number, None, None, fresh, "r".into()).version().clone();
            changing.put_version(&published)?;
        }
        let (live, target) = ("live".to_owned(), Target::Number(1));
        let alias =
            Alias { name: live, description: String::new(), target, routing: None, revision: "r".into() };
        Ok(changing.put_alias(&alias)?)
    });
    changed.await.unwrap();
    let reserving = id(name);
    let reserved =
        store.transact::<_, Error>(move |resources| resources.attach(&reserving, "$LATEST", &Reserved(1)));
    reserved.await.unwrap();
}

/// Steps of SQLite's machine that `work` takes, by statement.
async fn steps(store: &Store, work: impl Future<Output = ()>) -> BTreeMap<String, i32> {
    let counted = Arc::new(Mutex::new(BTreeMap::new()));
    let counting = Arc::clone(&counted);
    {
        let mut connection = store.connection.lock().unwrap();
        // A statement that stays prepared goes on counting.
        connection.flush_prepared_statement_cache();
        let count = move |event: TraceEvent<'_>| {
            if let TraceEvent::Profile(statement, _) = event {
                let steps = statement.get_status(StatementStatus::VmStep);
                counting.lock().unwrap().insert(statement.sql().to_string(), steps);
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(count)).unwrap();
    }
    work.await;
    let mut connection = store.connection.lock().unwrap();
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, None::<fn(TraceEvent<'_>)>).unwrap();
    let steps = std::mem::take(&mut *counted.lock().unwrap());
    assert!(!steps.is_empty(), "nothing was counted");
    steps
}

/// Whether `work` takes the same steps among few functions and among many.
async fn check<F: Future<Output = ()>>(what: &str, work: impl Fn(Store) -> F) {
    let (few, many) = (store_of(20).await, store_of(200).await);
    let among_few = steps(&few, work(few.clone())).await;
    let among_many = steps(&many, work(many.clone())).await;
    for (statement, steps) in &among_few {
        assert_eq!(among_many.get(statement), Some(steps), "{what}: {statement}");
    }
    assert_eq!(among_few.len(), among_many.len(), "{what}");
}

#[tokio::test]
async fn a_function_is_found_as_fast_among_many() {
    check("read", |store| async move {
        let one = id("f-0010");
        let found = store.read::<_, Error, _>(&one, |view| {
            Ok((
                view.function()?,
                view.version(VersionName::Number(2))?,
                view.alias("live")?,
                view.versions(Some(VersionName::Number(1)), 10)?,
            ))
        });
        assert!(found.await.unwrap().0.is_some());
        let reserved = store.transact::<_, Error>(move |resources| {
            resources.usage(&scope())?;
            resources.attached::<Reserved>(&one, "$LATEST")
        });
        assert_eq!(reserved.await.unwrap(), Some(Reserved(1)));
    })
    .await;
}

#[tokio::test]
async fn a_page_is_listed_as_fast_among_many() {
    check("page of functions", |store| async move {
        let page = store.functions(&scope(), Some("f-0004"), 10).await.unwrap();
        assert_eq!(page.len(), 10);
    })
    .await;
    check("page of versions", |store| async move {
        let page = store.versions(&scope(), Some(("f-0004", Target::Number(1))), 10).await.unwrap();
        assert_eq!(page.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_function_is_added_changed_and_removed_as_fast_among_many() {
    check("add", |store| async move { add(&store, "f-0004-new").await }).await;
    check("change", |store| async move {
        let one = id("f-0004");
        let changed = store.change_function(&one, |function| {
            function.latest.revision = "other".into();
            Ok(())
        });
        assert!(changed.await.is_ok());
    })
    .await;
    check("remove a version and an alias", |store| async move {
        let one = id("f-0004");
        let removed = store.change(&one, |changing| {
            let version = changing.version(VersionName::Number(2))?.unwrap();
            changing.remove_version(&version)?;
            Ok(changing.remove_alias("live")?)
        });
        assert!(removed.await.is_ok());
    })
    .await;
    check("remove", |store| async move {
        assert!(store.delete_function(&id("f-0004")).await.unwrap().is_some());
        let digest = Digest("f-0004".into());
        assert!(!store.archive_is_in_use(&digest).await.unwrap());
    })
    .await;
}
