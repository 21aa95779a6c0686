use std::collections::BTreeMap;

use lambdock_domain::alias::{Alias, Target};
use lambdock_domain::code_signing::FunctionCodeSigning;
use lambdock_domain::concurrency::Reserved;
use lambdock_domain::configuration::{ImageConfig, LogFormat, ManagedInstances, TracingMode};
use lambdock_domain::function::{DeploymentId, Fresh};
use lambdock_domain::recursion::RecursiveLoop;
use lambdock_domain::{
    Architecture, CapacityProvider, Code, Configuration, PackageType, PublishTo, PublishedVersion, Scope,
    State, Timestamp, VersionName, capacity_provider,
};

use super::*;

mod growth;

fn function(name: &str, digest: &str) -> Function {
    let configuration = Configuration {
        package_type: PackageType::Zip,
        runtime: Some("python3.12".into()),
        role: "arn:aws:iam::000000000000:role/r".into(),
        handler: Some("h.h".into()),
        description: String::new(),
        timeout_s: 3,
        memory_mb: 128,
        ephemeral_storage_mb: 512,
        architecture: Architecture::X86_64,
        environment: None,
        kms_key_arn: None,
        tracing: TracingMode::PassThrough,
        vpc: None,
        dead_letter_target: None,
        layers: Vec::new(),
        file_systems: Vec::new(),
        image_config: ImageConfig::default(),
        snap_start_on_published_versions: false,
        durable: None,
        managed: None,
        log_format: LogFormat::Text,
        log_group: format!("/aws/lambda/{name}"),
    };
    let code = Code::Zip { digest: Digest(digest.into()), size: 1, unzipped: 2, source_kms_key_arn: None };
    Function::create(id(name), configuration, code, BTreeMap::new(), Timestamp(0), fresh(name))
}

fn fresh(name: &str) -> Fresh {
    Fresh { revision: "r".into(), deployment: DeploymentId(format!("d-{name}")) }
}

/// Remembers what it is told.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn changed(&self, id: &FunctionId) {
        self.0.lock().unwrap().push(id.name.clone());
    }

    fn concurrency(&self, _share: &Share) {}
}

fn in_memory() -> Store {
    Store::in_memory(Arc::new(Recorder::default())).unwrap()
}

fn scope() -> Scope {
    Scope { account: "000000000000".into(), region: "us-east-1".into() }
}

fn id(name: &str) -> FunctionId {
    FunctionId { scope: scope(), name: name.into() }
}

#[tokio::test]
async fn a_name_is_given_once_per_account_and_region() {
    let store = in_memory();
    assert!(add(&store, function("f", "a"), None).await.unwrap());
    assert!(!add(&store, function("f", "b"), None).await.unwrap());
    let mut elsewhere = function("f", "a");
    elsewhere.id.scope.region = "eu-west-1".into();
    assert!(add(&store, elsewhere, None).await.unwrap());
}

