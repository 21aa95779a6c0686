//! Event source mappings: which source's records go to which function, and how.
//!
//! [AWS: recorded in LocalStack's snapshots `tests/aws/services/lambda_/test_lambda_api.snapshot.json` and
//! `event_source_mapping/*.snapshot.json`, where nothing else is said]

mod conflict;
mod rules;
mod settings;
mod source;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, FunctionId, Scope, Timestamp};

pub use rules::{FILTERS, check_destinations};
pub use settings::{Access, DocumentDb, Kafka, Pollers, Scaling, SchemaRegistry, Settings, StartingPosition};
pub use source::{Source, SqsQueue};

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSourceMapping {
    /// Where it lives; so does its function.
    pub scope: Scope,
    /// A random UUID in lower case.
    pub uuid: String,
    /// What is invoked. It need not exist any more: a mapping outlives its function.
    pub target: Target,
    /// Where records come from.
    pub source: Source,
    /// How they are read and handed over.
    pub settings: Settings,
    /// Whether records are to be read.
    pub enabled: bool,
    /// Where it is in its life.
    pub state: State,
    /// Of the last change, of its state too.
    pub last_modified: Timestamp,
    /// What came of the last batch; `None`: there was none.
    pub last_processing_result: Option<String>,
    /// Shown by ListTags.
    pub tags: BTreeMap<String, String>,
}

/// A function as a mapping names it: the qualifier is kept as it was given, and resolved with each invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The function.
    pub function: FunctionId,
    /// `$LATEST`, a version or an alias, if one was named.
    pub qualifier: Option<String>,
}

impl Target {
    /// `FunctionArn`: qualified as the function was named.
    pub fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => self.function.qualified_arn(qualifier),
            None => self.function.arn(),
        }
    }
}

/// `State`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum State {
    Creating,
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    Updating,
    Deleting,
}

impl State {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }

    /// Whether it stays as it is until somebody asks for something else.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Enabled | Self::Disabled => true,
            Self::Creating | Self::Enabling | Self::Disabling | Self::Updating | Self::Deleting => false,
        }
    }
}

/// What an update asks for; `None` is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// `FunctionName`.
    pub target: Option<Target>,
    /// `Enabled`.
    pub enabled: Option<bool>,
    /// Everything else; what is given empty is removed.
    pub settings: Settings,
}

/// What became of a mapping whose transition is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is Enabled or Disabled.
    Stays,
    /// It was Deleting.
    Gone,
}

impl EventSourceMapping {
    /// A mapping as CreateEventSourceMapping answers it: Creating, or Disabled at once.
    ///
    /// # Errors
    /// The settings are not for such a source.
    pub fn create(
        uuid: String,
        target: Target,
        source: Source,
        settings: Settings,
        enabled: bool,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let settings = settings.without_empty();
        settings.check(&source, now)?;
        Ok(Self {
            scope: target.function.scope.clone(),
            settings: settings.complete(&source, &uuid),
            uuid,
            target,
            source,
            enabled,
            state: if enabled { State::Creating } else { State::Disabled },
            last_modified: now,
            last_processing_result: None,
            tags,
        })
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        let partition = self.scope.partition();
        format!("arn:{partition}:lambda:{region}:{account}:event-source-mapping:{}", self.uuid)
    }

    /// Changes what `update` asks for. The transition is to be settled afterwards.
    ///
    /// # Errors
    /// Another transition is going on, or the settings would not be for this source.
    pub fn update(&mut self, update: Update, now: Timestamp) -> Result<(), Error> {
        self.check_settled("update")?;
        let settings = self.settings.clone().updated(update.settings)?.without_empty();
        settings.check(&self.source, now)?;
        self.settings = settings.complete(&self.source, &self.uuid);
        self.target = update.target.unwrap_or_else(|| self.target.clone());
        let enabled = update.enabled.unwrap_or(self.enabled);
        self.state = match (self.enabled, enabled) {
            (false, true) => State::Enabling,
            (true, false) => State::Disabling,
            (true, true) | (false, false) => State::Updating,
        };
        self.enabled = enabled;
        self.last_modified = now;
        Ok(())
    }

    /// Begins to delete it. The transition is to be settled afterwards.
    ///
    /// # Errors
    /// Another transition is going on.
    pub fn delete(&mut self, now: Timestamp) -> Result<(), Error> {
        self.check_settled("delete")?;
        self.state = State::Deleting;
        self.last_modified = now;
        Ok(())
    }

    /// Ends a transition.
    pub fn settle(&mut self, now: Timestamp) -> Settled {
        let after = match self.state {
            State::Deleting => return Settled::Gone,
            State::Enabled | State::Disabled => return Settled::Stays,
            State::Creating | State::Updating if self.enabled => State::Enabled,
            State::Creating | State::Updating => State::Disabled,
            State::Enabling => State::Enabled,
            State::Disabling => State::Disabled,
        };
        self.state = after;
        self.last_modified = now;
        Settled::Stays
    }

    /// [AWS: reported by users of Terraform and of the SDKs]
    fn check_settled(&self, to: &str) -> Result<(), Error> {
        if self.state.is_settled() {
            return Ok(());
        }
        Err(Error::InUse(format!("Cannot {to} the event source mapping because it is in use.")))
    }

    /// `StateTransitionReason`: always the user's doing, which AWS words in two ways.
    pub fn state_transition_reason(&self) -> &'static str {
        if self.source.is_stream() { "User action" } else { "USER_INITIATED" }
    }

    /// `LastProcessingResult`, which mappings of queues never have.
    pub fn shown_processing_result(&self) -> Option<&str> {
        match self.source {
            Source::Sqs(_) => None,
            _ => Some(self.last_processing_result.as_deref().unwrap_or("No records processed")),
        }
    }
}

/// The UUID in the ARN of an event source mapping of this account and region.
pub fn uuid_in_arn<'a>(arn: &'a str, scope: &Scope) -> Option<&'a str> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "lambda", region, account, "event-source-mapping", uuid]
            if *region == scope.region && *account == scope.account =>
        {
            Some(uuid)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
