//! How function containers reach this process: a pure decision, and the probes that feed it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

use bollard::Docker as Client;
use bollard::models::NetworkInspect;
use tokio::net::UdpSocket;
use tracing::{debug, warn};

use super::address::Address;
use super::connect::{Found, Kind};
use crate::executor::Reach;

/// Where this process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On a machine.
    Host,
    /// In a container.
    Container,
}

/// Networks of function containers and the way from there to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topology {
    /// Our own container's id, if we are in one that the engine knows.
    pub(super) own_container: Option<String>,
    /// The network that containers are created in.
    pub(super) network: String,
    /// Networks that they are connected to as well.
    pub(super) further: Vec<String>,
    pub(super) reach: Reach,
    /// Entries for the hosts file of containers, `name:address`.
    pub(super) extra_hosts: Vec<String>,
}

/// Our own container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Own {
    id: Option<String>,
    /// Shares the network of the machine.
    host_network: bool,
    /// Names of its networks and its addresses there.
    networks: BTreeMap<String, Option<IpAddr>>,
}

/// What the probes found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    kind: Kind,
    own: Option<Own>,
    /// Gateway of the network of function containers.
    gateway: Option<IpAddr>,
    /// Whether the gateway is an address of ours: containers are behind a bridge of this machine.
    gateway_is_ours: bool,
    /// Our address towards an engine on another machine.
    towards_engine: Option<IpAddr>,
    /// `HOSTNAME_FROM_LAMBDA`.
    host_override: Option<String>,
}

const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The network that Docker and Podman use unless told otherwise; Podman takes the name for its own.
const DEFAULT_NETWORK: &str = "bridge";

/// The main network: what the user says, else ours, else the engine's default.
fn main_network(configured: &[String], own: Option<&Own>) -> String {
    if let Some(first) = configured.first() {
        return first.clone();
    }
    let own = own.filter(|own| !own.host_network);
    own.and_then(|own| own.networks.keys().next().cloned()).unwrap_or_else(|| DEFAULT_NETWORK.to_owned())
}

fn decide(facts: &Facts, network: &str) -> (Reach, Vec<String>) {
    let reach = |bind: &[IpAddr], host: String| (Reach { bind: bind.to_vec(), host }, Vec::new());
    if let Some(host) = &facts.host_override {
        return reach(&[ANY], host.clone());
    }
    if network == "host" {
        return reach(&[LOOPBACK], LOOPBACK.to_string());
    }
    if let Some(own) = facts.own.as_ref().filter(|own| !own.host_network) {
        let ours = own.networks.get(network).copied().flatten();
        if let Some(address) = ours.or_else(|| own.networks.values().copied().flatten().next()) {
            return reach(&[ANY], address.to_string());
        }
    }
    if let Some(gateway) = facts.gateway
        && facts.gateway_is_ours
    {
        // Only containers and this machine have a way to the gateway's address.
        return reach(&[gateway, ANY], gateway.to_string());
    }
    if let Some(address) = facts.towards_engine {
        return reach(&[ANY], address.to_string());
    }
    match facts.kind {
        Kind::Desktop => (
            // Its virtual machine forwards to our loopback.
            Reach { bind: vec![LOOPBACK], host: "host.docker.internal".to_owned() },
            vec!["host.docker.internal:host-gateway".to_owned()],
        ),
        Kind::Docker | Kind::RootlessDocker => (
            Reach { bind: vec![ANY], host: "host.docker.internal".to_owned() },
            vec!["host.docker.internal:host-gateway".to_owned()],
        ),
        // Podman puts this name into every container by itself.
        Kind::Podman | Kind::RootlessPodman => reach(&[ANY], "host.containers.internal".to_owned()),
    }
}

/// What the user set.
pub(super) struct Wishes<'a> {
    pub(super) networks: &'a [String],
    pub(super) host: Option<&'a str>,
    pub(super) place: Place,
    /// `HOSTNAME` of this process, which in a container is its id unless the user named it.
    pub(super) hostname: Option<&'a str>,
    pub(super) main_container_name: &'a str,
}

