use std::collections::BTreeMap;

use lambdock_domain::configuration::{ImageConfig, LogFormat, TracingMode};
use lambdock_domain::function::{DeploymentId, Fresh};
use lambdock_domain::{Architecture, Code, Configuration, PackageType, Timestamp};

use super::*;

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
        log_format: LogFormat::Text,
        log_group: format!("/aws/lambda/{name}"),
    };
    let code = Code::Zip { digest: Digest(digest.into()), size: 1, source_kms_key_arn: None };
    let fresh = Fresh { revision: "r".into(), deployment: DeploymentId(format!("d-{name}")) };
    Function::create(id(name), configuration, code, BTreeMap::new(), Timestamp(0), fresh)
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
    store.create_function(function("f", "a"), None, None).await.unwrap();
    assert!(matches!(store.create_function(function("f", "b"), None, None).await, Err(CreateError::Exists)));
    let mut elsewhere = function("f", "a");
    elsewhere.id.scope.region = "eu-west-1".into();
    store.create_function(elsewhere, None, None).await.unwrap();
}

#[tokio::test]
async fn functions_are_listed_in_pages_by_name() {
    let store = in_memory();
    for name in ["b", "a", "c"] {
        store.create_function(function(name, "x"), None, None).await.unwrap();
    }
    let names = |page: Vec<Function>| page.into_iter().map(|f| f.id.name).collect::<Vec<_>>();
    assert_eq!(names(store.functions(&scope(), None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(names(store.functions(&scope(), Some("b"), 2).await.unwrap()), ["c"]);
}

#[tokio::test]
async fn a_refused_change_leaves_no_trace() {
    let store = in_memory();
    store.create_function(function("f", "a"), None, None).await.unwrap();
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
    store.create_function(function("f", "shared"), None, None).await.unwrap();
    store.create_function(function("g", "shared"), None, None).await.unwrap();
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
    store.create_function(function("pending", "a"), None, None).await.unwrap();
    store.create_function(function("active", "a"), None, None).await.unwrap();
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
    store.create_function(function("f", "a"), None, None).await.unwrap();
    assert!(store.create_function(function("f", "a"), None, None).await.is_err());
    store.change_function(&id("f"), |_| Ok(())).await.unwrap();
    assert!(store.read(&id("f"), |view| Ok::<_, Error>(view.function()?.is_some())).await.unwrap());
    assert_eq!(*recorder.0.lock().unwrap(), ["f"]);
    store.delete_function(&id("f")).await.unwrap();
    store.delete_function(&id("f")).await.unwrap();
    assert_eq!(*recorder.0.lock().unwrap(), ["f", "f"]);
}
