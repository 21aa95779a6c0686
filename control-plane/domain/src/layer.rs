//! Layers: archives with versions that functions unpack under `/opt`.

use serde::{Deserialize, Serialize};

use crate::code::Digest;
use crate::configuration::LayerUse;
use crate::policy::{Policy, Principal};
use crate::{Error, PackageType, Scope, Timestamp};

/// Layers that a function may use. [AWS: Lambda quotas, function layers]
pub const MOST: usize = 5;

/// A layer, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerId {
    /// Where it lives.
    pub scope: Scope,
    /// Its plain name.
    pub name: String,
}

impl LayerId {
    /// Reads `LayerName`: a name in the caller's `scope`, or the ARN of a layer anywhere. What is neither is taken for a
    /// name, which nothing has.
    pub fn read(text: &str, scope: &Scope) -> Self {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "lambda", region, account, "layer", name] => Self {
                scope: Scope { account: (*account).to_owned(), region: (*region).to_owned() },
                name: (*name).to_owned(),
            },
            _ => Self { scope: scope.clone(), name: text.to_owned() },
        }
    }

    /// The ARN without a version.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:lambda:{region}:{account}:layer:{}", self.scope.partition(), self.name)
    }

    /// The ARN of one of its versions.
    pub fn version_arn(&self, number: u64) -> String {
        format!("{}:{number}", self.arn())
    }
}

/// The layer and the number in the ARN of a layer version. `None`: it is something else.
pub fn parse_version_arn(arn: &str) -> Option<(LayerId, u64)> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", _, "lambda", region, account, "layer", name, number] = parts.as_slice() else { return None };
    let scope = Scope { account: (*account).to_owned(), region: (*region).to_owned() };
    Some((LayerId { scope, name: (*name).to_owned() }, number.parse().ok()?))
}

/// One version of a layer, which never changes but for its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerVersion {
    /// Of which layer.
    pub layer: LayerId,
    /// From 1; no number is given twice.
    pub number: u64,
    /// Name of the archive.
    pub digest: Digest,
    /// Bytes of the archive.
    pub size: u64,
    /// Bytes of what is in it.
    pub unzipped: u64,
    /// Up to 256 characters.
    pub description: String,
    /// When it was published.
    pub created: Timestamp,
    /// `CompatibleRuntimes`; `None` if not given, which is shown differently from none.
    pub runtimes: Option<Vec<String>>,
    /// `CompatibleArchitectures`, likewise.
    pub architectures: Option<Vec<String>>,
    /// `LicenseInfo`.
    pub license: Option<String>,
    /// Who else may use it.
    pub policy: Option<Policy>,
}

impl LayerVersion {
    /// Its ARN.
    pub fn arn(&self) -> String {
        self.layer.version_arn(self.number)
    }

    /// Whether it suits functions of a runtime and an architecture, as far as they are given. One that names none does
    /// not. [AWS: ListLayers, CompatibleRuntime]
    pub fn suits(&self, runtime: Option<&str>, architecture: Option<&str>) -> bool {
        let among = |list: &Option<Vec<String>>, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| list.iter().flatten().any(|one| one == wanted))
        };
        among(&self.runtimes, runtime) && among(&self.architectures, architecture)
    }

    /// Whether an account may use it: its own, or one that the policy lets.
    pub fn admits(&self, account: &str) -> bool {
        let let_in = |principal: &Principal| match principal {
            Principal::Everybody(_) => true,
            Principal::Identity { arn } => arn.split(':').nth(4) == Some(account),
            Principal::Service { .. } => false,
        };
        self.layer.scope.account == account
            || self.policy.iter().flat_map(|policy| &policy.statements).any(|one| let_in(&one.principal))
    }

    /// The same as a function refers to it.
    pub fn used(&self) -> LayerUse {
        LayerUse {
            arn: self.arn(),
            code_size: self.size,
            unzipped: self.unzipped,
            digest: self.digest.clone(),
        }
    }
}

/// Checks the list of layers of a function that lives in `region`, before any of them is looked up.
///
/// # Errors
/// There are too many, one is of another region, or two are versions of the same. [AWS: recorded]
pub fn check_references(arns: &[String], region: &str) -> Result<(), Error> {
    if arns.len() > MOST {
        return Err(Error::InvalidParameter(format!("Cannot reference more than {MOST} layers.")));
    }
    let mut seen: Vec<(LayerId, &str)> = Vec::new();
    for arn in arns {
        let Some((layer, _)) = parse_version_arn(arn) else { continue };
        if layer.scope.region != region {
            return Err(Error::InvalidParameter(format!(
                "Layers are not in the same region as the function. Layers are expected to be in region {region}."
            )));
        }
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == layer) {
            return Err(Error::InvalidParameter(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. \
                 {first} and {arn} are versions of the same layer."
            )));
        }
        seen.push((layer, arn));
    }
    Ok(())
}

