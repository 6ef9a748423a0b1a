//! Networks that containers join.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use container::{
    ContainerSpec, Driver, Network, NetworkError, NetworkKind, NetworkMode, NetworkSpec, PortMapping,
    Protocol,
};

use super::Add;
use crate::support::{Target, complete, shell};

/// How often something that is about to be is looked for, every few milliseconds.
const LOOKS: u32 = 1500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// A server that says hello to everyone.
const HELLO: &str = "exec nc -ll -p 8080 -e echo hello";

pub fn add<'a>(target: &'a Target, add: Add<'_, 'a>) {
    add("containers_of_a_network_share_localhost", Box::pin(containers_of_a_network_share_localhost(target)));
    add(
        "networks_and_this_machine_reach_each_other",
        Box::pin(networks_and_this_machine_reach_each_other(target)),
    );
    add("ports_lead_into_a_network", Box::pin(ports_lead_into_a_network(target)));
    add("a_port_belongs_to_one", Box::pin(a_port_belongs_to_one(target)));
    add("listens_in_a_network", Box::pin(listens_in_a_network(target)));
    add("an_isolated_network_has_loopback_only", Box::pin(an_isolated_network_has_loopback_only(target)));
    add("names_and_name_servers", Box::pin(names_and_name_servers(target)));
    add("another_driver_adopts_it", Box::pin(another_driver_adopts_it(target)));
    add("many_are_provided_and_removed_at_once", Box::pin(many_are_provided_and_removed_at_once(target)));
    add("nothing_is_left", Box::pin(nothing_is_left(target)));
}

pub fn bridged(name: &str, ports: &[PortMapping]) -> NetworkSpec {
    NetworkSpec {
        name: name.to_owned(),
        kind: NetworkKind::Bridged { address: None },
        port_mappings: ports.to_vec(),
        hostname: None,
    }
}

pub fn mapping(container_port: u16, host_port: Option<u16>) -> PortMapping {
    PortMapping { container_port, host_port, protocol: Protocol::Tcp }
}

pub fn in_network(network: &str, spec: ContainerSpec) -> ContainerSpec {
    ContainerSpec { network: NetworkMode::Network(network.to_owned()), ..spec }
}

/// Starts the server in a network.
pub async fn hello(driver: &dyn Driver, network: &str) -> String {
    let name = format!("{network}-hello");
    driver.launch(in_network(network, shell(&name, HELLO))).await.unwrap();
    name
}

pub async fn end(driver: &dyn Driver, containers: &[&str], networks: &[&str]) {
    for name in containers {
        driver.stop(name, Duration::ZERO).await.unwrap();
        driver.remove(name).await.unwrap();
    }
    for name in networks {
        driver.remove_network(name).await.unwrap();
    }
}

/// What the server at `address` says, once there is one.
pub async fn said_at(address: SocketAddr) -> String {
    for _ in 0..LOOKS {
        let attempt = move || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        match tokio::task::spawn_blocking(attempt).await.unwrap() {
            Ok(text) if !text.is_empty() => return text,
            _ => tokio::time::sleep(BETWEEN_LOOKS).await,
        }
    }
    panic!("nobody answers at {address}");
}

fn at(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddrV4::new(address, port).into()
}

/// A container that asks the server at `address` until it answers.
fn asking(name: &str, address: impl std::fmt::Display) -> ContainerSpec {
    let ask = format!(
        "for i in $(seq 500); do nc -w 1 {address} 8080 </dev/null && exit; sleep 0.02; done; exit 9"
    );
    shell(name, &ask)
}

async fn containers_of_a_network_share_localhost(target: &Target) {
    let driver = target.open().await;
    driver.provide_network(bridged("shared", &[])).await.unwrap();
    let server = hello(&*driver, "shared").await;
    let client = in_network("shared", asking("client", "127.0.0.1"));
    assert_eq!(complete(&*driver, client).await, (0, vec!["hello".to_owned()]));
    end(&*driver, &[&server], &["shared"]).await;
    let orphan = in_network("shared", shell("client", "true"));
    assert!(driver.launch(orphan).await.is_err(), "the network is gone");
    driver.remove("client").await.unwrap();
}

async fn networks_and_this_machine_reach_each_other(target: &Target) {
    let driver = target.open().await;
    let one = driver.provide_network(bridged("one", &[])).await.unwrap();
    let other = driver.provide_network(bridged("other", &[])).await.unwrap();
    assert_ne!(one.address, other.address);
    assert_eq!((one.gateway, one.prefix), (other.gateway, other.prefix));
    let server = hello(&*driver, "one").await;
    let address = one.address.unwrap();
    let client = in_network("other", asking("client", address));
    assert_eq!(complete(&*driver, client).await, (0, vec!["hello".to_owned()]));
    assert_eq!(said_at(at(address, 8080)).await, "hello\n", "from this machine");

    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(b"from outside\n").unwrap();
        peer.ip()
    });
    let ask = format!("nc {} {port} </dev/null", one.gateway.unwrap());
    let (_, said) = complete(&*driver, in_network("one", shell("client", &ask))).await;
    assert_eq!(said, ["from outside"], "this machine from a network");
    assert_eq!(answering.join().unwrap(), address, "by its own address");
    let own = in_network("one", shell("client", "cat /sys/class/net/eth0/address; ip -4 -o addr show eth0"));
    let (_, said) = complete(&*driver, own).await;
    assert_eq!(said[0], one.mac_address.unwrap());
    assert!(said[1].contains(&format!("inet {address}/{} ", one.prefix)), "{said:?}");
    end(&*driver, &[&server], &["one", "other"]).await;
}

fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

async fn ports_lead_into_a_network(target: &Target) {
    let driver = target.open().await;
    let fixed = free_port();
    let wanted = [mapping(8080, Some(fixed)), mapping(8080, None), mapping(9, None)];
    let network = driver.provide_network(bridged("ports", &wanted)).await.unwrap();
    let ports: Vec<(u16, u16)> =
        network.ports.iter().map(|port| (port.container_port, port.host_port)).collect();
    assert_eq!((ports.len(), ports[0], ports[1].0, ports[2].0), (3, (8080, fixed), 8080, 9));
    assert!(ports[1].1 != ports[2].1 && ports[1].1 != fixed, "{ports:?}");
    let server = hello(&*driver, "ports").await;
    for port in [fixed, ports[1].1] {
        assert_eq!(said_at(at(Ipv4Addr::LOCALHOST, port)).await, "hello\n");
        assert_eq!(said_at(at(network.gateway.unwrap(), port)).await, "hello\n");
    }
    driver.provide_network(bridged("neighbour", &[])).await.unwrap();
    let ask = format!("nc -w 5 {} {fixed} </dev/null", network.gateway.unwrap());
    for place in ["neighbour", "ports"] {
        let said = complete(&*driver, in_network(place, shell("client", &ask))).await;
        assert_eq!(said, (0, vec!["hello".to_owned()]), "from {place}");
    }
    end(&*driver, &[&server], &["ports", "neighbour"]).await;
    assert!(TcpStream::connect(at(Ipv4Addr::LOCALHOST, fixed)).is_err());
}

async fn a_port_belongs_to_one(target: &Target) {
    let driver = target.open().await;
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let in_use = Err(NetworkError::PortInUse { port, protocol: Protocol::Tcp });
    let wanted = [mapping(80, Some(port))];
    assert_eq!(driver.provide_network(bridged("late", &wanted)).await, in_use, "a program has it");
    assert_eq!(driver.list_networks().await.unwrap(), Vec::<String>::new());
    drop(listener);
    let first = driver.provide_network(bridged("first", &wanted)).await.unwrap();
    assert_eq!(driver.provide_network(bridged("late", &wanted)).await, in_use, "a network has it");
    assert_eq!(driver.provide_network(bridged("first", &wanted)).await.unwrap(), first, "its own");
    driver.remove_network("first").await.unwrap();
    driver.provide_network(bridged("late", &wanted)).await.unwrap();
    driver.remove_network("late").await.unwrap();
    let twice = [mapping(80, Some(port)), mapping(81, Some(port))];
    assert_eq!(driver.provide_network(bridged("late", &twice)).await, in_use);
    let isolated = NetworkSpec { kind: NetworkKind::Isolated, ..bridged("late", &wanted) };
    assert!(matches!(driver.provide_network(isolated).await, Err(NetworkError::Invalid(_))));
}

async fn listens_in_a_network(target: &Target) {
    let driver = target.open().await;
    let place = SocketAddrV4::new(Ipv4Addr::new(169, 254, 170, 2), 80);
    let unknown = driver.listen_in_network("served", place).await;
    assert_eq!(unknown.unwrap_err(), NetworkError::Unknown("served".to_owned()));
    driver.provide_network(bridged("served", &[])).await.unwrap();
    let listener = driver.listen_in_network("served", place).await.unwrap();
    assert!(driver.listen_in_network("served", place).await.is_err(), "somebody listens there");
    let other = SocketAddrV4::new(*place.ip(), 4566);
    drop(driver.listen_in_network("served", other).await.unwrap());
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nfrom outside\n").unwrap();
    };
    let ask = in_network("served", shell("client", "nc 169.254.170.2 80 </dev/null"));
    let ((), (code, lines)) = futures_util::join!(serve, complete(&*driver, ask));
    assert_eq!((code, lines.last().map(String::as_str)), (0, Some("from outside")));
    drop(listener);
    driver.remove_network("served").await.unwrap();
}

async fn an_isolated_network_has_loopback_only(target: &Target) {
    let driver = target.open().await;
    let spec = NetworkSpec { kind: NetworkKind::Isolated, ..bridged("isolated", &[]) };
    assert_eq!(driver.provide_network(spec).await.unwrap(), Network::default());
    let server = hello(&*driver, "isolated").await;
    let look = in_network("isolated", shell("client", "ls /sys/class/net; ip route"));
    assert_eq!(complete(&*driver, look).await.1, ["lo"]);
    let client = in_network("isolated", asking("client", "127.0.0.1"));
    assert_eq!(complete(&*driver, client).await, (0, vec!["hello".to_owned()]));
    end(&*driver, &[&server], &["isolated"]).await;
}