#[tokio::test]
async fn functions_are_listed_in_pages_by_name() {
    let store = in_memory();
    for name in ["b", "a", "c"] {
        assert!(add(&store, function(name, "x"), None).await.unwrap());
    }
    let names = |page: Vec<Function>| page.into_iter().map(|f| f.id.name).collect::<Vec<_>>();
    assert_eq!(names(store.functions(&scope(), None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(names(store.functions(&scope(), Some("b"), 2).await.unwrap()), ["c"]);
}

#[tokio::test]
async fn a_refused_change_leaves_no_trace() {
    let store = in_memory();
    assert!(add(&store, function("f", "a"), None).await.unwrap());
    let refused = store
        .change_function(&id("f"), |function| {
            function.tags.insert("half".into(), "done".into());
            Err::<(), _>(lambdock_domain::Error::RevisionMismatch)
        })
        .await;
    assert!(matches!(refused, Err(ChangeError::Refused(lambdock_domain::Error::RevisionMismatch))));
    assert!(store.function(&id("f")).await.unwrap().unwrap().tags.is_empty());
    let missing = store.change_function(&id("nobody"), |_| Ok(())).await;
    assert!(matches!(missing, Err(ChangeError::Missing)));
}

#[tokio::test]
async fn the_store_knows_which_archives_are_needed() {
    let store = in_memory();
    assert!(add(&store, function("f", "shared"), None).await.unwrap());
    assert!(add(&store, function("g", "shared"), None).await.unwrap());
    store.delete_function(&id("f")).await.unwrap().unwrap();
    assert!(store.archive_is_in_use(&Digest("shared".into())).await.unwrap());
    assert_eq!(store.archives_in_use().await.unwrap(), HashSet::from([Digest("shared".into())]));
    store.delete_function(&id("g")).await.unwrap().unwrap();
    assert!(!store.archive_is_in_use(&Digest("shared".into())).await.unwrap());
    assert!(store.delete_function(&id("g")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_reopened_store_has_everything_and_knows_what_is_unsettled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lambdock.db");
    let store = Store::open(&path, Arc::new(Recorder::default())).unwrap();
    assert!(add(&store, function("pending", "a"), None).await.unwrap());
    assert!(add(&store, function("active", "a"), None).await.unwrap());
    let prepared =
        |function: &mut Function| Ok(function.prepared(&DeploymentId("d-active".into()), "r2".into()));
    assert!(store.change_function(&id("active"), prepared).await.unwrap().1);
    drop(store);

    let store = Store::open(&path, Arc::new(Recorder::default())).unwrap();
    assert_eq!(store.functions(&scope(), None, 10).await.unwrap().len(), 2);
    assert_eq!(store.unsettled_functions().await.unwrap(), [id("pending")]);
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lambdock.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9999).unwrap();
    assert!(matches!(
        Store::open(&path, Arc::new(Recorder::default())),
        Err(Error::Newer { found: 9999, .. })
    ));
}

#[tokio::test]
async fn the_observer_hears_of_every_change_and_of_nothing_else() {
    let recorder = Arc::new(Recorder::default());
    let store = Store::in_memory(recorder.clone()).unwrap();
    assert!(add(&store, function("f", "a"), None).await.unwrap());
    assert!(!add(&store, function("f", "a"), None).await.unwrap());
    store.change_function(&id("f"), |_| Ok(())).await.unwrap();
    assert!(store.read(&id("f"), |view| Ok::<_, Error>(view.function()?.is_some())).await.unwrap());
    assert_eq!(*recorder.0.lock().unwrap(), ["f"]);
    store.delete_function(&id("f")).await.unwrap();
    store.delete_function(&id("f")).await.unwrap();
    assert_eq!(*recorder.0.lock().unwrap(), ["f", "f"]);
}

/// Whether there was none of that name.
async fn add(store: &Store, function: Function, version: Option<PublishedVersion>) -> Result<bool, Error> {
    store.transact(move |resources| resources.add_function(&function, version.as_ref())).await
}

fn version(number: u64, digest: &str, state: State) -> PublishedVersion {
    let mut version = function("f", digest).latest;
    version.deployment = DeploymentId(format!("d-{number}"));
    version.state = state;
    let published_from = DeploymentId("d-f".into());
    PublishedVersion { name: VersionName::from(number), version, published_from, before: None }
}

fn alias(name: &str, number: u64) -> Alias {
    let target = Target::Number(number);
    Alias { name: name.into(), description: String::new(), target, routing: None, revision: "r".into() }
}

async fn publish(store: &Store, name: &str, versions: Vec<PublishedVersion>) {
    let put = move |changing: &mut FunctionChange<'_>| {
        versions.iter().try_for_each(|version| changing.put_version(version)).map_err(ChangeError::from)
    };
    store.change(&id(name), put).await.unwrap();
}

#[tokio::test]
async fn versions_keep_their_archives_until_they_or_their_function_are_gone() {
    let store = in_memory();
    assert!(add(&store, function("f", "latest"), None).await.unwrap());
    publish(&store, "f", vec![version(1, "one", State::Active), version(2, "two", State::Active)]).await;
    let digests = |names: &[&str]| names.iter().map(|name| Digest((*name).into())).collect::<HashSet<_>>();
    assert_eq!(store.archives_in_use().await.unwrap(), digests(&["latest", "one", "two"]));
    let remove = |changing: &mut FunctionChange<'_>| {
        let version = changing.version(VersionName::Number(1))?.expect("it was put there");
        Ok(changing.remove_version(&version)?)
    };
    store.change(&id("f"), remove).await.unwrap();
    assert_eq!(store.archives_in_use().await.unwrap(), digests(&["latest", "two"]));
    let (_, versions) = store.delete_function(&id("f")).await.unwrap().unwrap();
    assert_eq!(versions, [version(2, "two", State::Active)]);
    assert_eq!(store.archives_in_use().await.unwrap(), digests(&[]));
}

#[tokio::test]
async fn a_new_function_finds_nothing_of_one_that_was_deleted() {
    let store = in_memory();
    assert!(add(&store, function("f", "a"), Some(version(1, "a", State::Active))).await.unwrap());
    store.change(&id("f"), |changing| Ok(changing.put_alias(&alias("live", 1))?)).await.unwrap();
    store.delete_function(&id("f")).await.unwrap().unwrap();
    assert!(add(&store, function("f", "a"), None).await.unwrap());
    let look = |view: &FunctionView<'_>| {
        Ok::<_, Error>((view.version(VersionName::Number(1))?, view.alias("live")?))
    };
    assert_eq!(store.read(&id("f"), look).await.unwrap(), (None, None));
}

#[tokio::test]
async fn versions_of_all_functions_are_listed_in_pages() {
    let store = in_memory();
    for name in ["b", "a", "a-b"] {
        assert!(add(&store, function(name, "x"), None).await.unwrap());
    }
    publish(&store, "a", (0..=10).map(|number| version(number, "x", State::Active)).collect()).await;
    publish(&store, "b", vec![version(1, "x", State::Active)]).await;
    let mut expected = vec![("a".to_owned(), Target::Latest), ("a".to_owned(), Target::LatestPublished)];
    expected.extend((1..=10).map(|number| ("a".to_owned(), Target::Number(number))));
    expected.extend(["a-b", "b"].map(|name| (name.to_owned(), Target::Latest)));
    expected.push(("b".to_owned(), Target::Number(1)));
    for size in [1, 2, 5, 50] {
        let mut listed: Vec<(String, Target)> = Vec::new();
        loop {
            let after = listed.last().map(|(name, number)| (name.as_str(), *number));
            let page = store.versions(&scope(), after, size).await.unwrap();
            if page.is_empty() {
                break;
            }
            listed.extend(page.into_iter().map(|each| (each.id.name, each.name)));
        }
        assert_eq!(listed, expected);
    }
}

#[tokio::test]
async fn aliases_are_listed_in_pages_of_those_that_are_wanted() {
    let store = in_memory();
    assert!(add(&store, function("f", "x"), None).await.unwrap());
    let put = |changing: &mut FunctionChange<'_>| {
        for (name, number) in [("d", 1), ("a", 2), ("c", 1), ("b", 1)] {
            changing.put_alias(&alias(name, number))?;
        }
        Ok(())
    };
    store.change(&id("f"), put).await.unwrap();
    let names = async |after: &'static str| {
        let look = move |view: &FunctionView<'_>| {
            view.aliases(after, 2, |alias| alias.references(VersionName::Number(1)))
        };
        let aliases = store.read(&id("f"), look).await.unwrap();
        aliases.into_iter().map(|alias| alias.name).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["b", "c"]);
    assert_eq!(names("c").await, ["d"]);
}

