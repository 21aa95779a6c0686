//! What users set on a function, frozen with each version.

use serde::{Deserialize, Serialize};

use crate::code::ImageDefaults;

use crate::code::Digest;
use crate::durable::DurableConfig;
use crate::error::Error;

/// `Architectures`: exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "AWS's words")]
pub enum Architecture {
    #[default]
    X86_64,
    Arm64,
}

impl Architecture {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture with AWS's word `text`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "x86_64" => Some(Self::X86_64),
            "arm64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

/// `PackageType`: how code is given; cannot change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum PackageType {
    #[default]
    Zip,
    Image,
}

impl PackageType {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "Zip",
            Self::Image => "Image",
        }
    }
}

/// `VpcConfig`: stored and shown; containers stay on the engine's networks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct VpcConfig {
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub vpc_id: String,
    pub ipv6_allowed_for_dual_stack: bool,
}

/// `FileSystemConfigs`: stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct FileSystemConfig {
    pub arn: String,
    pub local_mount_path: String,
}

/// `ImageConfig`: overrides of a container image's own settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct ImageConfig {
    pub entry_point: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub working_directory: Option<String>,
}

impl ImageConfig {
    /// Whether it overrides nothing; then it is not shown.
    pub fn is_empty(&self) -> bool {
        self.entry_point.is_none() && self.command.is_none() && self.working_directory.is_none()
    }

    /// The command line of an image: its own, but for what is overridden here, each by itself. Nothing is overridden by
    /// an empty list. [AWS: Lambda, container image settings]
    pub fn command_line(&self, own: &ImageDefaults) -> Vec<String> {
        let chosen = |here: &Option<Vec<String>>, own: &[String]| {
            here.as_ref().filter(|here| !here.is_empty()).map_or_else(|| own.to_vec(), Clone::clone)
        };
        let mut line = chosen(&self.entry_point, &own.entry_point);
        line.extend(chosen(&self.command, &own.command));
        line
    }

    /// Where an image is run: where it says itself unless that is overridden here.
    pub fn folder<'a>(&'a self, own: &'a ImageDefaults) -> Option<&'a str> {
        let chosen = self.working_directory.as_deref().filter(|folder| !folder.is_empty());
        chosen.or(own.working_directory.as_deref())
    }
}

/// `TracingConfig.Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum TracingMode {
    #[default]
    PassThrough,
    Active,
}

impl TracingMode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassThrough => "PassThrough",
            Self::Active => "Active",
        }
    }
}

/// `LoggingConfig`. The levels exist only with the JSON format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Plain text.
    Text,
    /// JSON objects, filtered by level.
    Json {
        /// `ApplicationLogLevel`, AWS's word.
        application_level: String,
        /// `SystemLogLevel`, AWS's word.
        system_level: String,
    },
}

impl LogFormat {
    /// The JSON format with AWS's default levels.
    pub fn json() -> Self {
        Self::Json { application_level: "INFO".to_owned(), system_level: "INFO".to_owned() }
    }
}

/// A layer version that a function uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerUse {
    /// ARN of the layer version.
    pub arn: String,
    /// Bytes of its archive.
    pub code_size: u64,
    /// Bytes of what is in it.
    pub unzipped: u64,
    /// Name of the archive.
    pub digest: Digest,
}

/// `TenancyConfig`, which a function has from its creation on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tenancy {
    /// Environments are for all invocations.
    #[default]
    None,
    /// `PER_TENANT`: environments of one tenant never serve another.
    PerTenant,
}

impl Tenancy {
    /// Whether an invocation may name this tenant.
    ///
    /// # Errors
    /// It names none where it has to, or one where there are none.
    pub fn check(self, tenant: Option<&str>) -> Result<(), Error> {
        let message = match (self, tenant) {
            (Self::PerTenant, None) => {
                "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
            }
            (Self::None, Some(_)) => {
                "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again."
            }
            (Self::PerTenant, Some(_)) | (Self::None, None) => return Ok(()),
        };
        Err(Error::InvalidParameter(message.to_owned()))
    }

    /// Fails where environments are for one tenant each, as nothing says whose `feature` would be. [AWS: Tenant
    /// isolation, that it is refused; the words are ours]
    ///
    /// # Errors
    /// It is not supported.
    pub fn check_without(self, feature: &str) -> Result<(), Error> {
        match self {
            Self::None => Ok(()),
            Self::PerTenant => Err(Error::InvalidParameter(format!(
                "{feature} is not supported for functions with tenancy configuration."
            ))),
        }
    }
}

/// GiB of memory for each vCPU, from 2 to 8: never NaN, so that it equals itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GibPerVcpu(pub f64);

impl Eq for GibPerVcpu {}

/// `CapacityProviderConfig`: the function runs on instances of a capacity provider. Here it runs as all others do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedInstances {
    /// `CapacityProviderArn`.
    pub provider: String,
    /// `PerExecutionEnvironmentMaxConcurrency`, 1 to 1600.
    pub max_concurrency: u32,
    /// `ExecutionEnvironmentMemoryGiBPerVCpu`.
    pub memory_per_vcpu: GibPerVcpu,
}

