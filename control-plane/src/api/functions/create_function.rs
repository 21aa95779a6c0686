use std::collections::BTreeMap;
use std::time::Duration;

use lambdock_domain::{Error as DomainError, Function, FunctionId, PackageType, layer, tags};

use super::source;
use super::{choose, found, limits, named, network, show, storage};
use crate::api::resolve::{Named, Reach};
use crate::api::versions::publish_to;
use crate::api::{
    Caller, Context, Creation, Error, capacity_providers, code_signing, fresh, layers, new_id, now,
};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// Longest bare function name. [AWS: recorded]
const NAME_LIMIT: usize = 64;

/// How long a synchronous creation waits. (LocalStack)
const SYNCHRONOUS_LIMIT: Duration = Duration::from_secs(10);

/// CreateFunction: checks and keeps the code, answers with a function in state Pending, prepares it afterwards. With
/// `Publish` the answer is about version 1, which becomes Active together with `$LATEST`. On a capacity provider only
/// what is published is prepared.
///
/// # Errors
/// AWS's for names, code and configuration; a conflict if the name is taken.
pub async fn create_function(
    context: &Context,
    caller: &Caller,
    input: shapes::CreateFunctionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionConfiguration, Error> {
    let violations = match &input.capacity_provider_config {
        Some(_) => limits::on_provider(violations, input.timeout, input.memory_size),
        None => violations,
    };
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    let id = named.id;
    check_name(&id)?;
    let mut configuration = choose::create(&input, &id.name, &context.rules.get())?;
    let publish_to = publish_to(input.publish_to.as_deref(), &configuration)?;
    let tags: BTreeMap<String, String> = input.tags.into_iter().flatten().collect();
    tags::check(&tags, context.rules.get().limits.tags)?;
    let layers = input.layers.clone().unwrap_or_default();
    layer::check_package_type(configuration.package_type, layers.len())?;
    let attached = layers::attached(context, caller, &id.scope, layers).await?;
    configuration.layers = attached.layers;
    if context.store.function(&id).await?.is_some() {
        return Err(taken(&id));
    }
    configuration.vpc = network(context, &id.scope, input.vpc_config.as_ref()).await?;
    let code_signing = match input.code_signing_config_arn {
        Some(_) if configuration.package_type == PackageType::Image => {
            return Err(code_signing::not_for_images().into());
        }
        Some(arn) => Some(code_signing::attachable(context, caller, arn).await?),
        None => None,
    };
    let source = input.code.unwrap_or_default();
    let (package_type, architecture) = (configuration.package_type, configuration.architecture);
    let taken_in = source::take(context, &id.scope, source, package_type, architecture).await?;

    let unzipped = taken_in.code.unzipped();
    layer::check_size(unzipped, &configuration.layers, context.rules.get().limits.code_size_unzipped)?;
    let mut function = Function::create(id.clone(), configuration, taken_in.code, tags, now(), fresh());
    let deployment = function.latest.deployment.clone();
    let published = (input.publish == Some(true))
        .then(|| function.publish(publish_to, None, None, fresh(), new_id()).version().clone());
    // [AWS: recorded] The version that was published is shown, but without its number in the ARN.
    let subject = match &published {
        Some(published) => show::Subject::published(&id, published),
        None => show::Subject::from(&function),
    };
    let name = subject.name;
    let shown = show::configuration(subject, id.arn(), show::Detail::Full);
    function.created_unprepared();
    let limits = context.rules.get().limits.clone();
    let kept = context.store.transact(move |resources| {
        if let Some(managed) = &function.latest.configuration.managed {
            let provider = resources.capacity_provider(&function.id.scope, managed.provider_name())?;
            capacity_providers::check_usable(provider, managed)?;
        }
        if !resources.add_function(&function, published.as_ref())? {
            return Err(taken(&function.id));
        }
        if let Some(code_signing) = &code_signing {
            resources.attach(&function.id, LATEST, code_signing)?;
        }
        Ok(storage::check(&limits, resources.usage(&function.id.scope)?)?)
    });
    kept.await?;
    drop((taken_in.lease, attached.leases));
    let prepared = context.activation.prepare(id.clone(), deployment);
    if *context.creation.get() == Creation::Synchronous {
        // Preparation goes on if the time is up; the waiters of the SDKs see how it ends.
        let _ = tokio::time::timeout(SYNCHRONOUS_LIMIT, prepared).await;
        let qualifier = name.published().map(|name| name.to_string());
        let now = found(context, &Named { id: id.clone(), qualifier }).await?;
        return Ok(show::configuration(now.subject(), id.arn(), show::Detail::Full));
    }
    Ok(shown)
}

fn taken(id: &FunctionId) -> Error {
    DomainError::Conflict(format!("Function already exist: {}", id.name)).into()
}

fn check_name(id: &FunctionId) -> Result<(), Error> {
    if id.name.len() > NAME_LIMIT {
        return Err(Error::ViolationAsParameter(format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must \
             have length less than or equal to {NAME_LIMIT}",
            id.name
        )));
    }
    Ok(())
}