#[tokio::test]
async fn a_function_with_a_pending_version_is_unsettled() {
    let store = in_memory();
    assert!(add(&store, function("f", "x"), None).await.unwrap());
    let prepared = |function: &mut Function| Ok(function.prepared(&DeploymentId("d-f".into()), "r2".into()));
    assert!(store.change_function(&id("f"), prepared).await.unwrap().1);
    let pending = function("f", "x").latest.state;
    publish(&store, "f", vec![version(1, "x", pending), version(2, "x", State::Active)]).await;
    assert_eq!(store.unsettled_functions().await.unwrap(), [id("f")]);
    let unsettled = store.read(&id("f"), |view| view.unsettled_versions()).await.unwrap();
    assert_eq!(
        unsettled.into_iter().map(|version| version.name).collect::<Vec<_>>(),
        [VersionName::Number(1)]
    );
}

#[tokio::test]
async fn a_refused_change_of_an_alias_leaves_no_trace() {
    let recorder = Arc::new(Recorder::default());
    let store = Store::in_memory(recorder.clone()).unwrap();
    assert!(add(&store, function("f", "x"), None).await.unwrap());
    let refused = |changing: &mut FunctionChange<'_>| {
        changing.put_alias(&alias("live", 1))?;
        Err::<(), _>(lambdock_domain::Error::RevisionMismatch.into())
    };
    assert!(store.change(&id("f"), refused).await.is_err());
    assert_eq!(store.read(&id("f"), |view| view.alias("live")).await.unwrap(), None);
    store.change(&id("f"), |changing| Ok(changing.put_alias(&alias("live", 1))?)).await.unwrap();
    assert_eq!(*recorder.0.lock().unwrap(), ["f", "f"], "told of aliases too");
}

