//! Function containers: pure, what they are made of; and what is done with them.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, Mount, MountType, NetworkingConfig, PortBinding,
    ResourcesUlimits,
};

use super::flags::{Flags, Limit};
use super::topology::Topology;
use super::{Ended, code_volume, init_volume};
use crate::executor::{ContainerSpec, EnvironmentId, FolderMount, FunctionNames};

/// Label with the control plane that a container belongs to.
pub(super) const INSTANCE_LABEL: &str = "lambdock.instance";

/// Marks containers that stay when they have ended.
pub(super) const KEPT_LABEL: &str = "lambdock.kept";

/// Id of the container that the control plane runs in, if it does.
pub(super) const OWNER_LABEL: &str = "lambdock.owner";
/// Label with the environment that a container is.
pub(super) const ENVIRONMENT_LABEL: &str = "lambdock.environment";
/// Label with the function's ARN.
const FUNCTION_LABEL: &str = "lambdock.function";

/// Processes and threads of a function. [AWS: Lambda quotas, 1,024 execution processes and threads]
const PIDS_LIMIT: i64 = 1024;

/// Open files of a function. [AWS: Lambda quotas, 1,024 file descriptors]
const OPEN_FILES: i64 = 1024;

/// Further limits, which the init takes on for the function: it can stay below what the engine allows, where an engine
/// refuses to start a container. [AWS: as functions see them]
const INITS_LIMITS: [&str; 3] = ["core", "memlock", "stack"];

const ROOT: &str = "0:0";

/// What all function containers have in common.
pub(super) struct Fittings<'a> {
    pub(super) instance: &'a str,
    pub(super) dns: Option<&'a str>,
    pub(super) flags: &'a Flags,
    pub(super) topology: &'a Topology,
    pub(super) ended: Ended,
}

/// In names of containers, where the function's name stands otherwise. No function can be called so.
const STANDBY: &str = "..standby";

/// `<prefix>-lambda-<function>-<environment>`. [LocalStack: names of function containers]
pub(super) fn name(prefix: &str, environment: EnvironmentId, function: Option<&FunctionNames>) -> String {
    let function = function
        .map_or_else(|| STANDBY.to_owned(), |function| function.name.to_lowercase().replace('_', "-"));
    format!("{prefix}-lambda-{function}-{environment}")
}

/// The limits of memory in the engine's words: memory in bytes, and memory and swap together, which is as much as
/// memory alone.
pub(super) fn memory_limits(size_mb: u32) -> (i64, i64) {
    let bytes = i64::from(size_mb) * 1024 * 1024;
    (bytes, bytes)
}

/// The container's description in the engine's words.
pub(super) fn body(
    spec: &ContainerSpec,
    image: &str,
    init: Mount,
    fittings: &Fittings<'_>,
) -> ContainerCreateBody {
    let flags = fittings.flags;
    let limits = limits_of_the_init(&flags.limits);
    let mut environment: BTreeMap<&str, &str> = [("LAMBDOCK_RLIMITS", limits.as_str())].into();
    environment.extend(flags.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let id = spec.environment.to_string();
    environment.insert("LAMBDOCK_UPLINK", &spec.uplink);
    environment.insert("LAMBDOCK_ENVIRONMENT_ID", &id);
    environment.insert("LAMBDOCK_SECRET", &spec.secret);
    let mut labels: HashMap<String, String> = flags.labels.clone().into_iter().collect();
    labels.insert(INSTANCE_LABEL.to_owned(), fittings.instance.to_owned());
    if let Some(owner) = &fittings.topology.own_container {
        labels.insert(OWNER_LABEL.to_owned(), owner.clone());
    }
    labels.insert(ENVIRONMENT_LABEL.to_owned(), id.clone());
    if let Some(function) = &spec.function {
        labels.insert(FUNCTION_LABEL.to_owned(), function.arn.clone());
    }
    if fittings.ended == Ended::Kept {
        labels.insert(KEPT_LABEL.to_owned(), "1".to_owned());
    }
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec![init_volume::PATH.to_owned()]),
        // Else the image's command would become arguments of the init.
        cmd: Some(Vec::new()),
        env: Some(environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        // The init is root, whatever image and flags say: it unpacks code, keeps its secret to itself, and starts the
        // function as another user.
        user: Some(ROOT.to_owned()),
        // What an image has to say about its health is about a server that does not run here.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() }),
        labels: Some(labels),
        exposed_ports: (!flags.ports.is_empty())
            .then(|| flags.ports.iter().map(|port| port.container.clone()).collect()),
        host_config: Some(host_config(spec, init, fittings)),
        networking_config: spec.network_of.is_none().then(|| NetworkingConfig {
            endpoints_config: Some([(fittings.topology.network.clone(), Default::default())].into()),
        }),
        ..Default::default()
    }
}