/// Looks around and decides.
pub(super) async fn discover(found: &Found, wishes: &Wishes<'_>) -> Topology {
    let own = match wishes.place {
        Place::Host => None,
        Place::Container => own_container(&found.client, wishes).await,
    };
    let network = main_network(wishes.networks, own.as_ref());
    if network == "host" {
        warn!(
            "functions share the machine's network; only one of them can run at a time, for their ports are the same"
        );
    }
    let own_container = own.as_ref().and_then(|own| own.id.clone());
    let gateway = gateway(&found.client, &network).await;
    let facts = Facts {
        kind: found.kind,
        own,
        gateway,
        gateway_is_ours: gateway.is_some_and(is_ours),
        towards_engine: match &found.address {
            Address::Tcp(authority) => towards(authority).await,
            Address::Socket(_) => None,
        },
        host_override: wishes.host.map(str::to_owned),
    };
    let (reach, extra_hosts) = decide(&facts, &network);
    debug!(?facts, network, ?reach, "found out how containers reach us");
    let further = wishes.networks.iter().skip(1).cloned().collect();
    Topology { own_container, network, further, reach, extra_hosts }
}

async fn own_container(client: &Client, wishes: &Wishes<'_>) -> Option<Own> {
    for name in wishes.hostname.into_iter().chain([wishes.main_container_name]) {
        let Ok(container) = client.inspect_container(name, None).await else { continue };
        let mode = container.host_config.and_then(|config| config.network_mode).unwrap_or_default();
        let networks = container.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let address = |text: Option<String>| text.and_then(|text| text.parse().ok());
        return Some(Own {
            id: container.id,
            host_network: mode == "host",
            networks: networks
                .into_iter()
                .map(|(name, endpoint)| (name, address(endpoint.ip_address)))
                .collect(),
        });
    }
    debug!("the engine does not know the container that this process runs in");
    None
}

async fn gateway(client: &Client, network: &str) -> Option<IpAddr> {
    let inspected = match client.inspect_network(network, None).await {
        // Older Podman knows its default network by its own name only.
        Err(_) if network == DEFAULT_NETWORK => client.inspect_network("podman", None).await,
        inspected => inspected,
    };
    match inspected {
        Ok(network) => gateway_of(&network),
        Err(error) => {
            warn!(network, %error, "the network of function containers cannot be looked at");
            None
        }
    }
}

fn gateway_of(network: &NetworkInspect) -> Option<IpAddr> {
    let configs = network.ipam.as_ref().and_then(|ipam| ipam.config.as_deref()).unwrap_or_default();
    let named = configs.iter().filter_map(|config| config.gateway.as_deref()?.parse::<IpAddr>().ok());
    // Without a name for it, the gateway is the first address of the network.
    let first = configs.iter().filter_map(|config| first_address(config.subnet.as_deref()?));
    let mut gateways: Vec<IpAddr> = named.chain(first).collect();
    gateways.sort_by_key(IpAddr::is_ipv6);
    gateways.first().copied()
}

fn first_address(subnet: &str) -> Option<IpAddr> {
    let (network, _bits) = subnet.split_once('/')?;
    let address: Ipv4Addr = network.parse().ok()?;
    Some(IpAddr::V4(Ipv4Addr::from_bits(address.to_bits().checked_add(1)?)))
}

/// Only addresses of this machine can be bound.
fn is_ours(address: IpAddr) -> bool {
    TcpListener::bind((address, 0)).is_ok()
}

