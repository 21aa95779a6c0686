//! The first words of both ends.

use lambdock_protocol::{ToAgent, VERSION};

use crate::uplink::control_plane::Environment;

/// Sends `answer` to the greeting; the init ends, for this reason.
fn ends_on(answer: &ToAgent, reason: &str) {
    let mut environment = Environment::greeting(Vec::new(), &[]);
    environment.send(answer);
    assert_eq!(environment.sandbox.wait().code(), Some(1));
    let said = environment.sandbox.stderr();
    assert!(said.contains(reason), "{said}");
}

#[test]
fn a_control_plane_that_chooses_a_version_that_was_not_offered_is_left() {
    for version in [0, VERSION + 1, u16::MAX] {
        ends_on(
            &ToAgent::Welcome { version },
            &format!(
                "the control plane does not speak the protocol: it chose version {version}, which was not offered"
            ),
        );
    }
}

#[test]
fn who_is_refused_says_why_and_ends() {
    let reason = "no common version of the protocol".to_owned();
    ends_on(
        &ToAgent::Refused { reason },
        "the control plane refused this container: no common version of the protocol",
    );
}
