//! From the configuration to what the engine's side and the doctor go by.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use lambdock_domain::{Architecture, Runtime};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::doctor;
use crate::executor::docker::{self, Docker, Flags, Hints, InitBinaries, InitBinary, Place, Sources};
use crate::executor::{Executor, ImageRequest};
use crate::init_binaries;

/// Where clients on this machine find us.
pub fn endpoint(config: &Config) -> String {
    let address = config.gateway_listen.first().map(ToString::to_string).unwrap_or_default();
    format!("http://{}", address.replace("0.0.0.0", "127.0.0.1"))
}

/// What `lambdock doctor` looks at.
///
/// # Errors
/// The configuration cannot be used.
pub fn doctor_settings(config: &Config, in_container: bool) -> anyhow::Result<doctor::Settings> {
    let instance = instance(config);
    let docker = Docker::new(docker_settings(config, in_container, &instance)?);
    let executor = Arc::new(docker.with_request_limit(config.docker_request_limit));
    doctor_of(config, executor, instance)
}

pub(super) fn doctor_of(
    config: &Config,
    executor: Arc<dyn Executor>,
    instance: String,
) -> anyhow::Result<doctor::Settings> {
    let runtime = Runtime::find(EXAMPLE_RUNTIME).context("the table of runtimes has lost its example")?;
    Ok(doctor::Settings {
        executor,
        instance,
        image: ImageRequest {
            reference: config.image_mapping.image(runtime),
            architecture: Architecture::default(),
        },
        listen: config.gateway_listen.clone(),
        state_dir: config.state_dir.clone(),
    })
}

/// The runtime whose image the doctor looks for.
const EXAMPLE_RUNTIME: &str = "python3.12";

/// For the container engine, which is looked for when it is first needed.
pub(super) fn docker_settings(
    config: &Config,
    in_container: bool,
    instance: &str,
) -> anyhow::Result<docker::Settings> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let sources = Sources { file: &|path| std::fs::read_to_string(path), variable: &variable };
    Ok(docker::Settings {
        hints: Hints {
            docker_host: config.docker_host.clone(),
            docker_socket: config.docker_socket.clone(),
            home: variable("HOME").map(Into::into),
            runtime_dir: variable("XDG_RUNTIME_DIR").map(Into::into),
        },
        place: if in_container { Place::Container } else { Place::Host },
        hostname: Some(hostname()).filter(|name| !name.is_empty()),
        main_container_name: config.main_container_name.clone(),
        instance: instance.to_owned(),
        networks: if config.docker_networks.is_empty() {
            config.main_docker_network.iter().cloned().collect()
        } else {
            config.docker_networks.clone()
        },
        flags: Flags::parse(&config.docker_flags, &sources)?,
        dns: config.docker_dns.clone(),
        platforms: if config.ignore_architecture {
            docker::Platforms::LeftToEngine
        } else {
            docker::Platforms::Honoured
        },
        ended: if config.remove_containers { docker::Ended::Removed } else { docker::Ended::Kept },
        host_from_containers: config.host_from_containers.clone(),
        image_prefix: config.image_prefix.clone(),
        init: init_binaries(config)?,
    })
}

pub(super) fn init_binaries(config: &Config) -> anyhow::Result<InitBinaries> {
    if let Some(path) = &config.init_path {
        let content = std::fs::read(path)
            .with_context(|| format!("LAMBDA_INIT_BIN_PATH: cannot read {}", path.display()))?;
        let binary = InitBinary::new(content.into());
        return Ok(InitBinaries { x86_64: binary.clone(), aarch64: binary });
    }
    anyhow::ensure!(
        !init_binaries::X86_64.is_empty(),
        "this lambdock was built without its in-container init; build it with: cargo xtask build"
    );
    Ok(InitBinaries {
        x86_64: InitBinary::embedded(init_binaries::X86_64, init_binaries::X86_64_SHA256),
        aarch64: InitBinary::embedded(init_binaries::AARCH64, init_binaries::AARCH64_SHA256),
    })
}

/// Names this control plane on its engine: the same for the same configuration, so that a restart finds what it left.
pub(super) fn instance(config: &Config) -> String {
    let mut hash = Sha256::new();
    for address in &config.gateway_listen {
        hash.update(address.to_string());
    }
    hash.update(config.state_dir.as_os_str().as_encoded_bytes());
    hash.update(&config.main_container_name);
    hash.update(hostname());
    hash.finalize().iter().take(6).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

/// Tells control planes with the same configuration apart that share one remote engine.
fn hostname() -> String {
    std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned()
}
