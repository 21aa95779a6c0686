//! Pure: how a function looks to clients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::tz::TimeZone;
use lambdock_domain::alias::Target;
use lambdock_domain::code::{Digest, repository};
use lambdock_domain::configuration::{Configuration, LogFormat, ManagedInstances, Tenancy};
use lambdock_domain::{Code, Function, FunctionId, LastUpdate, PublishedVersion, State, Timestamp, Version};
use sha2::{Digest as _, Sha256};

use crate::wire::shapes;
use crate::{hex, runtime_version};

/// How much of a function is shown. [AWS: list operations leave the state out]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Full,
    /// Without state, last update and runtime version.
    Listed,
}

/// A version of a function.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its function.
    pub id: &'a FunctionId,
    /// Which one it is.
    pub name: Target,
    /// The version.
    pub version: &'a Version,
}

impl<'a> Subject<'a> {
    /// A published version.
    pub fn published(id: &'a FunctionId, published: &'a PublishedVersion) -> Self {
        Self { id, name: published.name.into(), version: &published.version }
    }
}

impl<'a> From<&'a Function> for Subject<'a> {
    fn from(function: &'a Function) -> Self {
        Self { id: &function.id, name: Target::Latest, version: &function.latest }
    }
}

/// A version, under the ARN that AWS gives for the way it was asked for.
pub fn configuration<'a>(
    subject: impl Into<Subject<'a>>,
    arn: String,
    detail: Detail,
) -> shapes::FunctionConfiguration {
    let subject = subject.into();
    let Version { configuration, code, revision, last_modified, state, last_update, .. } = subject.version;
    let mut shown = shapes::FunctionConfiguration {
        function_name: Some(subject.id.name.clone()),
        function_arn: Some(arn),
        version: Some(subject.name.to_string()),
        snap_start: snap_start(subject),
        code_size: i64::try_from(code.size()).ok(),
        code_sha256: code_sha256(code),
        revision_id: Some(revision.clone()),
        last_modified: Some(date(*last_modified)),
        ..chosen(configuration)
    };
    if detail == Detail::Full {
        shown.runtime_version_config =
            configuration.runtime.as_ref().map(|runtime| shapes::RuntimeVersionConfig {
                runtime_version_arn: Some(runtime_version::of(runtime, &subject.id.scope).arn),
                ..Default::default()
            });
        shown.state = Some(state.as_str().to_owned());
        shown.state_reason = state.reason().map(|reason| reason.text.clone());
        shown.state_reason_code = state.reason().map(|reason| reason.code.as_str().to_owned());
        shown.last_update_status = last_update.as_ref().map(|update| update.as_str().to_owned());
        let reason = last_update.as_ref().and_then(LastUpdate::reason);
        shown.last_update_status_reason = reason.map(|reason| reason.text.clone());
        shown.last_update_status_reason_code = reason.map(|reason| reason.code.as_str().to_owned());
    }
    shown
}

/// What the owner chose.
fn chosen(configuration: &Configuration) -> shapes::FunctionConfiguration {
    shapes::FunctionConfiguration {
        runtime: configuration.runtime.clone(),
        role: Some(configuration.role.clone()),
        handler: configuration.handler.clone(),
        description: Some(configuration.description.clone()),
        timeout: Some(configuration.timeout_s.into()),
        memory_size: Some(configuration.memory_mb.into()),
        package_type: Some(configuration.package_type.as_str().to_owned()),
        architectures: Some(vec![configuration.architecture.as_str().to_owned()]),
        ephemeral_storage: Some(shapes::EphemeralStorage {
            size: Some(configuration.ephemeral_storage_mb.into()),
        }),
        environment: configuration.environment.as_ref().map(|variables| shapes::EnvironmentResponse {
            variables: Some(variables.iter().cloned().collect()),
            ..Default::default()
        }),
        kms_key_arn: configuration.kms_key_arn.clone(),
        durable_config: configuration.durable.map(|durable| shapes::DurableConfig {
            execution_timeout: Some(durable.execution_timeout_s.into()),
            retention_period_in_days: Some(durable.retention_days.into()),
        }),
        tenancy_config: (configuration.tenancy == Tenancy::PerTenant)
            .then(|| shapes::TenancyConfig { tenant_isolation_mode: Some("PER_TENANT".to_owned()) }),
        tracing_config: Some(shapes::TracingConfigResponse {
            mode: Some(configuration.tracing.as_str().to_owned()),
        }),
        vpc_config: configuration.vpc.as_ref().map(|vpc| shapes::VpcConfigResponse {
            subnet_ids: Some(vpc.subnet_ids.clone()),
            security_group_ids: Some(vpc.security_group_ids.clone()),
            vpc_id: Some(vpc.vpc_id.clone()),
            ipv6_allowed_for_dual_stack: Some(vpc.ipv6_allowed_for_dual_stack),
        }),
        dead_letter_config: configuration
            .dead_letter_target
            .as_ref()
            .map(|target| shapes::DeadLetterConfig { target_arn: Some(target.clone()) }),
        layers: non_empty(configuration.layers.iter().map(|layer| shapes::Layer {
            arn: Some(layer.arn.clone()),
            code_size: i64::try_from(layer.code_size).ok(),
            ..Default::default()
        })),
        file_system_configs: non_empty(configuration.file_systems.iter().map(|file_system| {
            shapes::FileSystemConfig {
                arn: Some(file_system.arn.clone()),
                local_mount_path: Some(file_system.local_mount_path.clone()),
            }
        })),
        image_config_response: (!configuration.image_config.is_empty()).then(|| {
            shapes::ImageConfigResponse {
                image_config: Some(shapes::ImageConfig {
                    entry_point: configuration.image_config.entry_point.clone(),
                    command: configuration.image_config.command.clone(),
                    working_directory: configuration.image_config.working_directory.clone(),
                }),
                ..Default::default()
            }
        }),
        logging_config: Some(logging(configuration)),
        config_sha256: configuration.managed.as_ref().and_then(config_sha256),
        capacity_provider_config: configuration.managed.as_ref().map(managed_instances),
        ..Default::default()
    }
}

