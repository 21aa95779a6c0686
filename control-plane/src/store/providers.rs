//! Which versions of functions are to run on which capacity provider.

use std::borrow::Cow;

use lambdock_domain::{CapacityProvider, Configuration, FunctionId};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};

use super::{Attached, Attachment, Error, Resources, attachments};

/// Hangs on each version that names a provider, by whose ARN it is found. Written with the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OnProvider(String);

impl Attachment for OnProvider {
    const KIND: &'static str = "capacity_provider";

    fn handle(&self) -> Option<Cow<'_, str>> {
        Some(self.0.as_str().into())
    }
}

/// Notes the provider of a version, if it has one. None ever loses it.
pub(super) fn write(
    transaction: &Transaction<'_>,
    id: &FunctionId,
    version: &str,
    configuration: &Configuration,
) -> Result<(), Error> {
    match &configuration.managed {
        Some(managed) => attachments::write(transaction, id, version, &OnProvider(managed.provider.clone())),
        None => Ok(()),
    }
}

impl Resources<'_> {
    /// Versions on a provider, by function and version, at most `limit`, those after the version `after` of a function.
    ///
    /// # Errors
    /// The store failed.
    pub fn versions_on(
        &self,
        provider: &CapacityProvider,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Attached<OnProvider>>, Error> {
        self.attached_by_after(&provider.arn(), &provider.scope, after.unwrap_or_default(), limit)
    }
}