fn host_config(spec: &ContainerSpec, init: Mount, fittings: &Fittings<'_>) -> HostConfig {
    let flags = fittings.flags;
    // Who is in another container's network has its names, too. [Docker: container networking]
    let own_network = spec.network_of.is_none() && !fittings.topology.network.starts_with("container:");
    let (memory, memory_swap) = memory_limits(spec.memory_size_mb);
    let dns: Vec<String> = fittings.dns.map(str::to_owned).into_iter().chain(flags.dns.clone()).collect();
    let hosts: Vec<String> = fittings.topology.extra_hosts.iter().chain(&flags.hosts).cloned().collect();
    let mut ports: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &flags.ports {
        let binding = PortBinding { host_ip: Some(port.address.clone()), host_port: Some(port.host.clone()) };
        ports.entry(port.container.clone()).or_default().get_or_insert_default().push(binding);
    }
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory_swap),
        pids_limit: Some(PIDS_LIMIT),
        ulimits: Some(limits(&flags.limits)),
        mounts: Some(mounts(spec, init)),
        binds: (!flags.volumes.is_empty()).then(|| flags.volumes.clone()),
        port_bindings: (!ports.is_empty()).then_some(ports),
        dns: (own_network && !dns.is_empty()).then_some(dns),
        extra_hosts: (own_network && !hosts.is_empty()).then_some(hosts),
        privileged: flags.privileged.then_some(true),
        network_mode: Some(match &spec.network_of {
            Some(other) => format!("container:{}", other.0),
            None => fittings.topology.network.clone(),
        }),
        ..Default::default()
    }
}

fn mounts(spec: &ContainerSpec, init: Mount) -> Vec<Mount> {
    let unpacked = spec.unpacked.iter().map(|one| code_volume::shared(&one.name, &one.target));
    [init].into_iter().chain(spec.mounts.iter().map(folder)).chain(unpacked).collect()
}

/// A folder that is not there is the engine's to complain about; it would be made if it was a `bind`.
fn folder(mount: &FolderMount) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(mount.source.clone()),
        target: Some(mount.target.clone()),
        read_only: Some(true),
        ..Default::default()
    }
}

fn limits(wanted: &[Limit]) -> Vec<ResourcesUlimits> {
    let files = Limit { name: "nofile".to_owned(), soft: OPEN_FILES, hard: OPEN_FILES };
    let default = (!wanted.iter().any(|limit| limit.name == files.name)).then_some(&files);
    default
        .into_iter()
        .chain(wanted)
        .map(|limit| ResourcesUlimits {
            name: Some(limit.name.clone()),
            soft: Some(limit.soft),
            hard: Some(limit.hard),
        })
        .collect()
}