/// Checks that code and layers together have `limit` bytes at most.
///
/// # Errors
/// They have more, or the layers alone do. [AWS: quotas, deployment package size; the words are those that users of AWS
/// report]
pub fn check_size(code: u64, layers: &[LayerUse], limit: u64) -> Result<(), Error> {
    let of_layers = layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.unzipped));
    let all = code.saturating_add(of_layers);
    if of_layers > limit {
        return Err(Error::InvalidParameter(format!(
            "Layers consume more than the available size of {limit} bytes"
        )));
    }
    if !layers.is_empty() && all > limit {
        return Err(Error::InvalidParameter(format!(
            "Function code combined with layers exceeds the maximum allowed size of {limit} bytes. The actual size is \
             {all} bytes."
        )));
    }
    Ok(())
}

/// Checks that a function that is to have `count` layers can have some.
///
/// # Errors
/// It is an image, which has its own in it. [AWS: as users report it]
pub fn check_package_type(package_type: PackageType, count: usize) -> Result<(), Error> {
    if package_type == PackageType::Image && count > 0 {
        let message = "Lambda layers are not supported for functions created with container images.";
        return Err(Error::InvalidParameter(message.to_owned()));
    }
    Ok(())
}

/// [AWS: recorded]
pub fn does_not_exist(arn: &str) -> String {
    format!("Layer version {arn} does not exist.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Permission;

    fn scope() -> Scope {
        Scope { account: "000000000000".into(), region: "us-east-1".into() }
    }

    fn version(policy: Option<Policy>) -> LayerVersion {
        LayerVersion {
            layer: LayerId::read("l", &scope()),
            number: 3,
            digest: Digest("d".into()),
            size: 1,
            unzipped: 2,
            description: String::new(),
            created: Timestamp::default(),
            runtimes: Some(vec!["python3.12".into()]),
            architectures: None,
            license: None,
            policy,
        }
    }

    fn arn(name: &str, number: u64) -> String {
        LayerId::read(name, &scope()).version_arn(number)
    }

    #[test]
    fn names_and_arns_are_read() {
        let own = LayerId::read("l", &scope());
        assert_eq!(own.arn(), "arn:aws:lambda:us-east-1:000000000000:layer:l");
        assert_eq!(LayerId::read(&own.arn(), &Scope { region: "x".into(), ..scope() }), own);
        assert_eq!(parse_version_arn(&own.version_arn(7)), Some((own.clone(), 7)));
        for other in [own.arn(), "l:1".into(), format!("{}:x", own.arn()), String::new()] {
            assert_eq!(parse_version_arn(&other), None, "{other}");
        }
    }

    #[test]
    fn a_function_uses_five_layers_of_its_region_each_once() {
        let check = |arns: &[String]| check_references(arns, "us-east-1").map_err(|error| error.to_string());
        let five: Vec<_> = (0..5).map(|number| arn(&format!("l{number}"), 1)).collect();
        assert_eq!(check(&five), Ok(()));
        let six = [five.as_slice(), &[arn("l6", 1)]].concat();
        assert_eq!(check(&six).unwrap_err(), "Cannot reference more than 5 layers.");
        let twice = check(&[arn("l", 2), arn("m", 1), arn("l", 1)]).unwrap_err();
        assert!(twice.contains(&format!("{} and {} are versions", arn("l", 2), arn("l", 1))), "{twice}");
        assert!(check_references(&five, "eu-west-1").is_err());
    }

    #[test]
    fn code_and_layers_have_one_limit() {
        let layers = [version(None).used(), version(None).used()];
        let refused = |code, limit| check_size(code, &layers, limit).unwrap_err().to_string();
        assert_eq!(check_size(6, &layers, 10), Ok(()));
        assert!(refused(7, 10).ends_with("of 10 bytes. The actual size is 11 bytes."));
        assert!(refused(u64::MAX, 10).starts_with("Function code combined with layers"));
        assert_eq!(refused(0, 3), "Layers consume more than the available size of 3 bytes");
        assert_eq!(check_size(11, &[], 10), Ok(()), "code alone has a check of its own");
    }

    #[test]
    fn others_are_let_in_by_the_policy() {
        let with = |principal: &str| {
            let permission = Permission { principal: principal.into(), ..Permission::default() };
            let statement = permission.statement("r".into(), &scope()).unwrap();
            version(Some(Policy::with(None, statement, "v".into()).unwrap()))
        };
        let other = "111111111111";
        assert!(version(None).admits("000000000000") && !version(None).admits(other));
        assert!(with("*").admits(other) && with(other).admits(other));
        assert!(!with("222222222222").admits(other));
    }

    #[test]
    fn what_a_version_suits_is_what_it_names() {
        let one = version(None);
        assert!(one.suits(None, None) && one.suits(Some("python3.12"), None));
        assert!(!one.suits(Some("ruby3.3"), None) && !one.suits(None, Some("arm64")));
    }
}
