//! Capacity providers: the instances on which Lambda runs functions in an account of the user's own.
//!
//! Here they are resources without instances: functions on them run in containers as all others do. [AWS: Lambda Managed Instances]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Scope, Timestamp};

/// vCPUs of a provider that does not say how many it may have. [AWS: capacity providers]
const VCPUS: u32 = 400;

/// A capacity provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityProvider {
    /// Where it lives.
    pub scope: Scope,
    /// Unique in account and region.
    pub name: String,
    /// `VpcConfig.SubnetIds`.
    pub subnet_ids: Vec<String>,
    /// `VpcConfig.SecurityGroupIds`.
    pub security_group_ids: Vec<String>,
    /// `PermissionsConfig.CapacityProviderOperatorRoleArn`.
    pub operator_role_arn: String,
    /// `InstanceRequirements`.
    pub instances: Instances,
    /// `CapacityProviderScalingConfig`.
    pub scaling: Scaling,
    /// `KmsKeyArn`.
    pub kms_key_arn: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// Of the last change.
    pub last_modified: Timestamp,
    /// Shown by ListTags.
    pub tags: BTreeMap<String, String>,
}

/// `InstanceRequirements`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    /// `Architectures`.
    pub architectures: Option<Vec<String>>,
    /// `AllowedInstanceTypes`.
    pub allowed: Option<Vec<String>>,
    /// `ExcludedInstanceTypes`.
    pub excluded: Option<Vec<String>>,
}

/// `CapacityProviderScalingConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// `MaxVCpuCount`.
    pub max_vcpus: Option<u32>,
    /// `ScalingMode`.
    pub mode: Option<ScalingMode>,
    /// `ScalingPolicies`.
    pub policies: Option<Vec<ScalingPolicy>>,
}

/// `ScalingMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScalingMode {
    /// As Lambda thinks best.
    Auto,
    /// By policies.
    Manual,
}

impl ScalingMode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Manual => "Manual",
        }
    }

    /// Reads AWS's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Manual].into_iter().find(|word| word.as_str() == text)
    }
}

/// One of `ScalingPolicies`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// `PredefinedMetricType`.
    pub metric: String,
    /// `TargetValue`, 0 to 100.
    pub target: f64,
}

/// `State`. Nothing can fail here, so no provider is Failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum State {
    Pending,
    Active,
    Deleting,
}

impl State {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Deleting => "Deleting",
        }
    }

    /// Whether it stays as it is until somebody asks for something else.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Active => true,
            Self::Pending | Self::Deleting => false,
        }
    }
}

/// What became of a provider whose transition is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is Active.
    Stays,
    /// It was Deleting.
    Gone,
}

impl CapacityProvider {
    /// The ARN of the provider with this name.
    pub fn arn_of(scope: &Scope, name: &str) -> String {
        let Scope { account, region } = scope;
        format!("arn:{}:lambda:{region}:{account}:capacity-provider:{name}", scope.partition())
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        Self::arn_of(&self.scope, &self.name)
    }

    /// Changes how it scales, by what is given.
    ///
    /// # Errors
    /// It is not Active, or could not scale so.
    pub fn update(&mut self, given: Scaling, now: Timestamp) -> Result<(), Error> {
        self.check_active("updated")?;
        let mode = given.mode.or(self.scaling.mode);
        // Policies belong to the mode that they were given for.
        let kept = self.scaling.policies.clone().filter(|_| mode == Some(ScalingMode::Manual));
        let max_vcpus = given.max_vcpus.or(self.scaling.max_vcpus);
        self.scaling = Scaling { max_vcpus, mode, policies: given.policies.or(kept) }.checked()?;
        self.last_modified = now;
        Ok(())
    }

    /// Begins to delete it. The transition is to be settled afterwards.
    ///
    /// # Errors
    /// It is not Active.
    pub fn delete(&mut self, now: Timestamp) -> Result<(), Error> {
        self.check_active("deleted")?;
        self.state = State::Deleting;
        self.last_modified = now;
        Ok(())
    }

