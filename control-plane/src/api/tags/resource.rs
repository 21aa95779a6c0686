//! What a tagged ARN names.

use std::collections::BTreeMap;

use lambdock_domain::code_signing::id_in_arn;
use lambdock_domain::event_source_mapping::uuid_in_arn;
use lambdock_domain::{Error as DomainError, EventSourceMapping, FunctionId, LastUpdate, Scope};

use crate::api::capacity_providers::found;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, new_id, valid};
use crate::store::{ChangeError, Resources};
use crate::wire::Violation;

/// A resource that can have tags, if it exists.
pub(super) enum Resource {
    Function(FunctionId),
    CodeSigningConfig {
        scope: Scope,
        arn: String,
    },
    EventSourceMapping {
        scope: Scope,
        arn: String,
    },
    CapacityProvider {
        scope: Scope,
        arn: String,
    },
    /// A layer: the pattern has them, but nothing can be tagged there.
    Unknown(DomainError),
}

impl Resource {
    /// Reads `Resource`.
    ///
    /// # Errors
    /// It breaks AWS's pattern, names a version or an alias, or what is out of reach.
    pub(super) fn read(
        caller: &Caller,
        arn: Option<&str>,
        violations: Vec<Violation>,
    ) -> Result<Self, Error> {
        valid(violations)?;
        let arn = arn.unwrap_or_default();
        match arn.split(':').nth(5) {
            Some("function") => {
                let named = named(caller, Reach::AnyAccount, Some(arn), None, Vec::new())?;
                if named.qualifier.is_some() {
                    let message = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
                    return Err(DomainError::InvalidParameter(message.to_owned()).into());
                }
                Ok(Self::Function(named.id))
            }
            Some("code-signing-config") => {
                Ok(Self::CodeSigningConfig { scope: caller.scope.clone(), arn: arn.to_owned() })
            }
            Some("event-source-mapping") => {
                Ok(Self::EventSourceMapping { scope: caller.scope.clone(), arn: arn.to_owned() })
            }
            Some("capacity-provider") => {
                Ok(Self::CapacityProvider { scope: caller.scope.clone(), arn: arn.to_owned() })
            }
            _ => Ok(Self::unknown("Resource", arn)),
        }
    }

    fn unknown(kind: &str, arn: &str) -> Self {
        Self::Unknown(DomainError::NotFound(format!("{kind} not found: {arn}")))
    }

    /// Its tags.
    ///
    /// # Errors
    /// It does not exist, or the store failed.
    pub(super) async fn tags(self, context: &Context) -> Result<BTreeMap<String, String>, Error> {
        match self {
            Self::Function(id) => {
                let function = context.store.function(&id).await?;
                let function = function.ok_or_else(|| DomainError::function_not_found(&id.arn()))?;
                Ok(function.tags)
            }
            Self::CodeSigningConfig { scope, arn } => {
                let missing = DomainError::NoCodeSigningConfig(arn.clone());
                let config = context
                    .store
                    .transact(move |resources| {
                        let id = id_in_arn(&arn, &scope);
                        Ok::<_, Error>(id.map(|id| resources.code_signing_config(&scope, id)).transpose()?)
                    })
                    .await?;
                Ok(config.flatten().ok_or(missing)?.tags)
            }
            Self::EventSourceMapping { scope, arn } => {
                let found = context.store.transact(move |resources| mapping(resources, &scope, &arn)).await?;
                Ok(found.tags)
            }
            Self::CapacityProvider { scope, arn } => {
                let provider =
                    context.store.transact(move |resources| found(resources, &scope, &arn)).await?;
                Ok(provider.tags)
            }
            Self::Unknown(error) => Err(error.into()),
        }
    }

    /// Changes its tags. A function gets a new revision. [AWS: recorded]
    ///
    /// # Errors
    /// It does not exist or is being updated, `change` refused, or the store failed.
    pub(super) async fn change_tags(
        self,
        context: &Context,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), DomainError> + Send + 'static,
    ) -> Result<(), Error> {
        match self {
            Self::Function(id) => {
                let arn = id.arn();
                let missing = DomainError::function_not_found(&arn);
                let changed = context.store.change_function(&id, move |function| {
                    // [AWS: TagResource] As with every other change.
                    if let Some(LastUpdate::InProgress(_)) = function.latest.last_update {
                        return Err(DomainError::Conflict(format!(
                            "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
                        )));
                    }
                    change(&mut function.tags)?;
                    function.latest.revision = new_id();
                    Ok(())
                });
                match changed.await {
                    Ok(_) => Ok(()),
                    Err(ChangeError::Missing) => Err(missing.into()),
                    Err(ChangeError::Refused(error)) => Err(error.into()),
                    Err(ChangeError::Store(error)) => Err(error.into()),
                }
            }
            Self::CodeSigningConfig { scope, arn } => {
                context
                    .store
                    .transact(move |resources| {
                        let id = id_in_arn(&arn, &scope);
                        let config = id.map(|id| resources.code_signing_config(&scope, id)).transpose()?;
                        let mut config =
                            config.flatten().ok_or_else(|| DomainError::NoCodeSigningConfig(arn.clone()))?;
                        change(&mut config.tags)?;
                        resources.put_code_signing_config(&config)?;
                        Ok::<_, Error>(())
                    })
                    .await
            }
            Self::EventSourceMapping { scope, arn } => {
                context
                    .store
                    .transact(move |resources| {
                        let mut mapping = mapping(resources, &scope, &arn)?;
                        change(&mut mapping.tags)?;
                        resources.put_event_source_mapping(&mapping)?;
                        Ok::<_, Error>(())
                    })
                    .await
            }
            Self::CapacityProvider { scope, arn } => {
                context
                    .store
                    .transact(move |resources| {
                        let mut provider = found(resources, &scope, &arn)?;
                        change(&mut provider.tags)?;
                        resources.put_capacity_provider(&provider)?;
                        Ok::<_, Error>(())
                    })
                    .await
            }
            Self::Unknown(error) => Err(error.into()),
        }
    }
}

fn mapping(resources: &Resources<'_>, scope: &Scope, arn: &str) -> Result<EventSourceMapping, Error> {
    let uuid = uuid_in_arn(arn, scope);
    let mapping = uuid.map(|uuid| resources.event_source_mapping(scope, uuid)).transpose()?;
    mapping
        .flatten()
        .ok_or_else(|| DomainError::NotFound(format!("Event source mapping not found: {arn}")).into())
}
