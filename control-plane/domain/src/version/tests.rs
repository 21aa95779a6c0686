use super::*;
use crate::ReasonCode;
use crate::configuration::ManagedInstances;
use crate::function::tests::{active, configuration, created, fresh, updating, zip};
use crate::{LastUpdate, Timestamp};

use PublishTo::{LatestPublished, Number};

fn publish(function: &mut Function, last: Option<PublishedVersion>, n: u32) -> Publication {
    function.publish(Number, last, None, fresh(n), format!("latest-{n}"))
}

fn published(function: &mut Function, last: Option<PublishedVersion>, n: u32) -> PublishedVersion {
    match publish(function, last, n) {
        Publication::New(version) => version,
        Publication::Unchanged(version) => panic!("nothing new since {}", version.name),
    }
}

fn failure() -> Reason {
    Reason { code: ReasonCode::InternalError, text: "no engine".into() }
}

#[test]
fn what_is_served_is_published_active_at_once() {
    let mut function = active();
    let version = published(&mut function, None, 7);
    assert_eq!((version.name, function.last_number()), (VersionName::Number(1), Some(1)));
    assert_eq!(version.version.state, State::Active);
    assert_eq!(version.version.last_update, Some(LastUpdate::Successful));
    assert_eq!(version.version.last_modified, function.latest.last_modified);
    assert_eq!(
        (version.version.revision.as_str(), function.latest.revision.as_str()),
        ("revision-7", "latest-7")
    );
    let serving = version.serving().unwrap();
    assert_eq!(serving.deployment, fresh(7).deployment, "it has environments of its own");
    assert_eq!(serving.code, function.serving(false).unwrap().code);
}

#[test]
fn a_description_replaces_that_of_latest() {
    let mut function = active();
    let publication = function.publish(Number, None, Some("first".into()), fresh(7), "latest".into());
    assert_eq!(publication.version().version.configuration.description, "first");
    assert_eq!(function.latest.configuration.description, "");
}

#[test]
fn without_an_update_the_last_version_is_given_again() {
    let mut function = active();
    let version = published(&mut function, None, 7);
    let before = function.clone();
    assert_eq!(publish(&mut function, Some(version.clone()), 8), Publication::Unchanged(version));
    assert_eq!(function, before);
}

#[test]
fn after_an_update_to_the_same_there_is_something_to_publish() {
    let mut function = active();
    let version = published(&mut function, None, 7);
    function.update(configuration(), zip("one"), None, Timestamp(2), fresh(2)).unwrap();
    assert!(function.prepared(&fresh(2).deployment, "revision-b".into()));
    assert_eq!(published(&mut function, Some(version), 8).name, VersionName::Number(2));
}

#[test]
fn a_number_is_not_given_again_after_its_version_was_deleted() {
    let mut function = active();
    published(&mut function, None, 7);
    assert_eq!(published(&mut function, None, 8).name, VersionName::Number(2));
}

#[test]
fn a_version_published_with_its_function_is_ready_with_it() {
    for mut function in [created(), updating()] {
        let mut version = published(&mut function, None, 7);
        assert_eq!(version.version.state.as_str(), "Pending");
        assert_eq!(version.version.last_update, None);
        assert!(matches!(version.serving(), Err(Error::Conflict(message)) if message.ends_with("Pending")));
        assert!(version.is_preparing(&function.latest.deployment));
        version.prepared("active".into());
        assert_eq!(version.version.state, State::Active);
        assert_eq!(version.version.revision, "active");
        assert!(!version.is_preparing(&function.latest.deployment));
    }
}

#[test]
fn snap_start_makes_a_version_pending_by_itself() {
    let mut function = active();
    function.latest.configuration.snap_start_on_published_versions = true;
    let version = published(&mut function, None, 7);
    assert_eq!(version.version.state.as_str(), "Pending");
    assert!(version.is_preparing(&fresh(7).deployment));
}

#[test]
fn an_update_that_failed_is_prepared_again_when_it_is_published() {
    let mut function = updating();
    assert!(function.preparation_failed(&fresh(2).deployment, failure(), "revision-b".into()));
    assert_eq!(published(&mut function, None, 7).version.state.as_str(), "Pending");
}

