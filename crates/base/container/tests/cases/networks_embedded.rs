//! What only the embedded driver's networks have to prove: it makes them itself.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use container::{Driver, NetworkError, NetworkKind, NetworkSpec, PortMapping, Protocol};
use nix::sched::{CloneFlags, setns};

use super::Add;
use super::networks::{bridged, in_network, mapping};
use crate::support::{complete, open_embedded, shell};

const PATIENCE: Duration = Duration::from_secs(5);

pub fn add<'a>(data: &'a Path, add: Add<'_, 'a>) {
    add("a_lost_namespace_is_made_again", Box::pin(a_lost_namespace_is_made_again(data)));
    add("half_made_networks_are_removed", Box::pin(half_made_networks_are_removed(data)));
    add("addresses_are_given_once", Box::pin(addresses_are_given_once(data)));
    add("datagrams_pass", Box::pin(datagrams_pass(data)));
    add("datagrams_follow_the_port", Box::pin(datagrams_follow_the_port(data)));
    add("what_a_deleted_directory_left_is_swept", Box::pin(what_a_deleted_directory_left_is_swept()));
    add("beyond_this_machine_by_masquerade", Box::pin(beyond_this_machine_by_masquerade(data)));
    add("this_machines_loopback_is_out_of_reach", Box::pin(this_machines_loopback_is_out_of_reach(data)));
}

fn namespace(data: &Path, name: &str) -> PathBuf {
    data.join("networks/names").join(name).join("namespace")
}

/// Does `work` in a network namespace.
fn inside<T: Send + 'static>(namespace: PathBuf, work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        setns(fs::File::open(namespace).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        work()
    });
    thread.join().unwrap()
}

/// As after a restart of the machine, and as after a crash at any point before the mount.
async fn a_lost_namespace_is_made_again(data: &Path) {
    let driver = open_embedded(data);
    let spec = bridged("lost", &[mapping(80, None)]);
    let network = driver.provide_network(spec.clone()).await.unwrap();
    nix::mount::umount(&namespace(data, "lost")).unwrap();
    drop(driver);
    let driver = open_embedded(data);
    assert!(driver.launch(in_network("lost", shell("client", "true"))).await.is_err());
    driver.remove("client").await.unwrap();
    assert_eq!(driver.provide_network(spec).await.unwrap(), network);
    let (code, lines) =
        complete(&driver, in_network("lost", shell("client", "ip -4 -o addr show eth0"))).await;
    assert!(code == 0 && lines[0].contains(&network.address.unwrap().to_string()), "{lines:?}");
    driver.remove_network("lost").await.unwrap();
}

async fn half_made_networks_are_removed(data: &Path) {
    let driver = open_embedded(data);
    driver.provide_network(bridged("whole", &[])).await.unwrap();
    fs::create_dir(data.join("networks/names/half")).unwrap();
    std::os::unix::fs::symlink("half", data.join("networks/addresses/172.31.15.250")).unwrap();
    std::os::unix::fs::symlink("half", data.join("networks/ports/tcp-49999")).unwrap();
    let driver = open_embedded(data);
    assert_eq!(driver.list_networks().await.unwrap(), ["half", "whole"]);
    for name in ["half", "whole"] {
        driver.remove_network(name).await.unwrap();
    }
    for kind in ["names", "addresses", "ports"] {
        assert_eq!(fs::read_dir(data.join("networks").join(kind)).unwrap().count(), 0, "{kind}");
    }
}

async fn addresses_are_given_once(data: &Path) {
    let driver = open_embedded(data);
    let any = driver.provide_network(bridged("any", &[])).await.unwrap();
    let wanted = |name: &str, address| NetworkSpec {
        kind: NetworkKind::Bridged { address: Some(address) },
        ..bridged(name, &[])
    };
    let taken = any.address.unwrap();
    let refused = Err(NetworkError::AddressNotAvailable(taken));
    assert_eq!(driver.provide_network(wanted("same", taken)).await, refused);
    let elsewhere = Ipv4Addr::new(192, 0, 2, 7);
    let refused = Err(NetworkError::AddressNotAvailable(elsewhere));
    assert_eq!(driver.provide_network(wanted("elsewhere", elsewhere)).await, refused);
    driver.remove_network("any").await.unwrap();
    assert_eq!(driver.provide_network(wanted("same", taken)).await.unwrap().address, Some(taken));
    driver.remove_network("same").await.unwrap();
    assert_eq!(driver.list_networks().await.unwrap(), Vec::<String>::new());
}

async fn datagrams_pass(data: &Path) {
    let driver = open_embedded(data);
    let dns = PortMapping { container_port: 53, host_port: None, protocol: Protocol::Udp };
    let network = driver.provide_network(bridged("datagrams", &[dns])).await.unwrap();
    let server = inside(namespace(data, "datagrams"), || UdpSocket::bind("0.0.0.0:53").unwrap());
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let client = UdpSocket::bind("0.0.0.0:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for place in [Ipv4Addr::LOCALHOST, network.gateway.unwrap()] {
        client.send_to(b"question", (place, network.ports[0].host_port)).unwrap();
        let mut buffer = [0; 16];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..length], from).unwrap();
        assert_eq!(client.recv(&mut buffer).unwrap(), 8, "{place}");
    }
    drop(server);
    driver.remove_network("datagrams").await.unwrap();
}

