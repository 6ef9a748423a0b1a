//! Which name servers a network's containers ask. Pure.

use std::net::{IpAddr, Ipv4Addr};

/// Where systemd-resolved says whom it asks itself; what `/etc/resolv.conf` names is only its own address then.
pub const UPSTREAM_FILE: &str = "/run/systemd/resolve/resolv.conf";
/// Asked where this machine knows only name servers that no other network reaches. Docker's choice.
const LAST_RESORT: [Ipv4Addr; 2] = [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)];

/// The name servers for a network, of those that `files` name: of the first file that names one that can be reached.
///
/// Networks have IPv4 addresses only, and a loopback address there is not this machine's.
pub fn name_servers(files: &[&str]) -> Vec<IpAddr> {
    let reachable = files.iter().map(|file| reachable(file)).find(|servers| !servers.is_empty());
    reachable.unwrap_or_else(|| LAST_RESORT.map(IpAddr::from).to_vec())
}

fn reachable(file: &str) -> Vec<IpAddr> {
    let servers = file.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let servers = servers.filter_map(|rest| rest.trim().parse::<IpAddr>().ok());
    servers.filter(|server| server.is_ipv4() && !server.is_loopback()).collect()
}

/// `/etc/resolv.conf` for a container: name servers and domains, and whatever else this machine's says.
pub fn resolv_conf(servers: &[IpAddr], domains: &[String], ours: &str) -> String {
    let kept: &[&str] = match (servers.is_empty(), domains.is_empty()) {
        (true, _) => &["nameserver", "options"],
        (false, true) => &["search", "domain", "options"],
        (false, false) => &["options"],
    };
    let rest = ours.lines().filter(|line| kept.iter().any(|word| line.starts_with(word)));
    let servers = servers.iter().map(|server| format!("nameserver {server}\n"));
    let search = (!domains.is_empty()).then(|| format!("search {}\n", domains.join(" ")));
    servers.chain(search).chain(rest.map(|line| format!("{line}\n"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[&str]) -> Vec<String> {
        name_servers(files).iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn loopback_name_servers_are_replaced() {
        let stub = "# comment\nnameserver 127.0.0.53\noptions edns0\nsearch example.com\n";
        assert_eq!(texts(&["nameserver 10.0.0.2\nnameserver ::1\nnameserver 127.0.0.1"]), ["10.0.0.2"]);
        assert_eq!(texts(&[stub, "nameserver 192.168.1.1\n"]), ["192.168.1.1"]);
        assert_eq!(texts(&[stub, ""]), ["8.8.8.8", "8.8.4.4"]);
        let text = resolv_conf(&name_servers(&[stub, "nameserver 192.168.1.1"]), &[], stub);
        assert_eq!(text, "nameserver 192.168.1.1\noptions edns0\nsearch example.com\n");
        let domains = ["a.example".to_owned(), "b.example".to_owned()];
        assert_eq!(
            resolv_conf(&[], &domains, "nameserver 10.0.0.2\nsearch x\n"),
            "search a.example b.example\nnameserver 10.0.0.2\n"
        );
        let text = resolv_conf(&name_servers(&[stub, ""]), &domains, stub);
        assert!(text.ends_with("search a.example b.example\noptions edns0\n"), "{text}");
    }
}