impl ManagedInstances {
    /// `PerExecutionEnvironmentMaxConcurrency` where it is not given, as LocalStack has it.
    pub const MAX_CONCURRENCY: u32 = 16;
    /// `ExecutionEnvironmentMemoryGiBPerVCpu` where it is not given, as LocalStack has it.
    pub const MEMORY_PER_VCPU: GibPerVcpu = GibPerVcpu(2.0);
    /// `MemorySize` of functions that do not say, in MB, as LocalStack has it.
    pub const MEMORY_MB: u32 = 2048;

    /// The last part of the ARN.
    pub fn provider_name(&self) -> &str {
        self.provider.rsplit(':').next().unwrap_or_default()
    }
}

/// Everything about a version that its owner chose, apart from the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// How code is given.
    pub package_type: PackageType,
    /// Runtime identifier; none for images.
    pub runtime: Option<String>,
    /// Execution role.
    pub role: String,
    /// `Handler`; none for images.
    pub handler: Option<String>,
    /// Up to 256 characters.
    pub description: String,
    /// `Timeout` in seconds, 1 to 900; longer on a capacity provider.
    pub timeout_s: u32,
    /// `MemorySize` in MB, 128 to 10240; more on a capacity provider.
    pub memory_mb: u32,
    /// `EphemeralStorage` in MB, 512 to 10240.
    pub ephemeral_storage_mb: u32,
    /// Exactly one.
    pub architecture: Architecture,
    /// Variables in the order given; `None` if never given, which is shown differently from none.
    pub environment: Option<Vec<(String, String)>>,
    /// Customer key for the variables.
    pub kms_key_arn: Option<String>,
    /// `TracingConfig`.
    pub tracing: TracingMode,
    /// `VpcConfig`.
    pub vpc: Option<VpcConfig>,
    /// `DeadLetterConfig.TargetArn`.
    pub dead_letter_target: Option<String>,
    /// In order of application.
    pub layers: Vec<LayerUse>,
    /// At most one.
    pub file_systems: Vec<FileSystemConfig>,
    /// Overrides of an image's settings.
    pub image_config: ImageConfig,
    /// `SnapStart.ApplyOn` is `PublishedVersions`.
    pub snap_start_on_published_versions: bool,
    /// `LoggingConfig.LogFormat` and levels.
    pub log_format: LogFormat,
    /// `LoggingConfig.LogGroup`.
    pub log_group: String,
    /// `DurableConfig`.
    #[serde(default)]
    pub durable: Option<DurableConfig>,
    /// `TenancyConfig`.
    #[serde(default)]
    pub tenancy: Tenancy,
    /// `CapacityProviderConfig`.
    #[serde(default)]
    pub managed: Option<ManagedInstances>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn own() -> ImageDefaults {
        ImageDefaults {
            entry_point: words("/entry -x"),
            command: words("app.handler"),
            working_directory: Some("/app".to_owned()),
        }
    }

    #[test]
    fn a_tenant_is_named_where_there_are_tenants_and_nowhere_else() {
        assert_eq!(Tenancy::PerTenant.check(Some("blue")), Ok(()));
        assert_eq!(Tenancy::None.check(None), Ok(()));
        let refused = |tenancy: Tenancy, tenant| tenancy.check(tenant).unwrap_err().to_string();
        assert!(refused(Tenancy::PerTenant, None).contains("is enabled with tenancy configuration"));
        assert!(refused(Tenancy::None, Some("blue")).contains("is not enabled with tenancy configuration"));
    }

    #[test]
    fn each_setting_of_an_image_is_overridden_by_itself() {
        let line = |entry_point: Option<&str>, command: Option<&str>| {
            let config = ImageConfig {
                entry_point: entry_point.map(words),
                command: command.map(words),
                working_directory: None,
            };
            config.command_line(&own()).join(" ")
        };
        assert_eq!(line(None, None), "/entry -x app.handler");
        assert_eq!(line(None, Some("other.handler")), "/entry -x other.handler");
        assert_eq!(line(Some("sh"), None), "sh app.handler");
        assert_eq!(line(Some("sh"), Some("-c true")), "sh -c true");
        assert_eq!(line(Some(""), Some("")), "/entry -x app.handler");
    }

    #[test]
    fn an_image_runs_where_it_says_unless_told_otherwise() {
        let config = |folder: Option<&str>| ImageConfig {
            working_directory: folder.map(str::to_owned),
            ..ImageConfig::default()
        };
        assert_eq!(config(Some("/here")).folder(&own()), Some("/here"));
        assert_eq!(config(Some("")).folder(&own()), Some("/app"));
        assert_eq!(config(None).folder(&own()), Some("/app"));
        assert_eq!(config(None).folder(&ImageDefaults::default()), None);
    }
}