    /// Ends a transition.
    pub fn settle(&mut self, now: Timestamp) -> Settled {
        match self.state {
            State::Deleting => return Settled::Gone,
            State::Active => {}
            State::Pending => {
                self.state = State::Active;
                self.last_modified = now;
            }
        }
        Settled::Stays
    }

    /// Whether functions may be created on it: it need not be Active yet.
    ///
    /// # Errors
    /// It is about to be gone.
    pub fn check_usable(&self) -> Result<(), Error> {
        match self.state {
            State::Pending | State::Active => Ok(()),
            State::Deleting => self.check_active("used"),
        }
    }

    /// Why it cannot be deleted while functions are on it. [AWS: DeleteCapacityProvider; the words are ours]
    pub fn in_use(&self) -> Error {
        Error::Conflict(format!(
            "The capacity provider {} cannot be deleted while functions use it.",
            self.arn()
        ))
    }

    fn check_active(&self, to_be: &str) -> Result<(), Error> {
        if self.state == State::Active {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "The capacity provider {} cannot be {to_be} while it is {}.",
            self.arn(),
            self.state.as_str()
        )))
    }
}

impl Instances {
    /// The same with defaults, if instances can be chosen so. [AWS: InstanceRequirements]
    ///
    /// # Errors
    /// Types are both allowed and excluded.
    pub fn checked(self) -> Result<Self, Error> {
        let named = |types: &Option<Vec<String>>| types.as_ref().is_some_and(|types| !types.is_empty());
        if named(&self.allowed) && named(&self.excluded) {
            return Err(Error::InvalidParameter(
                "AllowedInstanceTypes and ExcludedInstanceTypes cannot be given both.".to_owned(),
            ));
        }
        Ok(Self { architectures: self.architectures.or_else(|| Some(vec!["x86_64".to_owned()])), ..self })
    }
}

impl Scaling {
    /// The same with defaults, if a provider can scale so. [AWS: CapacityProviderScalingConfig]
    ///
    /// # Errors
    /// Policies without the mode that goes by them, or that mode without policies.
    pub fn checked(self) -> Result<Self, Error> {
        let mode = self.mode.unwrap_or(ScalingMode::Auto);
        let message = match (mode, &self.policies) {
            (ScalingMode::Auto, Some(_)) => "ScalingPolicies are for the ScalingMode Manual.",
            (ScalingMode::Manual, None) => "The ScalingMode Manual needs ScalingPolicies.",
            (ScalingMode::Auto, None) | (ScalingMode::Manual, Some(_)) => {
                return Ok(Self {
                    max_vcpus: self.max_vcpus.or(Some(VCPUS)),
                    mode: Some(mode),
                    policies: self.policies,
                });
            }
        };
        Err(Error::InvalidParameter(message.to_owned()))
    }
}

/// `FunctionScalingConfig` of a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionScaling {
    /// `MinExecutionEnvironments`.
    pub min: Option<u32>,
    /// `MaxExecutionEnvironments`.
    pub max: Option<u32>,
}

impl FunctionScaling {
    /// The same, if a version can scale so.
    ///
    /// # Errors
    /// The least is more than the most.
    pub fn checked(self) -> Result<Self, Error> {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min > max => Err(Error::InvalidParameter(
                "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments.".to_owned(),
            )),
            _ => Ok(self),
        }
    }
}

