//! What putting and updating a configuration have in common.

use lambdock_domain::event_invoke::{Destinations, EventInvokeConfig, Settings, invalid_arn, recursive};
use lambdock_domain::{FunctionId, Scope};

use super::show;
use crate::api::qualified::{self, Lookup};
use crate::api::resolve::Named;
use crate::api::{Context, Error};
use crate::store::Resources;
use crate::wire::shapes;

/// Reads the members that both operations have.
pub(super) fn settings(
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<shapes::DestinationConfig>,
) -> Settings {
    // Both are in their ranges: the model says so.
    let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
    let present = |arn: Option<String>| arn.filter(|arn| !arn.is_empty());
    Settings {
        maximum_retry_attempts: number(maximum_retry_attempts),
        maximum_event_age_s: number(maximum_event_age_in_seconds),
        destinations: destination_config.map(|config| Destinations {
            on_success: config.on_success.map(|outcome| present(outcome.destination)),
            on_failure: config.on_failure.map(|outcome| present(outcome.destination)),
        }),
    }
}

/// Checks the settings and writes what `change` makes of them and of the configuration before.
///
/// # Errors
/// Nothing is set; a function or a destination that is missing; `change` refused, or the store failed.
pub(super) async fn configure(
    context: &Context,
    named: Named,
    settings: Settings,
    change: impl FnOnce(Settings, Option<EventInvokeConfig>) -> Result<EventInvokeConfig, Error> + Send + 'static,
) -> Result<shapes::FunctionEventInvokeConfig, Error> {
    settings.check_given()?;
    context
        .store
        .transact(move |resources| {
            match qualified::look_up(resources, &named)? {
                Lookup::Found(_) => {}
                Lookup::NoFunction | Lookup::NoQualifier => return Err(show::no_function().into()),
            }
            if let Some(destinations) = &settings.destinations {
                check(resources, &named.id, destinations)?;
            }
            let qualifier = qualified::key(&named);
            let config = change(settings, resources.attached(&named.id, qualifier)?)?;
            resources.attach(&named.id, qualifier, &config)?;
            Ok(show::config(&named.id, qualifier, config))
        })
        .await
}

/// Functions among the destinations must exist, and be others.
fn check(resources: &Resources<'_>, id: &FunctionId, destinations: &Destinations) -> Result<(), Error> {
    for function in destinations.check()? {
        let reference = function.reference;
        let scope = Scope {
            account: reference.account.unwrap_or_else(|| id.scope.account.clone()),
            region: reference.region.unwrap_or_else(|| id.scope.region.clone()),
        };
        let destination =
            Named { id: FunctionId { scope, name: reference.name }, qualifier: reference.qualifier };
        match qualified::look_up(resources, &destination)? {
            Lookup::Found(target) if target.function.id == *id => return Err(recursive().into()),
            Lookup::Found(_) => {}
            Lookup::NoFunction | Lookup::NoQualifier => return Err(invalid_arn(&function.arn).into()),
        }
    }
    Ok(())
}