fn non_empty<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then_some(items)
}

fn managed_instances(managed: &ManagedInstances) -> shapes::CapacityProviderConfig {
    shapes::CapacityProviderConfig {
        lambda_managed_instances_capacity_provider_config: Some(
            shapes::LambdaManagedInstancesCapacityProviderConfig {
                capacity_provider_arn: Some(managed.provider.clone()),
                per_execution_environment_max_concurrency: Some(managed.max_concurrency.into()),
                execution_environment_memory_gi_b_per_v_cpu: Some(managed.memory_per_vcpu.0),
            },
        ),
    }
}

/// Changes with the configuration. [LocalStack: of what] What AWS hashes is not known.
fn config_sha256(managed: &ManagedInstances) -> Option<String> {
    let document = serde_json::to_vec(&managed_instances(managed)).ok()?;
    Some(hex::encode(&Sha256::digest(document)))
}

/// None on a capacity provider. As LocalStack has it.
fn snap_start(subject: Subject<'_>) -> Option<shapes::SnapStartResponse> {
    if subject.version.configuration.managed.is_some() {
        return None;
    }
    let applies = subject.version.configuration.snap_start_on_published_versions;
    // `$LATEST` is never optimised, only the versions published from it, once they are Active.
    let optimised = applies && subject.name != Target::Latest && subject.version.state == State::Active;
    Some(shapes::SnapStartResponse {
        apply_on: Some(if applies { "PublishedVersions" } else { "None" }.to_owned()),
        optimization_status: Some(if optimised { "On" } else { "Off" }.to_owned()),
    })
}

fn logging(configuration: &Configuration) -> shapes::LoggingConfig {
    let (format, application, system) = match &configuration.log_format {
        LogFormat::Text => ("Text", None, None),
        LogFormat::Json { application_level, system_level } => {
            ("JSON", Some(application_level), Some(system_level))
        }
    };
    shapes::LoggingConfig {
        log_format: Some(format.to_owned()),
        application_log_level: application.cloned(),
        system_log_level: system.cloned(),
        log_group: Some(configuration.log_group.clone()),
    }
}

/// Base64 of the archive's SHA-256, or the hex of the image's digest.
pub fn code_sha256(code: &Code) -> Option<String> {
    match code {
        Code::Zip { digest, .. } => archive_sha256(digest),
        // [LocalStack]
        Code::Folder { .. } => Some("hot-reloading-hash-not-available".to_owned()),
        Code::Image { version, .. } => {
            version.as_ref().map(|version| version.digest.trim_start_matches("sha256:").to_owned())
        }
    }
}

/// Base64 of the SHA-256 that names an archive.
pub fn archive_sha256(digest: &Digest) -> Option<String> {
    Some(BASE64.encode(hex::decode(&digest.0)?))
}

/// `2019-07-17T23:10:15.832+0000`. [AWS: `LastModified` of functions]
pub fn date(timestamp: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(timestamp.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3f%z").to_string()
}

/// Where GetFunction says the code is.
pub fn location(code: &Code, code_url: impl FnOnce(&str) -> String) -> shapes::FunctionCodeLocation {
    match code {
        Code::Zip { digest, source_kms_key_arn, .. } => shapes::FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(code_url(&digest.0)),
            source_kms_key_arn: source_kms_key_arn.clone(),
            ..Default::default()
        },
        Code::Folder { path } => shapes::FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(format!("file://{path}")),
            ..Default::default()
        },
        Code::Image { uri, version, .. } => shapes::FunctionCodeLocation {
            repository_type: Some("ECR".to_owned()),
            image_uri: Some(uri.clone()),
            resolved_image_uri: version
                .as_ref()
                .map(|version| format!("{}@{}", repository(uri), version.digest)),
            ..Default::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_milliseconds_and_an_offset_without_colon() {
        assert_eq!(date(Timestamp(1_563_405_015_832)), "2019-07-17T23:10:15.832+0000");
        assert_eq!(date(Timestamp(0)), "1970-01-01T00:00:00.000+0000");
    }
}
