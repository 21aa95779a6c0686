//! Pure: from what a client sends to a function's configuration.

use lambdock_domain::configuration::{
    Architecture, Configuration, FileSystemConfig, GibPerVcpu, ImageConfig, LogFormat, ManagedInstances,
    Tenancy, TracingMode, VpcConfig,
};
use lambdock_domain::durable::DurableConfig;
use lambdock_domain::runtime::Support;
use lambdock_domain::{Error, Limits, PackageType, Runtime};

use crate::wire::{recorded, shapes};

/// What an installation allows.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Quotas.
    pub limits: Limits,
    /// Whether runtimes that AWS has retired are refused, as AWS does.
    pub runtime_validation: RuntimeValidation,
    /// Whether variables that AWS reserves are refused, as AWS does.
    pub reserved_variables: ReservedVariables,
    /// `BUCKET_MARKER_LOCAL`: as `S3Bucket` it says that `S3Key` is a folder of the engine's machine.
    pub hot_reload_bucket: String,
}

/// `LAMBDOCK_RESERVED_VARIABLES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservedVariables {
    /// As AWS.
    Refused,
    /// A function may set them, which is handy: its own credentials, its own endpoint. (LocalStack)
    Taken,
}

/// `LAMBDA_RUNTIME_VALIDATION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeValidation {
    /// As AWS.
    Strict,
    /// Retired runtimes are accepted: their images still exist.
    Lenient,
}

/// The configuration of a function to be created, but for its VPC.
///
/// # Errors
/// AWS's, for the first rule that is broken.
pub fn create(
    input: &shapes::CreateFunctionRequest,
    name: &str,
    rules: &Rules,
) -> Result<Configuration, Error> {
    check_environment(input.environment.as_ref(), rules)?;
    let package_type = match input.package_type.as_deref() {
        Some("Image") => PackageType::Image,
        _ => PackageType::Zip,
    };
    if package_type == PackageType::Zip {
        match (&input.runtime, &input.handler) {
            (Some(runtime), Some(_)) => check_runtime(runtime, rules.runtime_validation)?,
            // [AWS: as users report it where both are missing]
            _ => {
                return Err(Error::InvalidParameter(
                    "Runtime and Handler are mandatory parameters for functions created with deployment packages."
                        .to_owned(),
                ));
            }
        }
    }
    let managed = input.capacity_provider_config.as_ref().map(managed_instances);
    if managed.is_some() {
        check_managed_runtime(input.runtime.as_deref())?;
        check_no_snap_start(input.snap_start.as_ref())?;
    }
    check_package(
        package_type,
        input.runtime.as_deref(),
        input.handler.as_deref(),
        input.image_config.as_ref(),
    )?;
    let mut configuration = Configuration {
        package_type,
        runtime: input.runtime.clone(),
        role: input.role.clone().unwrap_or_default(),
        handler: input.handler.clone(),
        description: input.description.clone().unwrap_or_default(),
        timeout_s: input.timeout.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(3),
        memory_mb: input.memory_size.and_then(|mb| u32::try_from(mb).ok()).unwrap_or(if managed.is_some() {
            ManagedInstances::MEMORY_MB
        } else {
            128
        }),
        ephemeral_storage_mb: EPHEMERAL_STORAGE_MB,
        architecture: architecture(input.architectures.as_deref()).unwrap_or_default(),
        environment: None,
        kms_key_arn: None,
        tracing: TracingMode::PassThrough,
        vpc: None,
        dead_letter_target: None,
        layers: Vec::new(),
        file_systems: Vec::new(),
        image_config: ImageConfig::default(),
        snap_start_on_published_versions: false,
        log_format: if managed.is_some() { LogFormat::json() } else { LogFormat::Text },
        log_group: format!("/aws/lambda/{name}"),
        durable: input.durable_config.as_ref().map(|config| durable(config, None)).transpose()?,
        // There is one mode only.
        tenancy: if input.tenancy_config.is_some() { Tenancy::PerTenant } else { Tenancy::None },
        managed,
    };
    Changes {
        environment: input.environment.as_ref(),
        kms_key_arn: input.kms_key_arn.as_deref(),
        tracing: input.tracing_config.as_ref(),
        dead_letter: input.dead_letter_config.as_ref(),
        file_systems: input.file_system_configs.as_deref(),
        image_config: input.image_config.as_ref(),
        ephemeral_storage: input.ephemeral_storage.as_ref(),
        snap_start: input.snap_start.as_ref(),
        logging: input.logging_config.as_ref(),
    }
    .apply(&mut configuration)?;
    check_snap_start(&configuration)?;
    check_managed_logs(&configuration)?;
    Ok(configuration)
}

