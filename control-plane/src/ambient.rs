//! What pure code is given by those who call it: the time of day, and random ids.

use lambdock_domain::Timestamp;
use uuid::Uuid;

/// A random UUID in lower case.
pub fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// The time of day.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