/// The address that this machine uses towards `authority`. Nothing is sent.
async fn towards(authority: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind((ANY, 0)).await.ok()?;
    socket.connect(authority).await.ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            kind: Kind::Docker,
            own: None,
            gateway: Some([172, 17, 0, 1].into()),
            gateway_is_ours: true,
            towards_engine: None,
            host_override: None,
        }
    }

    fn check(facts: &Facts, network: &str, bind: &[[u8; 4]], host: &str) {
        let (reach, _) = decide(facts, network);
        let bind: Vec<IpAddr> = bind.iter().map(|address| (*address).into()).collect();
        assert_eq!(reach, Reach { bind, host: host.to_owned() });
    }

    fn in_container(networks: &[(&str, [u8; 4])]) -> Option<Own> {
        let networks = networks.iter().map(|(name, ip)| ((*name).to_owned(), Some((*ip).into()))).collect();
        Some(Own { id: None, host_network: false, networks })
    }

    #[test]
    fn on_a_linux_host_only_the_bridge_is_listened_on() {
        check(&facts(), "bridge", &[[172, 17, 0, 1], [0, 0, 0, 0]], "172.17.0.1");
    }

    #[test]
    fn in_a_container_our_address_on_the_network_of_functions_is_told() {
        let own = in_container(&[("a", [10, 0, 0, 2]), ("b", [10, 1, 0, 2])]);
        let facts = Facts { own, gateway_is_ours: false, ..facts() };
        check(&facts, "b", &[[0, 0, 0, 0]], "10.1.0.2");
        check(&facts, "other", &[[0, 0, 0, 0]], "10.0.0.2");
        assert_eq!(main_network(&[], facts.own.as_ref()), "a");
        assert_eq!(main_network(&["b".into(), "c".into()], facts.own.as_ref()), "b");
    }

    #[test]
    fn in_a_container_with_the_network_of_the_machine_we_are_as_on_the_machine() {
        let own =
            Some(Own { id: None, host_network: true, networks: BTreeMap::from([("host".to_owned(), None)]) });
        let facts = Facts { own, ..facts() };
        assert_eq!(main_network(&[], facts.own.as_ref()), "bridge");
        check(&facts, "bridge", &[[172, 17, 0, 1], [0, 0, 0, 0]], "172.17.0.1");
    }

    #[test]
    fn docker_desktop_forwards_to_our_loopback() {
        let facts = Facts { kind: Kind::Desktop, gateway_is_ours: false, ..facts() };
        check(&facts, "bridge", &[[127, 0, 0, 1]], "host.docker.internal");
        assert_eq!(decide(&facts, "bridge").1, ["host.docker.internal:host-gateway"]);
    }

    #[test]
    fn rootless_podman_has_a_name_for_us() {
        let facts = Facts { kind: Kind::RootlessPodman, gateway_is_ours: false, ..facts() };
        check(&facts, "bridge", &[[0, 0, 0, 0]], "host.containers.internal");
    }

    #[test]
    fn a_remote_engine_is_told_our_address_towards_it() {
        let facts = Facts { gateway_is_ours: false, towards_engine: Some([10, 9, 9, 9].into()), ..facts() };
        check(&facts, "bridge", &[[0, 0, 0, 0]], "10.9.9.9");
    }

    #[test]
    fn what_the_user_says_wins() {
        let facts = Facts { host_override: Some("me.example".into()), ..facts() };
        check(&facts, "bridge", &[[0, 0, 0, 0]], "me.example");
    }

    #[test]
    fn the_gateway_of_a_network_is_the_named_one_or_its_first_address() {
        let network = |subnet: &str, gateway: Option<&str>| NetworkInspect {
            ipam: Some(bollard::models::Ipam {
                config: Some(vec![bollard::models::IpamConfig {
                    subnet: Some(subnet.into()),
                    gateway: gateway.map(str::to_owned),
                    ..Default::default()
                }]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let named: IpAddr = [10, 5, 0, 9].into();
        let first: IpAddr = [10, 5, 0, 1].into();
        assert_eq!(gateway_of(&network("10.5.0.0/16", Some("10.5.0.9"))), Some(named));
        assert_eq!(gateway_of(&network("10.5.0.0/16", None)), Some(first));
        assert_eq!(gateway_of(&network("fd00::/64", None)), None);
    }
}
