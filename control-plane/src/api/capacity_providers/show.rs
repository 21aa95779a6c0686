//! Pure: how capacity providers look to clients.

use lambdock_domain::CapacityProvider;
use lambdock_domain::capacity_provider::ScalingPolicy;

use crate::api::functions::show::date;
use crate::wire::shapes;

pub(super) fn provider(provider: CapacityProvider) -> shapes::CapacityProvider {
    let policy = |policy: ScalingPolicy| shapes::TargetTrackingScalingPolicy {
        predefined_metric_type: Some(policy.metric),
        target_value: Some(policy.target),
    };
    shapes::CapacityProvider {
        capacity_provider_arn: Some(provider.arn()),
        state: Some(provider.state.as_str().to_owned()),
        vpc_config: Some(shapes::CapacityProviderVpcConfig {
            subnet_ids: Some(provider.subnet_ids),
            security_group_ids: Some(provider.security_group_ids),
        }),
        permissions_config: Some(shapes::CapacityProviderPermissionsConfig {
            capacity_provider_operator_role_arn: Some(provider.operator_role_arn),
        }),
        instance_requirements: Some(shapes::InstanceRequirements {
            architectures: provider.instances.architectures,
            allowed_instance_types: provider.instances.allowed,
            excluded_instance_types: provider.instances.excluded,
        }),
        capacity_provider_scaling_config: Some(shapes::CapacityProviderScalingConfig {
            max_v_cpu_count: provider.scaling.max_vcpus.map(i64::from),
            scaling_mode: provider.scaling.mode.map(|mode| mode.as_str().to_owned()),
            scaling_policies: provider
                .scaling
                .policies
                .map(|policies| policies.into_iter().map(policy).collect()),
        }),
        kms_key_arn: provider.kms_key_arn,
        last_modified: Some(date(provider.last_modified)),
    }
}
