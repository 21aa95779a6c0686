use super::*;
use crate::Scope;
use crate::code::Digest;
use crate::configuration::{Architecture, ImageConfig, LogFormat, PackageType, TracingMode};

pub(crate) fn configuration() -> Configuration {
    Configuration {
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
        log_group: "/aws/lambda/f".into(),
    }
}

pub(crate) fn zip(digest: &str) -> Code {
    Code::Zip { digest: Digest(digest.into()), size: 10, unzipped: 20, source_kms_key_arn: None }
}

pub(crate) fn fresh(n: u32) -> Fresh {
    Fresh { revision: format!("revision-{n}"), deployment: DeploymentId(format!("deployment-{n}")) }
}

pub(crate) fn deployment(n: u32) -> DeploymentId {
    fresh(n).deployment
}

pub(crate) fn created() -> Function {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    let id = FunctionId { scope, name: "f".into() };
    Function::create(id, configuration(), zip("one"), BTreeMap::new(), Timestamp(1), fresh(1))
}

pub(crate) fn active() -> Function {
    let mut function = created();
    assert!(function.prepared(&deployment(1), "revision-a".into()));
    function
}

pub(crate) fn updating() -> Function {
    let mut function = active();
    function.update(configuration(), zip("two"), None, Timestamp(2), fresh(2)).unwrap();
    function
}

const WRONG_STATE: &str =
    "The operation cannot be performed at this time. The function is currently in the following state: ";

#[test]
fn a_new_function_is_pending_and_takes_neither_invocations_nor_updates() {
    let mut function = created();
    assert_eq!((function.latest.state.as_str(), &function.latest.last_update), ("Pending", &None));
    let reason = function.latest.state.reason().unwrap();
    assert_eq!((reason.code.as_str(), reason.text.as_str()), ("Creating", "The function is being created."));
    let pending = Error::Conflict(format!("{WRONG_STATE}Pending"));
    assert_eq!(function.serving(false).unwrap_err(), pending);
    assert_eq!(function.update(configuration(), zip("x"), None, Timestamp(2), fresh(2)), Err(pending));
}

#[test]
fn activation_gives_a_new_revision_and_serves() {
    let function = active();
    assert_eq!(function.latest.revision, "revision-a");
    assert_eq!(function.latest.last_update, Some(LastUpdate::Successful));
    assert_eq!(function.serving(false).unwrap().code, zip("one"));
}

#[test]
fn an_update_is_served_only_once_it_is_prepared() {
    let mut function = updating();
    assert_eq!(function.latest.state, State::Active);
    assert_eq!(function.serving(false).unwrap().code, zip("one"));
    assert!(function.prepared(&deployment(2), "revision-b".into()));
    assert_eq!(function.serving(false).unwrap().code, zip("two"));
    assert_eq!(function.latest.revision, "revision-b");
}

#[test]
fn an_update_that_fails_leaves_the_old_code_serving() {
    let mut function = updating();
    let reason = Reason { code: ReasonCode::InvalidImage, text: "no such image".into() };
    assert!(function.preparation_failed(&deployment(2), reason.clone(), "revision-b".into()));
    assert_eq!(function.latest.state, State::Active);
    assert_eq!(function.latest.last_update, Some(LastUpdate::Failed(reason)));
    assert_eq!(function.serving(false).unwrap().code, zip("one"));
    assert!(function.check_update(None).is_ok(), "another update can mend it");
}

#[test]
fn a_creation_that_fails_is_told_to_whoever_invokes() {
    let mut function = created();
    let reason = Reason { code: ReasonCode::InternalError, text: "no engine".into() };
    assert!(function.preparation_failed(&deployment(1), reason, "revision-a".into()));
    assert_eq!(function.serving(false).unwrap_err(), Error::Conflict(format!("{WRONG_STATE}Failed")));
}

#[test]
fn a_second_update_waits_for_the_first_and_a_stale_revision_is_refused() {
    let expected = "The operation cannot be performed at this time. An update is in progress for resource: \
                    arn:aws:lambda:us-east-1:000000000000:function:f";
    assert_eq!(updating().check_update(None), Err(Error::Conflict(expected.into())));
    assert_eq!(active().check_update(Some("revision-1")), Err(Error::RevisionMismatch));
    assert_eq!(active().check_update(Some("revision-a")), Ok(()));
}

#[test]
fn news_of_a_preparation_that_is_no_longer_wanted_change_nothing() {
    let mut function = updating();
    let before = function.clone();
    let reason = Reason { code: ReasonCode::InternalError, text: "late".into() };
    assert!(!function.prepared(&deployment(1), "x".into()));
    assert!(!function.preparation_failed(&deployment(1), reason, "x".into()));
    assert!(!function.report_progress(&deployment(1), "late"));
    assert_eq!(function, before);
}

#[test]
fn progress_is_shown_as_the_reason() {
    let mut function = created();
    assert!(function.report_progress(&deployment(1), "Pulling"));
    assert_eq!(function.latest.state.reason().unwrap().text, "Pulling");
    let mut function = updating();
    assert!(function.report_progress(&deployment(2), "Pulling"));
    assert_eq!(function.latest.state, State::Active);
    assert_eq!(function.latest.last_update.unwrap().reason().unwrap().text, "Pulling");
}

#[test]
fn a_restart_tries_a_failed_creation_again_and_leaves_the_rest_as_it_was() {
    let mut failed = created();
    let reason = Reason { code: ReasonCode::InternalError, text: "no engine".into() };
    assert!(failed.preparation_failed(&deployment(1), reason.clone(), "revision-b".into()));
    assert!(!failed.needs_preparation());
    failed.restart();
    assert!(failed.needs_preparation());

    let mut failed_update = updating();
    assert!(failed_update.preparation_failed(&deployment(2), reason, "revision-b".into()));
    for mut function in [created(), active(), updating(), failed_update] {
        let before = function.clone();
        function.restart();
        assert_eq!(function, before);
    }
}

#[test]
fn a_function_survives_being_stored() {
    let function = updating();
    let stored = serde_json::to_string(&function).unwrap();
    assert_eq!(serde_json::from_str::<Function>(&stored).unwrap(), function);
}

#[test]
fn both_the_served_and_the_coming_archive_are_in_use() {
    let digests: Vec<_> = updating().archives().map(|digest| digest.0.clone()).collect();
    assert_eq!(digests, ["two", "one"]);
}
