//! A function and its state model: what is shown, what is served, what is refused meanwhile.
//!
//! ```text
//! create ─▶ Pending ──prepared──▶ Active, Successful ◀─────────────prepared──┐
//!              │                      │                                       │
//!              └─failed─▶ Failed      └──update──▶ Active, InProgress ──failed─▶ Active, Failed
//! ```
//! While an update is prepared, and after one that failed, invocations run what was served before.
//!
//! `$LATEST` of a function on a capacity provider is never invoked, so nothing is prepared when it is created; where
//! others are Active it is `ActiveNonInvocable`. What runs are its published versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Code, Configuration, Error, FunctionId, Timestamp};

/// `StateReasonCode` and `LastUpdateStatusReasonCode`, as far as something here causes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum ReasonCode {
    Creating,
    Updating,
    InternalError,
    InvalidImage,
    ImageAccessDenied,
    InvalidZipFileException,
    InvalidRuntime,
}

impl ReasonCode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::InternalError => "InternalError",
            Self::InvalidImage => "InvalidImage",
            Self::ImageAccessDenied => "ImageAccessDenied",
            Self::InvalidZipFileException => "InvalidZipFileException",
            Self::InvalidRuntime => "InvalidRuntime",
        }
    }
}

/// Why something is not (yet) as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people.
    pub text: String,
}

impl Reason {
    /// What AWS says of functions being created *and* updated. [AWS: recorded for both]
    pub(crate) fn creating() -> Self {
        Self { code: ReasonCode::Creating, text: "The function is being created.".to_owned() }
    }

    /// What is said of `$LATEST.PUBLISHED` that is published again, as LocalStack words it.
    pub(crate) fn updating() -> Self {
        Self { code: ReasonCode::Updating, text: "The function is being updated.".to_owned() }
    }
}

/// `State`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being prepared for the first time.
    Pending(Reason),
    /// Can be invoked.
    Active,
    /// `$LATEST` on a capacity provider: as Active, but only what is published from it can be invoked.
    ActiveNonInvocable,
    /// Could not be prepared.
    Failed(Reason),
}

impl State {
    /// AWS's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending(_) => "Pending",
            Self::Active => "Active",
            Self::ActiveNonInvocable => "ActiveNonInvocable",
            Self::Failed(_) => "Failed",
        }
    }

    /// Shown unless Active.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Pending(reason) | Self::Failed(reason) => Some(reason),
            Self::Active | Self::ActiveNonInvocable => None,
        }
    }

    /// What `$LATEST` with this configuration is when nothing is left to be done.
    fn ready(configuration: &Configuration) -> Self {
        if configuration.managed.is_some() { Self::ActiveNonInvocable } else { Self::Active }
    }
}

/// `LastUpdateStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "AWS's words")]
pub enum LastUpdate {
    Successful,
    InProgress(Reason),
    Failed(Reason),
}

impl LastUpdate {
    /// AWS's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::InProgress(_) => "InProgress",
            Self::Failed(_) => "Failed",
        }
    }

    /// Shown unless Successful.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::InProgress(reason) | Self::Failed(reason) => Some(reason),
            Self::Successful => None,
        }
    }
}

/// Names one combination of code and configuration: environments that run one never run another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(pub String);

/// Fresh identifiers for one step of a function, from the edge where randomness lives.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// UUID for `RevisionId`.
    pub revision: String,
    /// For the deployment that the step starts, if it starts one.
    pub deployment: DeploymentId,
}

/// `$LATEST` or a published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What was chosen.
    pub configuration: Configuration,
    /// What runs.
    pub code: Code,
    /// Names code and configuration together.
    pub deployment: DeploymentId,
    /// Changed with every change that a client can see.
    pub revision: String,
    /// Of code or configuration.
    pub last_modified: Timestamp,
    /// Whether it can be invoked.
    pub state: State,
    /// Absent until it was first prepared.
    pub last_update: Option<LastUpdate>,
}