/// Who goes on sending from the same port reaches whoever has this machine's port now, not who had it.
async fn datagrams_follow_the_port(data: &Path) {
    let driver = open_embedded(data);
    let client = UdpSocket::bind("0.0.0.0:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut port = None;
    for name in ["former", "latter"] {
        let dns = PortMapping { container_port: 53, host_port: port, protocol: Protocol::Udp };
        let network = driver.provide_network(bridged(name, &[dns])).await.unwrap();
        let host_port = network.ports[0].host_port;
        port = Some(host_port);
        let server = inside(namespace(data, name), || UdpSocket::bind("0.0.0.0:53").unwrap());
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send_to(b"question", (Ipv4Addr::LOCALHOST, host_port)).unwrap();
        let mut buffer = [0; 16];
        let received = server.recv_from(&mut buffer).map(|(length, _)| length);
        assert_eq!(received.ok(), Some(8), "{name}");
        drop(server);
        driver.remove_network(name).await.unwrap();
    }
}

async fn what_a_deleted_directory_left_is_swept() {
    let (gone, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let driver = open_embedded(gone.path());
    driver.provide_network(bridged("swept", &[mapping(80, None)])).await.unwrap();
    let data = gone.path().to_str().unwrap().to_owned();
    let bridges = || -> Vec<String> {
        let links = fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().path());
        let says = |link: &PathBuf| fs::read_to_string(link.join("ifalias")).unwrap_or_default();
        let ours = links.filter(|link| says(link).contains(&data));
        ours.map(|link| link.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let [bridge] = &bridges()[..] else { panic!("one bridge") };
    drop(open_embedded(here.path()));
    assert_eq!(bridges().len(), 1, "as long as there is the directory");
    // As a server that is killed after its last task.
    let namespace = namespace(gone.path(), "swept");
    ip(&format!("link del {}", port_of(bridge)));
    nix::mount::umount(&namespace).unwrap();
    std::mem::forget(driver);
    gone.close().unwrap();
    drop(open_embedded(here.path()));
    assert_eq!(bridges(), Vec::<String>::new());
    let tables = Command::new("nft").args(["list", "tables"]).output();
    let tables = tables.map(|output| String::from_utf8(output.stdout).unwrap()).unwrap_or_default();
    assert!(!tables.contains(&format!("runwright-{}", &bridge[3..])), "{tables}");
}

/// The only port of a bridge.
fn port_of(bridge: &str) -> String {
    let mut ports = fs::read_dir(format!("/sys/class/net/{bridge}/brif")).unwrap();
    ports.next().unwrap().unwrap().file_name().into_string().unwrap()
}

fn ip(arguments: &str) {
    assert!(Command::new("ip").args(arguments.split(' ')).status().unwrap().success(), "ip {arguments}");
}

/// Another machine, which knows no way to a network of tasks.
async fn beyond_this_machine_by_masquerade(data: &Path) {
    let driver = open_embedded(data);
    driver.provide_network(bridged("outbound", &[])).await.unwrap();
    ip("netns add rwtest");
    ip("link add rwtest0 type veth peer name rwtest1 netns rwtest");
    ip("addr add 198.51.100.1/24 dev rwtest0");
    ip("link set rwtest0 up");
    ip("-n rwtest addr add 198.51.100.2/24 dev rwtest1");
    ip("-n rwtest link set rwtest1 up");
    let listener = inside("/var/run/netns/rwtest".into(), || TcpListener::bind("198.51.100.2:7").unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(b"far away\n").unwrap();
        peer.ip().to_string()
    });
    let ask = in_network("outbound", shell("client", "nc -w 5 198.51.100.2 7 </dev/null"));
    let said = complete(&driver, ask).await;
    ip("link del rwtest0");
    ip("netns del rwtest");
    assert_eq!(said, (0, vec!["far away".to_owned()]));
    assert_eq!(answering.join().unwrap(), "198.51.100.1");
    driver.remove_network("outbound").await.unwrap();
}

/// Its routes would lead there, with a route of the container's own.
async fn this_machines_loopback_is_out_of_reach(data: &Path) {
    let driver = open_embedded(data);
    let network = driver.provide_network(bridged("curious", &[mapping(80, None)])).await.unwrap();
    let listener = TcpListener::bind("127.9.9.9:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let gateway = network.gateway.unwrap();
    let connected = inside(namespace(data, "curious"), move || {
        // The container's own loopback is smaller, and the rest leads here.
        ip("addr del 127.0.0.1/8 dev lo");
        fs::write("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1").unwrap();
        ip(&format!("route add 127.9.9.9/32 via {gateway} dev eth0"));
        let there = ([127, 9, 9, 9], port).into();
        std::net::TcpStream::connect_timeout(&there, Duration::from_millis(300)).is_ok()
    });
    assert!(!connected);
    driver.remove_network("curious").await.unwrap();
}