#[test]
fn a_restart_tries_a_failed_version_again() {
    let mut function = created();
    let mut version = published(&mut function, None, 7);
    version.preparation_failed(failure(), "failed".into());
    assert!(matches!(version.serving(), Err(Error::Conflict(message)) if message.ends_with("Failed")));
    version.restart();
    assert!(version.is_preparing(&fresh(7).deployment));
    version.prepared("active".into());
    let before = version.clone();
    version.restart();
    assert_eq!(version, before);
}

#[test]
fn a_function_stored_before_there_were_versions_starts_with_the_first() {
    let mut stored = serde_json::to_value(active()).unwrap();
    stored.as_object_mut().unwrap().remove("next_version").unwrap();
    let function: Function = serde_json::from_value(stored).unwrap();
    assert_eq!(function, active());
    assert_eq!(function.last_number(), None);
}

/// A function on a capacity provider, as it is once it is created.
fn managed() -> Function {
    let mut function = created();
    function.latest.configuration.managed = Some(ManagedInstances {
        provider: "arn:aws:lambda:us-east-1:000000000000:capacity-provider:p".into(),
        max_concurrency: 16,
        memory_per_vcpu: ManagedInstances::MEMORY_PER_VCPU,
    });
    assert!(function.created_unprepared());
    function
}

fn to_latest_published(function: &mut Function, last: Option<PublishedVersion>, n: u32) -> PublishedVersion {
    match function.publish(LatestPublished, last, None, fresh(n), format!("latest-{n}")) {
        Publication::New(version) => version,
        Publication::Unchanged(version) => panic!("nothing new since {}", version.name),
    }
}

#[test]
fn latest_on_a_capacity_provider_is_never_invoked() {
    let mut function = managed();
    assert_eq!(function.latest.state.as_str(), "ActiveNonInvocable");
    assert_eq!(function.serving(false).unwrap_err(), Error::NoPublishedVersion);
    assert!(matches!(function.serving(true), Err(Error::InvalidParameter(_))));
    function.update(function.latest.configuration.clone(), zip("two"), None, Timestamp(2), fresh(2)).unwrap();
    assert_eq!(function.latest.state.as_str(), "ActiveNonInvocable");
    assert!(function.prepared(&fresh(2).deployment, "revision-b".into()));
    assert_eq!(function.latest.state.as_str(), "ActiveNonInvocable");
    assert_eq!(function.serving(false).unwrap_err(), Error::NoPublishedVersion);
}

#[test]
fn latest_published_is_no_number() {
    let mut function = managed();
    let version = to_latest_published(&mut function, None, 7);
    assert_eq!(version.name.to_string(), "$LATEST.PUBLISHED");
    assert_eq!(version.version.state.as_str(), "Pending");
    assert_eq!(published(&mut function, None, 8).name, VersionName::Number(1));
    let again = function.publish(LatestPublished, Some(version.clone()), None, fresh(9), "r".into());
    assert_eq!(again, Publication::Unchanged(version));
}

#[test]
fn latest_published_serves_what_it_was_until_it_is_ready_again() {
    let mut function = managed();
    let mut version = to_latest_published(&mut function, None, 7);
    assert_eq!(version.prepared("r".into()), None);
    let first = version.serving().unwrap();
    for fails in [true, false] {
        function.latest.deployment = fresh(if fails { 2 } else { 3 }).deployment;
        version = to_latest_published(&mut function, Some(version), 8);
        assert_eq!(version.version.state, State::Active);
        let reason = version.version.last_update.as_ref().unwrap().reason().unwrap();
        assert_eq!(
            (reason.code.as_str(), reason.text.as_str()),
            ("Updating", "The function is being updated.")
        );
        assert!(!version.is_settled() && version.is_preparing(&fresh(8).deployment));
        assert_eq!(version.serving().unwrap(), first);
        if fails {
            version.preparation_failed(failure(), "r".into());
            assert_eq!(version.version.state, State::Active);
            assert_eq!(version.serving().unwrap(), first);
        }
    }
    assert_eq!(version.deployments().count(), 2);
    assert_eq!(version.prepared("r".into()), Some(first));
    assert_eq!(version.serving().unwrap().deployment, fresh(8).deployment);
}

#[test]
fn names_of_versions_are_stored_as_numbers() {
    for (name, stored) in [(VersionName::LatestPublished, "0"), (VersionName::Number(7), "7")] {
        assert_eq!(serde_json::to_string(&name).unwrap(), stored);
        assert_eq!(serde_json::from_str::<VersionName>(stored).unwrap(), name);
    }
    assert!(VersionName::LatestPublished < VersionName::Number(1));
}