/// The name in `text`, a name or an ARN of this account and region.
pub fn name_in<'a>(text: &'a str, scope: &Scope) -> Option<&'a str> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [name] => Some(name),
        ["arn", _, "lambda", region, account, "capacity-provider", name]
            if *region == scope.region && *account == scope.account =>
        {
            Some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> CapacityProvider {
        CapacityProvider {
            scope: Scope { account: "000000000000".into(), region: "us-east-1".into() },
            name: "p".into(),
            subnet_ids: vec!["subnet-1".into()],
            security_group_ids: Vec::new(),
            operator_role_arn: "arn:aws:iam::000000000000:role/r".into(),
            instances: Instances::default().checked().unwrap(),
            scaling: Scaling::default().checked().unwrap(),
            kms_key_arn: None,
            state: State::Pending,
            last_modified: Timestamp(1),
            tags: BTreeMap::new(),
        }
    }

    fn policies() -> Option<Vec<ScalingPolicy>> {
        Some(vec![ScalingPolicy { metric: "m".into(), target: 50.0 }])
    }

    #[test]
    fn only_an_active_provider_can_be_changed() {
        let mut made = provider();
        assert!(matches!(made.update(Scaling::default(), Timestamp(2)), Err(Error::Conflict(_))));
        assert!(matches!(made.delete(Timestamp(2)), Err(Error::Conflict(_))));
        assert_eq!(made.settle(Timestamp(3)), Settled::Stays);
        assert_eq!((made.state, made.last_modified), (State::Active, Timestamp(3)));
        made.delete(Timestamp(4)).unwrap();
        assert!(matches!(made.delete(Timestamp(5)), Err(Error::Conflict(_))));
        assert_eq!(made.settle(Timestamp(6)), Settled::Gone);
    }

    #[test]
    fn updates_change_what_is_given() {
        let mut made = provider();
        made.settle(Timestamp(2));
        let manual = Scaling { mode: Some(ScalingMode::Manual), policies: policies(), ..Scaling::default() };
        made.update(manual.clone(), Timestamp(3)).unwrap();
        assert_eq!(made.scaling, Scaling { max_vcpus: Some(400), ..manual });
        made.update(Scaling { max_vcpus: Some(8), ..Scaling::default() }, Timestamp(4)).unwrap();
        assert_eq!((made.scaling.max_vcpus, &made.scaling.policies), (Some(8), &policies()));
        made.update(Scaling { mode: Some(ScalingMode::Auto), ..Scaling::default() }, Timestamp(5)).unwrap();
        assert_eq!(made.scaling.policies, None);
    }

    #[test]
    fn policies_and_their_mode_belong_together() {
        let scaling = |mode, policies| Scaling { mode, policies, ..Scaling::default() }.checked();
        assert!(scaling(None, policies()).is_err());
        assert!(scaling(Some(ScalingMode::Manual), None).is_err());
        assert!(scaling(Some(ScalingMode::Manual), policies()).is_ok());
    }

    #[test]
    fn types_are_allowed_or_excluded() {
        let types = || Some(vec!["m7i.large".to_owned()]);
        let both = Instances { allowed: types(), excluded: types(), architectures: None };
        assert!(both.checked().is_err());
        let one = Instances { allowed: types(), ..Instances::default() }.checked().unwrap();
        assert_eq!(one.architectures, Some(vec!["x86_64".to_owned()]));
    }

    #[test]
    fn functions_are_not_created_on_what_goes() {
        let mut made = provider();
        assert_eq!(made.check_usable(), Ok(()));
        made.settle(Timestamp(2));
        assert_eq!(made.check_usable(), Ok(()));
        made.delete(Timestamp(3)).unwrap();
        assert!(matches!(made.check_usable(), Err(Error::Conflict(_))));
    }

    #[test]
    fn the_least_is_not_more_than_the_most() {
        let scaling = |min, max| FunctionScaling { min, max }.checked();
        assert!(scaling(Some(3), Some(2)).is_err());
        for (min, max) in
            [(Some(2), Some(2)), (Some(0), Some(0)), (None, Some(0)), (Some(9), None), (None, None)]
        {
            assert!(scaling(min, max).is_ok());
        }
    }

    #[test]
    fn providers_go_by_their_names_and_their_arns() {
        let scope = provider().scope;
        assert_eq!(name_in("p", &scope), Some("p"));
        assert_eq!(name_in(&provider().arn(), &scope), Some("p"));
        assert_eq!(name_in(&provider().arn().replace("us-east-1", "eu-west-1"), &scope), None);
    }
}
