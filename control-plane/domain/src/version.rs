//! Published versions: frozen copies of `$LATEST`, numbered from 1, with environments of their own.

use serde::{Deserialize, Serialize};

use crate::function::{DeploymentId, Fresh, Serving, wrong_state};
use crate::{Error, Function, LastUpdate, Reason, State, Version};

/// A published version of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedVersion {
    /// From 1; never given twice while the function lives.
    pub number: u64,
    /// What was published.
    pub version: Version,
    /// The deployment of `$LATEST` that was copied. Publishing it again gives this version again.
    pub published_from: DeploymentId,
}

impl PublishedVersion {
    /// Whether preparing `deployment` makes this version ready: its own, or that of `$LATEST` which it was published
    /// from while it was being prepared.
    pub fn is_preparing(&self, deployment: &DeploymentId) -> bool {
        matches!(self.version.state, State::Pending(_))
            && (self.version.deployment == *deployment || self.published_from == *deployment)
    }

    /// Can be invoked from now on.
    pub fn prepared(&mut self, revision: String) {
        self.version.state = State::Active;
        self.version.last_update = Some(LastUpdate::Successful);
        self.version.revision = revision;
    }

    /// Cannot be invoked.
    pub fn preparation_failed(&mut self, reason: Reason, revision: String) {
        self.version.state = State::Failed(reason.clone());
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
        let Version { configuration, code, deployment, state, .. } = &self.version;
        match state {
            State::Active => Ok(Serving {
                configuration: configuration.clone(),
                code: code.clone(),
                deployment: deployment.clone(),
            }),
            state @ (State::Pending(_) | State::Failed(_)) => Err(wrong_state(state.as_str())),
        }
    }

    /// Digests of the archives that must be kept for this version to run.
    pub fn archives(&self) -> impl Iterator<Item = &crate::code::Digest> {
        crate::function::archives(&self.version.code, &self.version.configuration)
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

impl Function {
    /// The number of the version published last, whether or not it still exists.
    pub fn last_number(&self) -> Option<u64> {
        self.next_version.checked_sub(1).filter(|number| *number > 0)
    }

    /// Publishes `$LATEST`. `last` is the version with [`Function::last_number`], if it still exists; `description`
    /// replaces that of `$LATEST`; `revision` is the new one of `$LATEST`.
    ///
    /// An update makes the difference, not what it changed: after an update to the same code and configuration there
    /// is something to publish again. [AWS: observed]
    ///
    /// What is being served is Active at once. [AWS: recorded] What is still to be prepared, or to be snapshotted, is
    /// Pending.
    pub fn publish(
        &mut self,
        last: Option<PublishedVersion>,
        description: Option<String>,
        fresh: Fresh,
        revision: String,
    ) -> Publication {
        if let Some(last) = last.filter(|last| last.published_from == self.latest.deployment) {
            return Publication::Unchanged(last);
        }
        let mut configuration = self.latest.configuration.clone();
        if let Some(description) = description {
            configuration.description = description;
        }
        let is_served =
            self.serving.as_ref().is_some_and(|serving| serving.deployment == self.latest.deployment);
        let (state, last_update) = if is_served && !configuration.snap_start_on_published_versions {
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
        let number = self.next_version;
        self.next_version += 1;
        self.latest.revision = revision;
        let published_from = self.latest.deployment.clone();
        Publication::New(PublishedVersion { number, version, published_from })
    }
}

#[cfg(test)]
mod tests;
