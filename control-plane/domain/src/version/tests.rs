use super::*;
use crate::ReasonCode;
use crate::function::tests::{active, configuration, created, fresh, updating, zip};
use crate::{LastUpdate, Timestamp};

fn publish(function: &mut Function, last: Option<PublishedVersion>, n: u32) -> Publication {
    function.publish(last, None, fresh(n), format!("latest-{n}"))
}

fn published(function: &mut Function, last: Option<PublishedVersion>, n: u32) -> PublishedVersion {
    match publish(function, last, n) {
        Publication::New(version) => version,
        Publication::Unchanged(version) => panic!("nothing new since {}", version.number),
    }
}

fn failure() -> Reason {
    Reason { code: ReasonCode::InternalError, text: "no engine".into() }
}

#[test]
fn what_is_served_is_published_active_at_once() {
    let mut function = active();
    let version = published(&mut function, None, 7);
    assert_eq!((version.number, function.last_number()), (1, Some(1)));
    assert_eq!(version.version.state, State::Active);
    assert_eq!(version.version.last_update, Some(LastUpdate::Successful));
    assert_eq!(version.version.last_modified, function.latest.last_modified);
    assert_eq!(
        (version.version.revision.as_str(), function.latest.revision.as_str()),
        ("revision-7", "latest-7")
    );
    let serving = version.serving().unwrap();
    assert_eq!(serving.deployment, fresh(7).deployment, "it has environments of its own");
    assert_eq!(serving.code, function.serving().unwrap().code);
}

#[test]
fn a_description_replaces_that_of_latest() {
    let mut function = active();
    let publication = function.publish(None, Some("first".into()), fresh(7), "latest".into());
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
    assert_eq!(published(&mut function, Some(version), 8).number, 2);
}

#[test]
fn a_number_is_not_given_again_after_its_version_was_deleted() {
    let mut function = active();
    published(&mut function, None, 7);
    assert_eq!(published(&mut function, None, 8).number, 2);
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
