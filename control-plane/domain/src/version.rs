//! Published versions: frozen copies of `$LATEST`, numbered from 1, with environments of their own.
//!
//! A function on a capacity provider has one more, `$LATEST.PUBLISHED`, which is published anew as often as one likes.
//! While it is, and after that failed, invocations run what it was before.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::function::{DeploymentId, Fresh, Serving, wrong_state};
use crate::{Error, Function, LastUpdate, Reason, State, Version};

/// The name of a published version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub enum VersionName {
    /// `$LATEST.PUBLISHED`, which comes before the numbers.
    LatestPublished,
    /// From 1; never given twice while the function lives.
    Number(u64),
}

/// As it is stored: no version has the number 0.
impl From<u64> for VersionName {
    fn from(number: u64) -> Self {
        if number == 0 { Self::LatestPublished } else { Self::Number(number) }
    }
}

impl From<VersionName> for u64 {
    fn from(name: VersionName) -> Self {
        match name {
            VersionName::LatestPublished => 0,
            VersionName::Number(number) => number,
        }
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LatestPublished => f.write_str("$LATEST.PUBLISHED"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A published version of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedVersion {
    /// Its name.
    #[serde(rename = "number")]
    pub name: VersionName,
    /// What was published.
    pub version: Version,
    /// The deployment of `$LATEST` that was copied. Publishing it again gives this version again.
    pub published_from: DeploymentId,
    /// What `$LATEST.PUBLISHED` was before, until it is ready again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Serving>,
}

impl PublishedVersion {
    /// Whether something is still to be prepared before it is served.
    pub fn needs_preparation(&self) -> bool {
        matches!(self.version.state, State::Pending(_))
            || matches!(self.version.last_update, Some(LastUpdate::InProgress(_)))
    }

    /// Whether nothing is left to be done about it, by itself or at a restart.
    pub fn is_settled(&self) -> bool {
        self.version.state == State::Active && !self.needs_preparation()
    }

    /// Whether preparing `deployment` makes this version ready: its own, or that of `$LATEST` which it was published
    /// from while it was being prepared.
    pub fn is_preparing(&self, deployment: &DeploymentId) -> bool {
        self.needs_preparation()
            && (self.version.deployment == *deployment || self.published_from == *deployment)
    }

    /// Can be invoked from now on. What it was before is left.
    pub fn prepared(&mut self, revision: String) -> Option<Serving> {
        self.version.state = State::Active;
        self.version.last_update = Some(LastUpdate::Successful);
        self.version.revision = revision;
        self.before.take()
    }

    /// Cannot be invoked, unless it could before.
    pub fn preparation_failed(&mut self, reason: Reason, revision: String) {
        if self.before.is_none() {
            self.version.state = State::Failed(reason.clone());
        }
        self.version.last_update = Some(LastUpdate::Failed(reason));
        self.version.revision = revision;
    }

    /// A restart is a second chance for a version that failed.
    pub fn restart(&mut self) {
        if let State::Failed(_) = self.version.state {
            self.version.state = State::Pending(Reason::creating());
            self.version.last_update = None;
        }
    }

    /// What an invocation of this version runs.
    ///
    /// # Errors
    /// A conflict while the version is prepared or if that failed.
    pub fn serving(&self) -> Result<Serving, Error> {
        match (&self.version.state, &self.before) {
            (State::Active, Some(before)) => Ok(before.clone()),
            (State::Active, None) => Ok(self.version.serving()),
            (state @ (State::Pending(_) | State::ActiveNonInvocable | State::Failed(_)), _) => {
                Err(wrong_state(state.as_str()))
            }
        }
    }

    /// Deployments that may have environments.
    pub fn deployments(&self) -> impl Iterator<Item = &DeploymentId> {
        std::iter::once(&self.version.deployment).chain(self.before.iter().map(|before| &before.deployment))
    }

    /// Digests of the archives that must be kept for this version to run.
    pub fn archives(&self) -> impl Iterator<Item = &crate::code::Digest> {
        crate::function::archives(&self.version.code, &self.version.configuration)
            .chain(self.before.iter().flat_map(Serving::archives))
    }
}

/// What publishing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// A new version; `$LATEST` has a new revision.
    New(PublishedVersion),
    /// `$LATEST` was not updated since this version was published.
    Unchanged(PublishedVersion),
}

impl Publication {
    /// The version, new or not.
    pub fn version(&self) -> &PublishedVersion {
        match self {
            Self::New(version) | Self::Unchanged(version) => version,
        }
    }
}

/// `PublishTo`: which version is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishTo {
    /// The next number.
    Number,
    /// `$LATEST.PUBLISHED`.
    LatestPublished,
}

impl Function {
    /// The number of the version published last, whether or not it still exists.
    pub fn last_number(&self) -> Option<u64> {
        self.next_version.checked_sub(1).filter(|number| *number > 0)
    }

    /// The version that was published last to the same place, whether or not it still exists.
    pub fn last_published(&self, to: PublishTo) -> Option<VersionName> {
        match to {
            PublishTo::Number => self.last_number().map(VersionName::Number),
            PublishTo::LatestPublished => Some(VersionName::LatestPublished),
        }
    }

    /// Publishes `$LATEST`. `last` is the version that is [`Function::last_published`], if it still exists;
    /// `description` replaces that of `$LATEST`; `revision` is the new one of `$LATEST`.
    ///
    /// An update makes the difference, not what it changed: after an update to the same code and configuration there
    /// is something to publish again. [AWS: observed]
    ///
    /// What is being served is Active at once. [AWS: recorded] What is still to be prepared, or to be snapshotted, is
    /// Pending; `$LATEST.PUBLISHED` only for the first time.
    pub fn publish(
        &mut self,
        to: PublishTo,
        last: Option<PublishedVersion>,
        description: Option<String>,
        fresh: Fresh,
        revision: String,
    ) -> Publication {
        let last = match last {
            Some(last) if last.published_from == self.latest.deployment => {
                return Publication::Unchanged(last);
            }
            last => last,
        };
        let mut configuration = self.latest.configuration.clone();
        if let Some(description) = description {
            configuration.description = description;
        }
        let is_served =
            self.serving.as_ref().is_some_and(|serving| serving.deployment == self.latest.deployment);
        let (name, before) = match to {
            PublishTo::Number => {
                let name = VersionName::Number(self.next_version);
                self.next_version += 1;
                (name, None)
            }
            PublishTo::LatestPublished => {
                (VersionName::LatestPublished, last.and_then(|last| last.serving().ok()))
            }
        };
        let (state, last_update) = if before.is_some() {
            (State::Active, Some(LastUpdate::InProgress(Reason::updating())))
        } else if is_served && !configuration.snap_start_on_published_versions {
            (State::Active, Some(LastUpdate::Successful))
        } else {
            (State::Pending(Reason::creating()), None)
        };
        let version = Version {
            configuration,
            code: self.latest.code.clone(),
            deployment: fresh.deployment,
            revision: fresh.revision,
            last_modified: self.latest.last_modified,
            state,
            last_update,
        };
        self.latest.revision = revision;
        let published_from = self.latest.deployment.clone();
        Publication::New(PublishedVersion { name, version, published_from, before })
    }
}

#[cfg(test)]
mod tests;