async fn names_and_name_servers(target: &Target) {
    let driver = target.open().await;
    let spec = NetworkSpec { hostname: Some("ip-10-0-0-7".to_owned()), ..bridged("named", &[]) };
    let network = driver.provide_network(spec).await.unwrap();
    let look = "cat /etc/hostname; hostname; cat /etc/hosts /etc/resolv.conf";
    let (_, lines) = complete(&*driver, in_network("named", shell("client", look))).await;
    assert_eq!(lines[..2], ["ip-10-0-0-7", "ip-10-0-0-7"]);
    let has = |words: &[&str]| lines.iter().any(|line| line.split_whitespace().eq(words.iter().copied()));
    assert!(has(&[&network.address.unwrap().to_string(), "ip-10-0-0-7"]), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("127.0.0.1") && line.contains("localhost")),
        "{lines:?}"
    );
    assert!(!network.dns_servers.is_empty());
    for server in &network.dns_servers {
        assert!(has(&["nameserver", &server.to_string()]), "{lines:?}");
    }
    driver.remove_network("named").await.unwrap();
}

async fn another_driver_adopts_it(target: &Target) {
    let driver = target.open().await;
    let spec = bridged("adopted", &[mapping(8080, None)]);
    let network = driver.provide_network(spec.clone()).await.unwrap();
    let server = hello(&*driver, "adopted").await;
    drop(driver);
    let port = at(Ipv4Addr::LOCALHOST, network.ports[0].host_port);
    assert_eq!(said_at(port).await, "hello\n", "while there is no driver");
    let driver = target.open().await;
    assert_eq!(driver.list_networks().await.unwrap(), ["adopted"]);
    assert_eq!(driver.provide_network(spec).await.unwrap(), network);
    assert_eq!(said_at(port).await, "hello\n");
    driver.provide_network(bridged("later", &[mapping(8080, None)])).await.unwrap();
    assert_eq!(said_at(port).await, "hello\n", "beside another one");
    end(&*driver, &[&server], &["adopted", "later"]).await;
    assert_eq!(driver.list_networks().await.unwrap(), Vec::<String>::new());
}

async fn many_are_provided_and_removed_at_once(target: &Target) {
    let driver = target.open().await;
    let one = |index: usize| {
        let driver = &driver;
        async move {
            let name = format!("crowd-{index}");
            let network = driver.provide_network(bridged(&name, &[mapping(80, None)])).await.unwrap();
            (name, network.address.unwrap(), network.ports[0].host_port)
        }
    };
    let networks = futures_util::future::join_all((0..20).map(one)).await;
    let mut addresses: Vec<_> = networks.iter().map(|(_, address, _)| *address).collect();
    let mut ports: Vec<_> = networks.iter().map(|(_, _, port)| *port).collect();
    addresses.sort_unstable();
    addresses.dedup();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!((addresses.len(), ports.len()), (20, 20));
    assert_eq!(driver.list_networks().await.unwrap().len(), 20);
    futures_util::future::join_all(networks.iter().map(|(name, ..)| driver.remove_network(name))).await;
    assert_eq!(driver.list_networks().await.unwrap(), Vec::<String>::new());
}

fn asked(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8(output.stdout).unwrap()).unwrap_or_default()
}

/// The bridge that has an address.
fn bridge_at(address: Ipv4Addr) -> String {
    let addresses = asked("ip", &["-o", "-4", "addr", "show"]);
    let wanted = format!(" {address}/");
    let line = addresses.lines().find(|line| line.contains(&wanted)).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

/// Interfaces and rules of this machine that have to do with a bridge, also when other servers come and go meanwhile.
fn traces(bridge: &str) -> Vec<String> {
    let all = asked("ip", &["-o", "link", "show"]) + &asked("nft", &["list", "ruleset"]);
    all.lines().filter(|line| line.contains(bridge)).map(str::to_owned).collect()
}

async fn nothing_is_left(target: &Target) {
    let driver = target.open().await;
    let network = driver.provide_network(bridged("leaving", &[mapping(8080, None)])).await.unwrap();
    let bridge = bridge_at(network.gateway.unwrap());
    assert!(traces(&bridge).len() >= 2, "the bridge and its port");
    let server = hello(&*driver, "leaving").await;
    // A container that was started meanwhile has seen the first one's namespace.
    driver.launch(shell("bystander", "sleep 60")).await.unwrap();
    end(&*driver, &[&server], &["leaving"]).await;
    driver.remove_network("leaving").await.unwrap();
    driver.remove_network("../../etc").await.unwrap();
    assert!(TcpStream::connect(at(Ipv4Addr::LOCALHOST, network.ports[0].host_port)).is_err());
    end(&*driver, &["bystander"], &[]).await;
    drop(driver);
    for _ in 0..LOOKS {
        if traces(&bridge).is_empty() {
            return;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    assert_eq!(traces(&bridge), Vec::<String>::new());
}
