//! Where functions are put that are to be in a VPC, as EC2 says.

use std::sync::Arc;

use lambdock_domain::configuration::VpcConfig;
use lambdock_domain::{Error as DomainError, Scope};
use tracing::warn;

use crate::services::{Error, Query, Services};

/// Looks for subnets and security groups at EC2. Without an upstream all of them are taken to be there.
pub struct Networks {
    services: Arc<Services>,
}

/// An operation that describes resources by their ids.
#[derive(Clone, Copy)]
struct Description {
    action: &'static str,
    /// Name of the parameter, before the number.
    ids: &'static str,
    /// What EC2 calls one of them in messages.
    noun: &'static str,
}

const GROUPS: Description =
    Description { action: "DescribeSecurityGroups", ids: "GroupId", noun: "security group" };
const SUBNETS: Description = Description { action: "DescribeSubnets", ids: "SubnetId", noun: "subnet ID" };

impl Networks {
    /// Looks at `services`.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    /// Checks what `config` names and fills in its VPC. Security groups come first. [AWS: recorded]
    ///
    /// # Errors
    /// EC2 says that something does not exist.
    pub async fn settle(&self, scope: &Scope, mut config: VpcConfig) -> Result<VpcConfig, DomainError> {
        let of_groups = self.describe(scope, GROUPS, &config.security_group_ids).await?;
        let of_subnets = self.describe(scope, SUBNETS, &config.subnet_ids).await?;
        if let Some(vpc) = of_subnets.or(of_groups) {
            config.vpc_id = vpc;
        }
        Ok(config)
    }

    /// The VPC of the first of them; `None` where there is none, or nobody can say.
    async fn describe(
        &self,
        scope: &Scope,
        what: Description,
        ids: &[String],
    ) -> Result<Option<String>, DomainError> {
        if ids.is_empty() {
            return Ok(None);
        }
        let Description { action, ids: parameter, noun } = what;
        let numbered = (1..).zip(ids).map(|(number, id)| (format!("{parameter}.{number}"), id.clone()));
        let query = Query { service: "ec2", version: VERSION, action, scope, parameters: numbered.collect() };
        match self.services.query(query).await {
            Ok(document) => Ok(document.texts("vpcId").into_iter().next()),
            // [AWS: recorded]
            Err(Error::Refused { code, message }) if code.ends_with(".NotFound") => {
                // Emulators of EC2 name it in words of their own.
                let missing = ids.iter().find(|id| message.contains(id.as_str()));
                let message =
                    missing.map_or(message.clone(), |id| format!("The {noun} '{id}' does not exist"));
                Err(DomainError::InvalidParameter(format!(
                    "Error occurred while {action}. EC2 Error Code: {code}. EC2 Error Message: {message}"
                )))
            }
            Err(Error::NotNamed) => Ok(None),
            Err(error) => {
                warn!(operation = action, %error, "cannot tell whether a network is there; it is taken to be");
                Ok(None)
            }
        }
    }
}

/// Of EC2's API. [AWS: EC2 API reference]
const VERSION: &str = "2016-11-15";