impl Version {
    /// The version, to be run as it is.
    pub(crate) fn serving(&self) -> Serving {
        Serving {
            configuration: self.configuration.clone(),
            code: self.code.clone(),
            deployment: self.deployment.clone(),
        }
    }
}

/// What invocations run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// What was chosen.
    pub configuration: Configuration,
    /// What runs.
    pub code: Code,
    /// Names both together.
    pub deployment: DeploymentId,
}

impl Serving {
    /// Digests of the archives that it needs.
    pub fn archives(&self) -> impl Iterator<Item = &crate::code::Digest> {
        archives(&self.code, &self.configuration)
    }
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name and place.
    pub id: FunctionId,
    /// `$LATEST`.
    pub latest: Version,
    /// What invocations of `$LATEST` run; behind `latest` while an update is being prepared or has failed.
    pub serving: Option<Serving>,
    /// Shown by GetFunction only.
    pub tags: BTreeMap<String, String>,
    /// Number of the version that is published next.
    #[serde(default = "first_version")]
    pub next_version: u64,
}

fn first_version() -> u64 {
    1
}

impl Function {
    /// A new function, Pending.
    pub fn create(
        id: FunctionId,
        configuration: Configuration,
        code: Code,
        tags: BTreeMap<String, String>,
        now: Timestamp,
        fresh: Fresh,
    ) -> Self {
        let latest = Version {
            configuration,
            code,
            deployment: fresh.deployment,
            revision: fresh.revision,
            last_modified: now,
            state: State::Pending(Reason::creating()),
            last_update: None,
        };
        Self { id, latest, serving: None, tags, next_version: first_version() }
    }

    /// Ends the creation of a function whose `$LATEST` is not to be prepared, for nobody can invoke it. `false`: it is
    /// to be prepared.
    pub fn created_unprepared(&mut self) -> bool {
        if self.latest.configuration.managed.is_none() {
            return false;
        }
        self.latest.state = State::ActiveNonInvocable;
        self.latest.last_update = Some(LastUpdate::Successful);
        true
    }

