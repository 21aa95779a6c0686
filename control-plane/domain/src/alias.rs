//! Aliases: names that point to a version, or share invocations out between two.

use serde::{Deserialize, Serialize};

use crate::{Error, FunctionId, Qualifier, VersionName};

/// A version. Aliases point to `$LATEST` and to numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `$LATEST`.
    Latest,
    /// `$LATEST.PUBLISHED`.
    LatestPublished,
    /// A published version.
    Number(u64),
}

impl From<VersionName> for Target {
    fn from(name: VersionName) -> Self {
        match name {
            VersionName::LatestPublished => Self::LatestPublished,
            VersionName::Number(number) => Self::Number(number),
        }
    }
}

impl Target {
    /// The published version, if it is one.
    pub fn published(self) -> Option<VersionName> {
        match self {
            Self::Latest => None,
            Self::LatestPublished => Some(VersionName::LatestPublished),
            Self::Number(number) => Some(VersionName::Number(number)),
        }
    }

    /// The number, if it has one.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Latest | Self::LatestPublished => None,
            Self::Number(number) => Some(number),
        }
    }

    /// What `text` names, if it is a version.
    pub fn listed(text: &str) -> Option<Self> {
        match Qualifier::parse(text) {
            Qualifier::Latest => Some(Self::Latest),
            Qualifier::LatestPublished => Some(Self::LatestPublished),
            Qualifier::Number(number) => Some(Self::Number(number)),
            Qualifier::Alias(_) | Qualifier::Nothing(_) => None,
        }
    }

    /// What `text` names, if an alias can point to it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::listed(text).filter(|target| *target != Self::LatestPublished)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::LatestPublished => f.write_str("$LATEST.PUBLISHED"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// `RoutingConfig`: the version that takes a part of the invocations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Routing {
    /// The additional version.
    pub version: u64,
    /// Its part, from 0 to 1.
    pub weight: f64,
}

impl Routing {
    /// Reads `AdditionalVersionWeights`; none and an empty map both mean no routing. The keys are digits: the model
    /// says so.
    ///
    /// # Errors
    /// More than one version; a number that no version can have is not found.
    pub fn read<'a>(
        function: &FunctionId,
        weights: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<Option<Self>, Error> {
        let mut weights = weights.into_iter();
        let Some((version, weight)) = weights.next() else { return Ok(None) };
        if weights.next().is_some() {
            return Err(Error::InvalidParameter(
                "Number of items in AdditionalVersionWeights cannot be greater than 1".to_owned(),
            ));
        }
        match Qualifier::parse(version) {
            Qualifier::Number(version) => Ok(Some(Self { version, weight })),
            Qualifier::Latest | Qualifier::LatestPublished | Qualifier::Alias(_) | Qualifier::Nothing(_) => {
                Err(Error::function_not_found(&function.qualified_arn(version)))
            }
        }
    }
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// Unique within its function.
    pub name: String,
    /// Up to 256 characters.
    pub description: String,
    /// `FunctionVersion`.
    pub target: Target,
    /// `RoutingConfig`.
    pub routing: Option<Routing>,
    /// Changed with every update, even one that changes nothing else. [AWS: recorded]
    pub revision: String,
}

impl Alias {
    /// Whether target and routing go together. [AWS: recorded, the second without `Type`]
    ///
    /// # Errors
    /// AWS's, if both name the same version or one of them is `$LATEST`.
    pub fn check_routing(&self) -> Result<(), Error> {
        match (self.target, self.routing) {
            (Target::Number(number), Some(routing)) if routing.version == number => {
                Err(Error::InvalidParameter(format!(
                    "Invalid function version {number}. Function version {number} is already included in routing \
                     configuration."
                )))
            }
            (Target::Latest, Some(_)) => Err(Error::InvalidParameterUntyped(
                "$LATEST is not supported for an alias pointing to more than 1 version".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Whether invocations of the alias can reach the version.
    pub fn references(&self, version: VersionName) -> bool {
        let routed = self.routing.map(|routing| VersionName::Number(routing.version));
        self.target.published() == Some(version) || routed == Some(version)
    }

    /// The version that one invocation runs. `dice` is evenly spread over 0 up to, not including, 1.
    pub fn pick(&self, dice: f64) -> Target {
        match self.routing {
            Some(routing) if dice < routing.weight => Target::Number(routing.version),
            _ => self.target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    fn alias(target: Target, routing: Option<(u64, f64)>) -> Alias {
        let routing = routing.map(|(version, weight)| Routing { version, weight });
        Alias { name: "live".into(), description: String::new(), target, routing, revision: "r".into() }
    }

    fn read(weights: &[(&str, f64)]) -> Result<Option<Routing>, Error> {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Routing::read(&FunctionId { scope, name: "f".into() }, weights.iter().copied())
    }

    #[test]
    fn at_most_one_additional_version_takes_part() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("2", 0.5)]), Ok(Some(Routing { version: 2, weight: 0.5 })));
        let message = "Number of items in AdditionalVersionWeights cannot be greater than 1";
        assert_eq!(read(&[("1", 0.8), ("2", 0.2)]), Err(Error::InvalidParameter(message.into())));
    }

    #[test]
    fn a_number_beyond_all_versions_is_not_found() {
        let number = "99999999999999999999999";
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:f:{number}");
        assert_eq!(read(&[(number, 0.5)]), Err(Error::function_not_found(&arn)));
    }

    #[test]
    fn two_versions_are_two_and_published() {
        let same =
            "Invalid function version 1. Function version 1 is already included in routing configuration.";
        assert_eq!(
            alias(Target::Number(1), Some((1, 0.5))).check_routing(),
            Err(Error::InvalidParameter(same.into()))
        );
        let latest = "$LATEST is not supported for an alias pointing to more than 1 version";
        assert_eq!(
            alias(Target::Latest, Some((1, 0.5))).check_routing(),
            Err(Error::InvalidParameterUntyped(latest.into()))
        );
        assert_eq!(alias(Target::Number(1), Some((2, 0.5))).check_routing(), Ok(()));
        assert_eq!(alias(Target::Latest, None).check_routing(), Ok(()));
    }

    #[test]
    fn the_weight_is_the_part_of_the_additional_version() {
        let picked = |weight: f64, dice: f64| alias(Target::Number(1), Some((2, weight))).pick(dice);
        assert_eq!(picked(0.2, 0.19), Target::Number(2));
        assert_eq!(picked(0.2, 0.2), Target::Number(1));
        assert_eq!(picked(0.0, 0.0), Target::Number(1));
        assert_eq!(picked(1.0, 0.999_999), Target::Number(2));
        assert_eq!(alias(Target::Latest, None).pick(0.0), Target::Latest);
    }

    #[test]
    fn an_alias_references_both_of_its_versions() {
        let alias = alias(Target::Number(1), Some((2, 0.0)));
        assert_eq!(
            [1, 2, 3].map(|number| alias.references(VersionName::Number(number))),
            [true, true, false]
        );
    }
}