/// The configuration after an update, but for its VPC: members that were given replace those that were. [AWS: top level merges,
/// nested members replace, but for LoggingConfig]
///
/// # Errors
/// AWS's, for the first rule that is broken.
pub fn update(
    input: &shapes::UpdateFunctionConfigurationRequest,
    before: &Configuration,
    rules: &Rules,
) -> Result<Configuration, Error> {
    check_environment(input.environment.as_ref(), rules)?;
    check_package(
        before.package_type,
        input.runtime.as_deref(),
        input.handler.as_deref(),
        input.image_config.as_ref(),
    )?;
    if let Some(runtime) = &input.runtime {
        check_runtime(runtime, rules.runtime_validation)?;
    }
    let mut configuration = before.clone();
    if let Some(runtime) = &input.runtime {
        configuration.runtime = Some(runtime.clone());
    }
    if let Some(role) = &input.role {
        configuration.role.clone_from(role);
    }
    if let Some(handler) = &input.handler {
        configuration.handler = Some(handler.clone());
    }
    if let Some(description) = &input.description {
        configuration.description.clone_from(description);
    }
    if let Some(seconds) = input.timeout.and_then(|seconds| u32::try_from(seconds).ok()) {
        configuration.timeout_s = seconds;
    }
    if let Some(mb) = input.memory_size.and_then(|mb| u32::try_from(mb).ok()) {
        configuration.memory_mb = mb;
    }
    if let Some(config) = &input.capacity_provider_config {
        // [LocalStack]
        if before.managed.is_none() {
            return Err(Error::InvalidParameter(
                "CapacityProviderConfig isn't supported for Lambda Default functions.".to_owned(),
            ));
        }
        configuration.managed = Some(managed_instances(config));
    }
    if configuration.managed.is_some() {
        if input.runtime.is_some() {
            check_managed_runtime(input.runtime.as_deref())?;
        }
        check_no_snap_start(input.snap_start.as_ref())?;
    }
    if let Some(config) = &input.durable_config {
        let Some(before) = before.durable else {
            return Err(Error::InvalidParameter(
                "You cannot make a function durable after it was created. Create another one with DurableConfig."
                    .to_owned(),
            ));
        };
        configuration.durable = Some(durable(config, Some(before))?);
    }
    Changes {
        environment: input.environment.as_ref(),
        kms_key_arn: input.kms_key_arn.as_deref(),
        tracing: input.tracing_config.as_ref(),
        dead_letter: input.dead_letter_config.as_ref(),
        file_systems: input.file_system_configs.as_deref(),
        image_config: input.image_config.as_ref(),
        ephemeral_storage: input.ephemeral_storage.as_ref(),
        snap_start: input.snap_start.as_ref(),
        logging: input.logging_config.as_ref(),
    }
    .apply(&mut configuration)?;
    check_snap_start(&configuration)?;
    check_managed_logs(&configuration)?;
    Ok(configuration)
}

/// What is not given is as AWS has it by default, in updates as well, as LocalStack has it.
fn managed_instances(config: &shapes::CapacityProviderConfig) -> ManagedInstances {
    // The model has it that both are there.
    let config = config.lambda_managed_instances_capacity_provider_config.clone().unwrap_or_default();
    let max_concurrency = config.per_execution_environment_max_concurrency;
    ManagedInstances {
        provider: config.capacity_provider_arn.unwrap_or_default(),
        max_concurrency: max_concurrency
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(ManagedInstances::MAX_CONCURRENCY),
        memory_per_vcpu: config
            .execution_environment_memory_gi_b_per_v_cpu
            .map_or(ManagedInstances::MEMORY_PER_VCPU, GibPerVcpu),
    }
}

/// Images may bring any runtime. [LocalStack: text]
fn check_managed_runtime(runtime: Option<&str>) -> Result<(), Error> {
    match runtime {
        Some(name) if !Runtime::find(name).is_some_and(Runtime::supports_managed_instances) => {
            Err(Error::InvalidParameter(format!(
                "Runtime Enum {name} does not support specified feature: Lambda Managed Instances"
            )))
        }
        _ => Ok(()),
    }
}

