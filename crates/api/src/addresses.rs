//! Under which of this machine's addresses something can be reached, for those who are told.

use std::net::IpAddr;

/// `listening` itself, or where that stands for all of them, this machine's addresses of that kind
/// (IPv6 has IPv4 with it). Without link-local ones, which are of no use without the name of an
/// interface.
pub(crate) fn reachable(listening: IpAddr) -> Vec<IpAddr> {
    if !listening.is_unspecified() {
        return vec![listening];
    }
    // Where the system doesn't tell, nobody can be told.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let wanted = |ip: &IpAddr| match ip {
        IpAddr::V4(v4) => !v4.is_link_local(),
        IpAddr::V6(v6) => listening.is_ipv6() && !v6.is_unicast_link_local(),
    };
    interfaces.iter().map(if_addrs::Interface::ip).filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_under_the_machines_own_addresses() {
        let one: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(reachable(one), [one]);
        let all = reachable("0.0.0.0".parse().unwrap());
        assert!(all.contains(&"127.0.0.1".parse().unwrap()), "{all:?}");
        assert!(all.iter().all(IpAddr::is_ipv4), "{all:?}");
    }
}
