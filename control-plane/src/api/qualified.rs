//! What a function name with a qualifier means to things that hang on functions, versions and aliases.

use lambdock_domain::alias::Target as Runs;
use lambdock_domain::{Error as DomainError, Function, Qualifier, VersionName};

use super::Error;
use super::resolve::Named;
use crate::invoke::LATEST;
use crate::store::{self, FunctionView, Resources};

/// What a qualifier names, which exists.
pub struct Target {
    /// The function.
    pub function: Function,
    /// The version that invocations run, first of all.
    pub runs: Runs,
    /// `RevisionId` of the version or alias that is named.
    pub revision: String,
}

/// What became of looking for a target.
pub enum Lookup {
    /// There is no such function.
    NoFunction,
    /// The function has no such version or alias.
    NoQualifier,
    /// It is there.
    Found(Box<Target>),
}

/// Looks for what `named` names: the one place that tells which qualifiers exist.
///
/// # Errors
/// The store failed.
pub fn look_up(resources: &Resources<'_>, named: &Named) -> Result<Lookup, Error> {
    let view = resources.view(&named.id);
    let Some(function) = view.function()? else { return Ok(Lookup::NoFunction) };
    let found = match named.kind() {
        Qualifier::Latest => Some((Runs::Latest, function.latest.revision.clone())),
        Qualifier::Number(number) => published(&view, VersionName::Number(number))?,
        Qualifier::LatestPublished => published(&view, VersionName::LatestPublished)?,
        Qualifier::Alias(name) => view.alias(&name)?.map(|alias| (alias.target, alias.revision)),
        Qualifier::Nothing(_) => None,
    };
    Ok(found.map_or(Lookup::NoQualifier, |(runs, revision)| {
        Lookup::Found(Box::new(Target { function, runs, revision }))
    }))
}

fn published(view: &FunctionView<'_>, name: VersionName) -> Result<Option<(Runs, String)>, store::Error> {
    Ok(view.version(name)?.map(|published| (name.into(), published.version.revision)))
}

/// What `named` names. [AWS: recorded, versions and aliases are missed in different words]
///
/// # Errors
/// There is no such function, version or alias, or the store failed.
pub fn found(resources: &Resources<'_>, named: &Named) -> Result<Target, Error> {
    match look_up(resources, named)? {
        Lookup::Found(target) => Ok(*target),
        Lookup::NoFunction | Lookup::NoQualifier => Err(missing(named).into()),
    }
}

/// What AWS says when `named` names nothing.
pub fn missing(named: &Named) -> DomainError {
    match named.kind() {
        Qualifier::Alias(_) => DomainError::alias_not_found(&named.arn()),
        Qualifier::Latest | Qualifier::LatestPublished | Qualifier::Number(_) | Qualifier::Nothing(_) => {
            named.not_found()
        }
    }
}

/// The function itself, whatever the qualifier is.
///
/// # Errors
/// There is no such function, or the store failed.
pub fn function(resources: &Resources<'_>, named: &Named) -> Result<Function, Error> {
    resources.function(&named.id)?.ok_or_else(|| named.not_found().into())
}

/// The qualifier under which things that hang on `named` are kept.
pub fn key(named: &Named) -> &str {
    named.qualifier.as_deref().unwrap_or(LATEST)
}