#[test]
fn a_database_from_before_there_were_versions_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lambdock.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(schema::MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    Store::open(&path, Arc::new(Recorder::default())).unwrap();
    let connection = Connection::open(&path).unwrap();
    let count: i64 =
        connection.query_row("SELECT count(*) FROM versions, aliases", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn what_hangs_on_a_function_goes_with_it_and_with_its_versions_and_aliases() {
    let store = in_memory();
    assert!(add(&store, function("f", "a"), None).await.unwrap());
    assert!(add(&store, function("g", "a"), None).await.unwrap());
    let attach = |name: &'static str, qualifier: &'static str| {
        let attached = store.transact::<(), Error>(move |resources| {
            resources.attach(&id(name), qualifier, &RecursiveLoop::Allow)?;
            resources.attach(&id(name), qualifier, &Reserved(3))
        });
        async { attached.await.unwrap() }
    };
    for qualifier in ["$LATEST", "1", "live"] {
        attach("f", qualifier).await;
    }
    attach("g", "live").await;
    let left = |name: &'static str| {
        let left = store.transact::<_, Error>(move |resources| {
            let loops = resources.attached_to::<RecursiveLoop>(&id(name))?;
            let reserved = resources.attached_in::<Reserved>(&scope())?;
            let names = loops.into_iter().map(|attached| attached.qualifier).collect::<Vec<_>>();
            Ok((names, reserved.iter().filter(|attached| attached.function == id(name)).count()))
        });
        async { left.await.unwrap() }
    };
    assert_eq!(left("f").await, (vec!["$LATEST".into(), "1".into(), "live".into()], 3));
    store.change(&id("f"), |changing| Ok(changing.remove_alias("live")?)).await.unwrap();
    assert_eq!(left("f").await, (vec!["$LATEST".into(), "1".into()], 2));
    store.delete_function(&id("f")).await.unwrap();
    assert_eq!(left("f").await, (vec![], 0));
    assert_eq!(left("g").await, (vec!["live".to_owned()], 1));
}

#[tokio::test]
async fn a_transaction_that_fails_changes_nothing() {
    let store = in_memory();
    let failed = store.transact::<(), Error>(|resources| {
        resources.attach(&id("f"), "$LATEST", &Reserved(1))?;
        Err(Error::Closed)
    });
    assert!(failed.await.is_err());
    let attached =
        store.transact::<_, Error>(|resources| resources.attached::<Reserved>(&id("f"), "$LATEST"));
    assert_eq!(attached.await.unwrap(), None);
}

#[tokio::test]
async fn things_are_found_by_their_handles() {
    let store = in_memory();
    let found = store.transact::<_, Error>(|resources| {
        for (name, arn) in [("f", "arn:a"), ("g", "arn:b"), ("h", "arn:a")] {
            resources.attach(&id(name), "$LATEST", &FunctionCodeSigning(arn.into()))?;
        }
        resources.attach(&id("h"), "$LATEST", &FunctionCodeSigning("arn:c".into()))?;
        resources.attached_by::<FunctionCodeSigning>("arn:a")
    });
    let found: Vec<_> = found.await.unwrap().into_iter().map(|attached| attached.function).collect();
    assert_eq!(found, [id("f")]);
}

#[tokio::test]
async fn usage_counts_functions_once_and_code_for_every_version() {
    let store = in_memory();
    let usage = || async { store.transact::<_, Error>(|resources| resources.usage(&scope())).await.unwrap() };
    assert_eq!(usage().await, Usage::default());
    let mut published = function("f", "a");
    let version = published.publish(PublishTo::Number, None, None, fresh("v"), "r".into()).version().clone();
    assert!(add(&store, published, Some(version.clone())).await.unwrap());
    assert!(add(&store, function("g", "b"), None).await.unwrap());
    assert_eq!(usage().await, Usage { functions: 2, code_size: 3 });
    let f = id("f");
    let changed = store.change(&f, |changing| {
        changing.function.latest.code =
            Code::Zip { digest: Digest("c".into()), size: 5, unzipped: 9, source_kms_key_arn: None };
        Ok(())
    });
    changed.await.unwrap();
    assert_eq!(usage().await, Usage { functions: 2, code_size: 7 });
    let seen = store.change(&f, move |changing| {
        changing.remove_version(&version)?;
        Ok(changing.usage()?)
    });
    assert_eq!(seen.await.unwrap(), Usage { functions: 2, code_size: 6 });
    store.delete_function(&f).await.unwrap();
    assert_eq!(usage().await, Usage { functions: 1, code_size: 1 });
}

#[tokio::test]
async fn latest_published_counts_for_what_it_is_now() {
    let store = in_memory();
    assert!(add(&store, function("f", "a"), Some(version(0, "a", State::Active))).await.unwrap());
    let code_size = || async {
        store.transact::<_, Error>(|resources| resources.usage(&scope())).await.unwrap().code_size
    };
    assert_eq!(code_size().await, 2);
    let mut again = version(0, "b", State::Active);
    again.version.code =
        Code::Zip { digest: Digest("b".into()), size: 7, unzipped: 9, source_kms_key_arn: None };
    publish(&store, "f", vec![again]).await;
    assert_eq!(code_size().await, 8);
    store.delete_function(&id("f")).await.unwrap();
    assert_eq!(code_size().await, 0);
}

#[tokio::test]
async fn versions_are_found_by_their_capacity_provider() {
    let store = in_memory();
    let provider = |name: &str| CapacityProvider {
        scope: scope(),
        name: name.into(),
        subnet_ids: Vec::new(),
        security_group_ids: Vec::new(),
        operator_role_arn: String::new(),
        instances: capacity_provider::Instances::default(),
        scaling: capacity_provider::Scaling::default(),
        kms_key_arn: None,
        state: capacity_provider::State::Active,
        last_modified: Timestamp(0),
        tags: BTreeMap::new(),
    };
    let on = move |name: &str| {
        Some(ManagedInstances {
            provider: provider(name).arn(),
            max_concurrency: 16,
            memory_per_vcpu: ManagedInstances::MEMORY_PER_VCPU,
        })
    };
    for name in ["f", "g"] {
        let mut managed = function(name, "a");
        managed.latest.configuration.managed = on("p");
        let mut published = version(0, "a", State::Active);
        published.version.configuration.managed = on("p");
        assert!(add(&store, managed, Some(published)).await.unwrap());
    }
    let g = id("g");
    let moved = store.change_function(&g, move |function| {
        function.latest.configuration.managed = on("q");
        Ok(())
    });
    moved.await.unwrap();
    let p = provider("p");
    let found = store.transact::<_, Error>(move |resources| {
        let first = resources.versions_on(&p, None, 2)?;
        let last = first.last().unwrap();
        let rest = resources.versions_on(&p, Some((&last.function.name, &last.qualifier)), 2)?;
        Ok(first
            .into_iter()
            .chain(rest)
            .map(|on| on.function.qualified_arn(&on.qualifier))
            .collect::<Vec<_>>())
    });
    let expected = [id("f").qualified_arn("$LATEST"), id("f").qualified_arn("$LATEST.PUBLISHED")];
    assert_eq!(found.await.unwrap()[..2], expected);
    store.delete_function(&id("f")).await.unwrap();
    let p = provider("p");
    let left = store.transact::<_, Error>(move |resources| resources.versions_on(&p, None, 9)).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].function.name.as_str(), left[0].qualifier.as_str()), ("g", "$LATEST.PUBLISHED"));
}

#[tokio::test]
async fn what_an_older_database_holds_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lambdock.db");
    let before = schema::MIGRATIONS.iter().position(|step| step.contains("CREATE TABLE usage")).unwrap();
    let connection = Connection::open(&path).unwrap();
    for step in &schema::MIGRATIONS[..before] {
        connection.execute_batch(step).unwrap();
    }
    connection.pragma_update(None, "user_version", i64::try_from(before).unwrap()).unwrap();
    let document = serde_json::to_string(&function("f", "a")).unwrap();
    let Scope { account, region } = scope();
    let insert = "INSERT INTO functions VALUES (?1, ?2, 'f', 1, ?3)";
    connection.execute(insert, [&account, &region, &document]).unwrap();
    drop(connection);
    let store = Store::open(&path, Arc::new(Recorder::default())).unwrap();
    let usage = store.transact::<_, Error>(|resources| resources.usage(&scope())).await.unwrap();
    assert_eq!(usage, Usage { functions: 1, code_size: 1 });
}