fn check_no_snap_start(snap_start: Option<&shapes::SnapStart>) -> Result<(), Error> {
    match snap_start.and_then(|snap_start| snap_start.apply_on.as_deref()) {
        Some("PublishedVersions") => Err(Error::InvalidParameter(
            "SnapStart isn't supported for Lambda Managed Instances functions.".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// [LocalStack: text, the same as for levels without the format that has them]
fn check_managed_logs(configuration: &Configuration) -> Result<(), Error> {
    if configuration.managed.is_some() && configuration.log_format == LogFormat::Text {
        return Err(Error::InvalidParameter(LEVELS_ARE_FOR_JSON.to_owned()));
    }
    Ok(())
}

/// A durable configuration; what is not given stays as it was `before`. The model holds the numbers in their ranges.
///
/// # Errors
/// Nothing says how long an execution may take.
fn durable(config: &shapes::DurableConfig, before: Option<DurableConfig>) -> Result<DurableConfig, Error> {
    let number = |given: Option<i64>| given.and_then(|given| u32::try_from(given).ok());
    let timeout = number(config.execution_timeout).or(before.map(|before| before.execution_timeout_s));
    let retention = number(config.retention_period_in_days).or(before.map(|before| before.retention_days));
    Ok(DurableConfig {
        execution_timeout_s: timeout.ok_or_else(|| {
            Error::InvalidParameter("ExecutionTimeout is required in DurableConfig.".to_owned())
        })?,
        retention_days: retention.unwrap_or(DurableConfig::RETENTION_DAYS),
    })
}

/// Members that create and update have in common.
struct Changes<'a> {
    environment: Option<&'a shapes::Environment>,
    kms_key_arn: Option<&'a str>,
    tracing: Option<&'a shapes::TracingConfig>,
    dead_letter: Option<&'a shapes::DeadLetterConfig>,
    file_systems: Option<&'a [shapes::FileSystemConfig]>,
    image_config: Option<&'a shapes::ImageConfig>,
    ephemeral_storage: Option<&'a shapes::EphemeralStorage>,
    snap_start: Option<&'a shapes::SnapStart>,
    logging: Option<&'a shapes::LoggingConfig>,
}

impl Changes<'_> {
    fn apply(self, configuration: &mut Configuration) -> Result<(), Error> {
        if let Some(environment) = self.environment {
            let variables = environment.variables.iter().flatten();
            configuration.environment =
                Some(variables.map(|(name, value)| (name.clone(), value.clone())).collect());
        }
        if let Some(key) = self.kms_key_arn {
            configuration.kms_key_arn = (!key.is_empty()).then(|| key.to_owned());
        }
        if let Some(mode) = self.tracing.and_then(|tracing| tracing.mode.as_deref()) {
            configuration.tracing =
                if mode == "Active" { TracingMode::Active } else { TracingMode::PassThrough };
        }
        // A member without target changes nothing; an empty target removes it. [AWS: the first is recorded]
        if let Some(target) = self.dead_letter.and_then(|dead_letter| dead_letter.target_arn.as_deref()) {
            configuration.dead_letter_target = (!target.is_empty()).then(|| target.to_owned());
        }
        if let Some(file_systems) = self.file_systems {
            configuration.file_systems = file_systems
                .iter()
                .map(|file_system| FileSystemConfig {
                    arn: file_system.arn.clone().unwrap_or_default(),
                    local_mount_path: file_system.local_mount_path.clone().unwrap_or_default(),
                })
                .collect();
        }
        if let Some(image_config) = self.image_config {
            configuration.image_config = ImageConfig {
                entry_point: image_config.entry_point.clone(),
                command: image_config.command.clone(),
                working_directory: image_config.working_directory.clone(),
            };
        }
        if let Some(mb) = self.ephemeral_storage.and_then(|storage| storage.size) {
            configuration.ephemeral_storage_mb =
                u32::try_from(mb).unwrap_or(configuration.ephemeral_storage_mb);
        }
        if let Some(apply_on) = self.snap_start.and_then(|snap_start| snap_start.apply_on.as_deref()) {
            configuration.snap_start_on_published_versions = apply_on == "PublishedVersions";
        }
        match self.logging {
            Some(logging) => merge_logging(logging, configuration),
            None => Ok(()),
        }
    }
}

const LEVELS_ARE_FOR_JSON: &str = "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from \
                                   your request or change the LogFormat to \"JSON\" and try again.";

/// [AWS: recorded] Members that were not given stay; the JSON format comes with its levels and takes them along.
///
/// # Errors
/// A level for a format that has none. [LocalStack: text]
fn merge_logging(logging: &shapes::LoggingConfig, configuration: &mut Configuration) -> Result<(), Error> {
    if let Some(group) = &logging.log_group {
        configuration.log_group.clone_from(group);
    }
    match logging.log_format.as_deref() {
        Some("JSON") if configuration.log_format == LogFormat::Text => {
            configuration.log_format = LogFormat::json()
        }
        Some("Text") => configuration.log_format = LogFormat::Text,
        _ => {}
    }
    match &mut configuration.log_format {
        LogFormat::Json { application_level, system_level } => {
            if let Some(level) = &logging.application_log_level {
                application_level.clone_from(level);
            }
            if let Some(level) = &logging.system_log_level {
                system_level.clone_from(level);
            }
        }
        LogFormat::Text if logging.application_log_level.is_some() || logging.system_log_level.is_some() => {
            return Err(Error::InvalidParameter(LEVELS_ARE_FOR_JSON.to_owned()));
        }
        LogFormat::Text => {}
    }
    Ok(())
}

/// Without an EC2 to ask, a VPC id is derived from the subnets; no subnets and no groups take the function out of
/// its VPC.
pub fn vpc(vpc: &shapes::VpcConfig) -> VpcConfig {
    let subnet_ids = vpc.subnet_ids.clone().unwrap_or_default();
    let security_group_ids = vpc.security_group_ids.clone().unwrap_or_default();
    let vpc_id = subnet_ids.first().map(|subnet| format!("vpc-{}", subnet.trim_start_matches("subnet-")));
    VpcConfig {
        vpc_id: vpc_id.unwrap_or_default(),
        ipv6_allowed_for_dual_stack: vpc.ipv6_allowed_for_dual_stack.unwrap_or(false),
        subnet_ids,
        security_group_ids,
    }
}

/// The one architecture of a list that was validated.
pub fn architecture(architectures: Option<&[String]>) -> Option<Architecture> {
    Architecture::parse(architectures?.first()?)
}

fn check_environment(environment: Option<&shapes::Environment>, rules: &Rules) -> Result<(), Error> {
    let Some(variables) = environment.and_then(|environment| environment.variables.as_ref()) else {
        return Ok(());
    };
    let measured = serde_json::to_string(variables).map_err(|error| {
        Error::InvalidParameter(format!("The environment variables cannot be measured: {error}"))
    })?;
    if measured.len() as u64 > rules.limits.environment {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|name| is_reserved(name)).collect();
    if rules.reserved_variables == ReservedVariables::Refused && !reserved.is_empty() {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used \
             in this request: {}",
            reserved.join(", ")
        )));
    }
    Ok(())
}