/// Names of the limits that the flags do not set.
fn limits_of_the_init(wanted: &[Limit]) -> String {
    let of_the_init = |name: &&&str| !wanted.iter().any(|limit| limit.name == **name);
    INITS_LIMITS.iter().filter(of_the_init).copied().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use lambdock_domain::Architecture;

    use super::*;
    use crate::executor::{ContainerId, ImageRequest, Reach, Unpacked};

    fn spec() -> ContainerSpec {
        ContainerSpec {
            environment: EnvironmentId::parse("0123456789abcdef0123456789abcdef").unwrap(),
            secret: "s3".into(),
            uplink: "172.17.0.1:99".into(),
            function: Some(FunctionNames { name: "My_Function".into(), arn: "arn:f".into() }),
            image: ImageRequest { reference: "i".into(), architecture: Architecture::X86_64 },
            memory_size_mb: 128,
            mounts: vec![FolderMount { source: "/home/me".into(), target: "/var/task".into() }],
            unpacked: vec![],
            network_of: None,
        }
    }

    fn made(flags: &Flags) -> ContainerCreateBody {
        made_of(&spec(), flags)
    }

    fn made_of(spec: &ContainerSpec, flags: &Flags) -> ContainerCreateBody {
        let topology = Topology {
            own_container: Some("ours".into()),
            network: "net".into(),
            further: vec![],
            reach: Reach { bind: vec![], host: "h".into() },
            extra_hosts: vec!["a:1".into()],
        };
        let (dns, ended) = (Some("9.9.9.9"), Ended::Kept);
        let fittings = Fittings { instance: "here", dns, flags, topology: &topology, ended };
        body(spec, "i:1", Mount::default(), &fittings)
    }

    #[test]
    fn who_is_in_another_s_network_has_nothing_to_say_about_it() {
        let spec = ContainerSpec { network_of: Some(ContainerId("abc".into())), ..spec() };
        let body = made_of(&spec, &Flags { hosts: vec!["b:2".into()], ..Flags::default() });
        assert_eq!(body.networking_config, None);
        let host = body.host_config.unwrap();
        assert_eq!(host.network_mode.as_deref(), Some("container:abc"));
        assert_eq!((host.dns, host.extra_hosts), (None, None));
        assert_eq!(host.memory, Some(128 << 20));
    }

    #[test]
    fn names_are_ones_that_engines_take() {
        let ContainerSpec { environment, function, .. } = spec();
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(name("p", environment, function.as_ref()), format!("p-lambda-my-function-{id}"));
        assert_eq!(name("p", environment, None), format!("p-lambda-..standby-{id}"));
    }

    #[test]
    fn folders_are_mounted_read_only() {
        let mounts = made(&Flags::default()).host_config.unwrap().mounts.unwrap();
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[1].source.as_deref(), Some("/home/me"));
        assert_eq!((mounts[1].typ, mounts[1].read_only), (Some(MountType::BIND), Some(true)));
    }

    #[test]
    fn what_is_unpacked_for_all_cannot_be_written_to() {
        let unpacked = vec![Unpacked { name: "volume".into(), target: "/opt".into() }];
        let spec = ContainerSpec { unpacked, mounts: vec![], ..spec() };
        let mounts = made_of(&spec, &Flags::default()).host_config.unwrap().mounts.unwrap();
        let [_, mount] = mounts.as_slice() else { panic!("{mounts:?}") };
        assert_eq!((mount.source.as_deref(), mount.target.as_deref()), (Some("volume"), Some("/opt")));
        assert_eq!((mount.typ, mount.read_only), (Some(MountType::VOLUME), Some(true)));
    }

    #[test]
    fn memory_is_limited_and_there_is_no_swap() {
        let host = made(&Flags::default()).host_config.unwrap();
        assert_eq!((host.memory, host.memory_swap), (Some(128 << 20), Some(128 << 20)));
        assert_eq!(host.pids_limit, Some(1024));
        assert_eq!(host.dns, Some(vec!["9.9.9.9".into()]));
    }

    #[test]
    fn what_the_init_needs_cannot_be_overridden() {
        let flags = Flags {
            environment: [("LAMBDOCK_SECRET".into(), "x".into()), ("A".into(), "1".into())].into(),
            labels: [(INSTANCE_LABEL.into(), "x".into()), ("mine".into(), "1".into())].into(),
            ..Flags::default()
        };
        let body = made(&flags);
        let environment = body.env.unwrap();
        assert!(environment.contains(&"LAMBDOCK_SECRET=s3".into()) && environment.contains(&"A=1".into()));
        let labels = body.labels.unwrap();
        assert_eq!(labels[INSTANCE_LABEL], "here");
        assert_eq!(labels[OWNER_LABEL], "ours");
        assert_eq!(labels["mine"], "1");
        assert_eq!(labels[KEPT_LABEL], "1");
    }

    #[test]
    fn the_init_is_root_whoever_the_function_is() {
        let body = made(&Flags { user: Some("1000:1000".into()), ..Flags::default() });
        assert_eq!(body.user.as_deref(), Some("0:0"));
    }

    #[test]
    fn limits_of_the_flags_replace_ours_of_the_same_name() {
        let limit = |name: &str, n| Limit { name: name.into(), soft: n, hard: n };
        let names = |wanted: &[Limit]| -> Vec<(String, i64)> {
            limits(wanted).into_iter().map(|limit| (limit.name.unwrap(), limit.soft.unwrap())).collect()
        };
        assert_eq!(names(&[]), [("nofile".into(), 1024)]);
        assert_eq!(names(&[limit("core", 0)]), [("nofile".into(), 1024), ("core".into(), 0)]);
        assert_eq!(names(&[limit("nofile", 5)]), [("nofile".into(), 5)]);
        assert_eq!(limits_of_the_init(&[limit("nofile", 5), limit("core", 0)]), "memlock,stack");
        assert!(made(&Flags::default()).env.unwrap().contains(&"LAMBDOCK_RLIMITS=core,memlock,stack".into()));
    }
}