    /// Whether code and configuration may be changed or published now.
    ///
    /// # Errors
    /// A conflict while the function is created, has failed, or is being updated; a mismatch if the client's
    /// `revision` is not the latest.
    pub fn check_update(&self, revision: Option<&str>) -> Result<(), Error> {
        self.check_state()?;
        if let Some(LastUpdate::InProgress(_)) = self.latest.last_update {
            return Err(Error::Conflict(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                self.id.arn()
            )));
        }
        match revision {
            Some(revision) if revision != self.latest.revision => Err(Error::RevisionMismatch),
            _ => Ok(()),
        }
    }

    /// Changes configuration and code; they are served once prepared.
    ///
    /// # Errors
    /// As [`Function::check_update`].
    pub fn update(
        &mut self,
        configuration: Configuration,
        code: Code,
        revision: Option<&str>,
        now: Timestamp,
        fresh: Fresh,
    ) -> Result<(), Error> {
        self.check_update(revision)?;
        self.latest = Version {
            state: State::ready(&configuration),
            configuration,
            code,
            deployment: fresh.deployment,
            revision: fresh.revision,
            last_modified: now,
            last_update: Some(LastUpdate::InProgress(Reason::creating())),
        };
        Ok(())
    }

    /// Whether `deployment` is what is being prepared: not one that was replaced or deleted meanwhile.
    pub fn is_preparing(&self, deployment: &DeploymentId) -> bool {
        self.latest.deployment == *deployment
            && (matches!(self.latest.state, State::Pending(_))
                || matches!(self.latest.last_update, Some(LastUpdate::InProgress(_))))
    }

    /// Tells how preparation goes on. `false`: nothing of the kind is going on.
    pub fn report_progress(&mut self, deployment: &DeploymentId, text: &str) -> bool {
        if !self.is_preparing(deployment) {
            return false;
        }
        let reason = Reason { code: ReasonCode::Creating, text: text.to_owned() };
        match &mut self.latest.state {
            State::Pending(current) => *current = reason,
            _ => self.latest.last_update = Some(LastUpdate::InProgress(reason)),
        }
        true
    }

    /// What was found out about the code of `deployment` while it was prepared.
    pub fn learn(&mut self, deployment: &DeploymentId, code: Code) {
        if self.is_preparing(deployment) {
            self.latest.code = code;
        }
    }

    /// `deployment` can be served from now on. `false`: it is no longer wanted.
    pub fn prepared(&mut self, deployment: &DeploymentId, revision: String) -> bool {
        if !self.is_preparing(deployment) {
            return false;
        }
        self.latest.state = State::ready(&self.latest.configuration);
        self.latest.last_update = Some(LastUpdate::Successful);
        self.latest.revision = revision;
        self.serving = (self.latest.state == State::Active).then(|| self.latest.serving());
        true
    }

    /// `deployment` cannot be served. `false`: it is no longer wanted.
    pub fn preparation_failed(
        &mut self,
        deployment: &DeploymentId,
        reason: Reason,
        revision: String,
    ) -> bool {
        if !self.is_preparing(deployment) {
            return false;
        }
        if let State::Pending(_) = self.latest.state {
            self.latest.state = State::Failed(reason.clone());
        }
        self.latest.last_update = Some(LastUpdate::Failed(reason));
        self.latest.revision = revision;
        true
    }

    /// Whether something is still to be prepared before `latest` is served.
    pub fn needs_preparation(&self) -> bool {
        self.is_preparing(&self.latest.deployment)
    }

    /// A restart is a second chance for a creation that failed: the engine may be there now. Everything else is as
    /// it was; what was in preparation goes on being prepared.
    pub fn restart(&mut self) {
        if let State::Failed(_) = self.latest.state {
            self.latest.state = State::Pending(Reason::creating());
            self.latest.last_update = None;
        }
    }

    /// What an invocation of `$LATEST` runs. `published`: whether there is a `$LATEST.PUBLISHED`.
    ///
    /// # Errors
    /// A conflict while the function is created or if that failed; on a capacity provider, that only what is published
    /// runs. [LocalStack: texts]
    pub fn serving(&self, published: bool) -> Result<&Serving, Error> {
        if self.latest.state == State::ActiveNonInvocable {
            return Err(if published {
                Error::InvalidParameter(
                    "Functions configured with capacity provider configuration can't be invoked with $LATEST \
                     qualifier. To invoke this function, specify a published version qualifier or $LATEST.PUBLISHED."
                        .to_owned(),
                )
            } else {
                Error::NoPublishedVersion
            });
        }
        self.check_state()?;
        self.serving.as_ref().ok_or_else(|| wrong_state("Pending"))
    }

    fn check_state(&self) -> Result<(), Error> {
        match &self.latest.state {
            State::Active | State::ActiveNonInvocable => Ok(()),
            state @ (State::Pending(_) | State::Failed(_)) => Err(wrong_state(state.as_str())),
        }
    }

    /// Everything that must be kept for this function to run: digests of its archives.
    pub fn archives(&self) -> impl Iterator<Item = &crate::code::Digest> {
        archives(&self.latest.code, &self.latest.configuration)
            .chain(self.serving.iter().flat_map(Serving::archives))
    }
}

/// Archives of code and layers.
pub(crate) fn archives<'a>(
    code: &'a Code,
    configuration: &'a Configuration,
) -> impl Iterator<Item = &'a crate::code::Digest> {
    code.archive().into_iter().chain(configuration.layers.iter().map(|layer| &layer.digest))
}

/// [AWS: Lambda function states]
pub(crate) fn wrong_state(state: &str) -> Error {
    Error::Conflict(format!(
        "The operation cannot be performed at this time. The function is currently in the following state: {state}"
    ))
}

#[cfg(test)]
pub(crate) mod tests;