/// Whether AWS sets a variable and lets nobody else. [AWS: Lambda developer guide, reserved environment variables]
fn is_reserved(name: &str) -> bool {
    // Names that begin with an underscore never come this far.
    const NAMES: [&str; 16] = [
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ];
    NAMES.contains(&name)
}

fn check_runtime(name: &str, validation: RuntimeValidation) -> Result<(), Error> {
    match Runtime::find(name) {
        None => Err(Error::InvalidParameter(format!(
            "Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: {} or be a \
             valid ARN",
            recorded::RUNTIMES
        ))),
        Some(Runtime { support: Support::Retired, .. }) if validation == RuntimeValidation::Strict => {
            Err(Error::InvalidParameter(format!(
                "The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda \
                 functions. We recommend you use a supported runtime while creating or updating functions."
            )))
        }
        Some(_) => Ok(()),
    }
}

/// Whether members fit the way in which code is given. [AWS: as users report it; but for ImageConfig, of which nobody
/// reports anything]
fn check_package(
    package_type: PackageType,
    runtime: Option<&str>,
    handler: Option<&str>,
    image_config: Option<&shapes::ImageConfig>,
) -> Result<(), Error> {
    let message = match package_type {
        PackageType::Image if runtime.is_some() || handler.is_some() => {
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        }
        PackageType::Zip if image_config.is_some_and(|config| *config != shapes::ImageConfig::default()) => {
            "Please don't provide ImageConfig when the intended function PackageType is Zip."
        }
        PackageType::Image | PackageType::Zip => return Ok(()),
    };
    Err(Error::InvalidParameter(message.to_owned()))
}

/// [LocalStack: text of runtimes; AWS, of images: as users report it; AWS: Lambda SnapStart, what else is not supported]
fn check_snap_start(configuration: &Configuration) -> Result<(), Error> {
    if !configuration.snap_start_on_published_versions {
        return Ok(());
    }
    let name = configuration.runtime.as_deref().unwrap_or("ContainerImage");
    let unsupported = if !Runtime::find(name).is_some_and(Runtime::supports_snap_start) {
        name
    } else if configuration.ephemeral_storage_mb > EPHEMERAL_STORAGE_MB {
        "EphemeralStorage of more than 512 MB"
    } else if !configuration.file_systems.is_empty() {
        "FileSystemConfigs"
    } else {
        return configuration.tenancy.check_without("SnapStart");
    };
    Err(Error::InvalidParameter(format!("{unsupported} is not supported for SnapStart enabled functions.")))
}

/// What every function has of it.
const EPHEMERAL_STORAGE_MB: u32 = 512;
