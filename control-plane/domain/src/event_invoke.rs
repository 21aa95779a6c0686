//! Asynchronous invocations: how often they are tried, for how long, and who hears of their outcome.

use serde::{Deserialize, Serialize};

use crate::{Error, FunctionReference, Timestamp};

/// The event invoke configuration of `$LATEST`, a version or an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInvokeConfig {
    /// `MaximumRetryAttempts`, 0 to 2.
    pub maximum_retry_attempts: Option<u32>,
    /// `MaximumEventAgeInSeconds`, 60 to 21600.
    pub maximum_event_age_s: Option<u32>,
    /// ARN of what hears of successes.
    pub on_success: Option<String>,
    /// ARN of what hears of failures.
    pub on_failure: Option<String>,
    /// Of the last change.
    pub last_modified: Timestamp,
}

/// `DestinationConfig` of a request: for each outcome whether it was mentioned, and its destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations {
    /// `OnSuccess`.
    pub on_success: Option<Option<String>>,
    /// `OnFailure`.
    pub on_failure: Option<Option<String>>,
}

/// What Put- and UpdateFunctionEventInvokeConfig are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `MaximumRetryAttempts`.
    pub maximum_retry_attempts: Option<u32>,
    /// `MaximumEventAgeInSeconds`.
    pub maximum_event_age_s: Option<u32>,
    /// `DestinationConfig`.
    pub destinations: Option<Destinations>,
}

impl Settings {
    /// Whether there is anything to be set at all.
    ///
    /// # Errors
    /// There is not. [AWS: recorded]
    pub fn check_given(&self) -> Result<(), Error> {
        let nothing = self.maximum_retry_attempts.is_none()
            && self.maximum_event_age_s.is_none()
            && self.destinations.is_none();
        if nothing {
            return Err(Error::InvalidParameter(
                "You must specify at least one of error handling or destination setting.".to_owned(),
            ));
        }
        Ok(())
    }

    /// A configuration with nothing but these settings.
    pub fn put(self, now: Timestamp) -> EventInvokeConfig {
        self.update(EventInvokeConfig::default(), now)
    }

    /// `before` with these settings in place of its own.
    pub fn update(self, before: EventInvokeConfig, now: Timestamp) -> EventInvokeConfig {
        let Destinations { on_success, on_failure } = self.destinations.unwrap_or_default();
        EventInvokeConfig {
            maximum_retry_attempts: self.maximum_retry_attempts.or(before.maximum_retry_attempts),
            maximum_event_age_s: self.maximum_event_age_s.or(before.maximum_event_age_s),
            on_success: on_success.unwrap_or(before.on_success),
            on_failure: on_failure.unwrap_or(before.on_failure),
            last_modified: now,
        }
    }
}

/// A destination that is a function, which has to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDestination {
    /// As it was given.
    pub arn: String,
    /// What it names.
    pub reference: FunctionReference,
}

impl Destinations {
    /// Checks what can be told from the ARNs alone and returns the functions among them. [AWS: recorded; services:
    /// destinations of asynchronous invocations, S3 for failures only]
    ///
    /// # Errors
    /// A destination is of a service that takes no events.
    pub fn check(&self) -> Result<Vec<FunctionDestination>, Error> {
        let mut functions = Vec::new();
        let mentioned = [
            (self.on_success.iter().flatten(), &["lambda", "sqs", "sns", "events"][..]),
            (self.on_failure.iter().flatten(), &["lambda", "sqs", "sns", "events", "s3"][..]),
        ];
        for (destination, services) in mentioned {
            for arn in destination.filter(|arn| !arn.is_empty()) {
                let service = arn.split(':').nth(2).unwrap_or_default();
                if !services.contains(&service) {
                    return Err(self.invalid());
                }
                if service == "lambda" {
                    let reference = FunctionReference::parse(arn).ok_or_else(|| invalid_arn(arn))?;
                    functions.push(FunctionDestination { arn: arn.clone(), reference });
                }
            }
        }
        Ok(functions)
    }

    /// As Java prints it.
    fn invalid(&self) -> Error {
        let shown = |name: &str, outcome: &Option<Option<String>>| match outcome {
            None => "null".to_owned(),
            Some(destination) => {
                format!("{name}(destination={})", destination.as_deref().unwrap_or("null"))
            }
        };
        Error::InvalidParameter(format!(
            "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
            shown("OnSuccess", &self.on_success),
            shown("OnFailure", &self.on_failure)
        ))
    }
}

/// A destination that is not there. [AWS: recorded]
pub fn invalid_arn(arn: &str) -> Error {
    Error::InvalidParameter(format!("The destination ARN {arn} is invalid."))
}

/// A function that would hear of itself. [AWS: recorded]
pub fn recursive() -> Error {
    Error::InvalidParameter("You can't specify the function as a destination for itself.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(on_success: Option<&str>, on_failure: Option<&str>) -> Destinations {
        let outcome = |arn: Option<&str>| arn.map(|arn| Some(arn.to_owned()));
        Destinations { on_success: outcome(on_success), on_failure: outcome(on_failure) }
    }

    #[test]
    fn put_replaces_and_update_merges() {
        let before = EventInvokeConfig {
            maximum_retry_attempts: Some(2),
            maximum_event_age_s: Some(60),
            on_failure: Some("arn:f".into()),
            ..EventInvokeConfig::default()
        };
        let settings = Settings {
            maximum_retry_attempts: Some(0),
            destinations: Some(destinations(Some("arn:s"), None)),
            ..Settings::default()
        };
        let now = Timestamp(1);
        let put = EventInvokeConfig {
            maximum_retry_attempts: Some(0),
            on_success: Some("arn:s".into()),
            last_modified: now,
            ..EventInvokeConfig::default()
        };
        assert_eq!(settings.clone().put(now), put);
        let updated =
            EventInvokeConfig { maximum_event_age_s: Some(60), on_failure: Some("arn:f".into()), ..put };
        assert_eq!(settings.update(before.clone(), now), updated);
        let emptied = Settings {
            destinations: Some(Destinations { on_success: None, on_failure: Some(None) }),
            ..Settings::default()
        };
        assert_eq!(emptied.update(before, now).on_failure, None);
    }

    #[test]
    fn an_outcome_that_is_mentioned_counts_as_a_setting() {
        assert!(Settings::default().check_given().is_err());
        let mentioned = Settings { destinations: Some(Destinations::default()), ..Settings::default() };
        assert_eq!(mentioned.check_given(), Ok(()));
    }

    #[test]
    fn only_some_services_take_outcomes() {
        let queue = "arn:aws:sqs:us-east-1:000000000000:q";
        assert_eq!(destinations(Some(queue), Some(queue)).check(), Ok(vec![]));
        assert_eq!(destinations(None, Some("arn:aws:s3:::bucket")).check(), Ok(vec![]));
        let message = "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::bucket), onFailure=null) is invalid.";
        assert_eq!(
            destinations(Some("arn:aws:s3:::bucket"), None).check(),
            Err(Error::InvalidParameter(message.into()))
        );
        assert!(destinations(None, Some("kafka://topic")).check().is_err());
    }

    #[test]
    fn functions_are_told_to_be_looked_up() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live";
        let found = destinations(None, Some(arn)).check().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].reference.qualifier.as_deref(), Some("live"));
        assert_eq!(destinations(None, Some("")).check(), Ok(vec![]));
        let broken = "arn:aws:lambda:us-east-1:000000000000:layer:l:1";
        assert_eq!(destinations(Some(broken), None).check(), Err(invalid_arn(broken)));
    }
}
