//! Pure: from what a client sends to what a provider has.

use lambdock_domain::capacity_provider::{Instances, Scaling, ScalingMode, ScalingPolicy};

use crate::wire::shapes;

pub(super) fn instances(given: Option<shapes::InstanceRequirements>) -> Instances {
    let given = given.unwrap_or_default();
    Instances {
        architectures: given.architectures,
        allowed: given.allowed_instance_types,
        excluded: given.excluded_instance_types,
    }
}

pub(super) fn scaling(given: Option<shapes::CapacityProviderScalingConfig>) -> Scaling {
    let given = given.unwrap_or_default();
    Scaling {
        max_vcpus: given.max_v_cpu_count.and_then(|count| u32::try_from(count).ok()),
        mode: given.scaling_mode.as_deref().and_then(ScalingMode::parse),
        policies: given.scaling_policies.map(|policies| policies.into_iter().map(policy).collect()),
    }
}

fn policy(given: shapes::TargetTrackingScalingPolicy) -> ScalingPolicy {
    ScalingPolicy {
        metric: given.predefined_metric_type.unwrap_or_default(),
        target: given.target_value.unwrap_or_default(),
    }
}
