//! IPv4 networks: those that this machine is in, and how much of them is looked at.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use if_addrs::IfAddr;

/// Addresses that are asked in all.
pub const MOST_HOSTS: usize = 1024;

/// Of networks that are too large, the neighbourhood of the own address is looked at: /24.
const NEIGHBOURHOOD: u8 = 24;

/// An IPv4 network, with an address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: Ipv4Addr,
    /// Bits that all its addresses share.
    prefix: u8,
}

impl Network {
    pub(super) fn address(self) -> Ipv4Addr {
        self.address
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }

    fn holds(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.address) & self.mask()
    }

    /// How many machines it can hold.
    fn size(self) -> u64 {
        match self.prefix {
            32 => 1,
            31 => 2,
            // The first address means the network, the last one everybody in it.
            prefix => (1 << (32 - u64::from(prefix))) - 2,
        }
    }

    /// The addresses that machines can have.
    pub(super) fn hosts(self) -> impl Iterator<Item = Ipv4Addr> {
        let first = u32::from(self.address) & self.mask();
        let last = first | !self.mask();
        let (first, last) = if self.prefix >= 31 { (first, last) } else { (first + 1, last - 1) };
        (first..=last).map(Ipv4Addr::from)
    }

    /// Whether somebody may look into it from a machine in the networks `own`: it is private, or
    /// one of those, and not too large.
    pub(super) fn check(self, own: &[Self]) -> Result<(), String> {
        let inside = |other: &Self| other.prefix <= self.prefix && other.holds(self.address);
        let near = self.address.is_private()
            || self.address.is_loopback()
            || self.address.is_link_local()
            || own.iter().any(inside);
        if !near {
            return Err(format!(
                "{self} is neither a private network nor one that this machine is in; only the \
                 neighbourhood is looked at"
            ));
        }
        if self.size() > MOST_HOSTS as u64 {
            return Err(format!(
                "{self} has more than {MOST_HOSTS} addresses; name a part of it, like {}/24",
                self.address
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = Ipv4Addr::from(u32::from(self.address) & self.mask());
        write!(f, "{first}/{}", self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown: String = text.chars().take(40).collect();
        let wrong = || format!("`{shown}` is no IPv4 network; write one like 192.168.1.0/24");
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32);
        match (address.parse(), prefix) {
            (Ok(address), Some(prefix)) => Ok(Self { address, prefix }),
            _ => Err(wrong()),
        }
    }
}

/// The networks that this machine is in, with its own address in each.
pub(super) fn own() -> Vec<Network> {
    // Where the system does not tell, there is nothing to look at.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let networks = interfaces.into_iter().filter_map(|interface| match interface.addr {
        IfAddr::V4(v4) if !v4.ip.is_loopback() => {
            Some(Network { address: v4.ip, prefix: v4.prefixlen })
        }
        _ => None,
    });
    networks.collect()
}

/// What is looked at of the networks `own`; what is not, goes into `notes`.
pub(super) fn to_scan(own: &[Network], notes: &mut Vec<String>) -> Vec<Network> {
    let mut left = MOST_HOSTS as u64;
    let mut out: Vec<Network> = Vec::new();
    for network in own {
        let mut part = *network;
        if !part.address.is_private() {
            notes.push(format!("{network} is no private network and was not looked at"));
            continue;
        }
        if part.size() > MOST_HOSTS as u64 {
            part.prefix = NEIGHBOURHOOD;
            notes.push(format!("{network} is large: only {part} was looked at"));
        }
        if out.iter().any(|other| other.prefix <= part.prefix && other.holds(part.address)) {
            continue;
        }
        if part.size() > left {
            notes.push(format!("{part} was not looked at: that were too many addresses"));
            continue;
        }
        left -= part.size();
        out.push(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_read_and_hold_their_machines() {
        let hosts = |text| network(text).hosts().map(|host| host.to_string()).collect::<Vec<_>>();
        assert_eq!(hosts("192.0.2.9/30"), ["192.0.2.9", "192.0.2.10"]);
        assert_eq!(hosts("192.0.2.9/31"), ["192.0.2.8", "192.0.2.9"]);
        assert_eq!(hosts("192.0.2.9"), ["192.0.2.9"]);
        assert_eq!(network("192.0.2.9/24").to_string(), "192.0.2.0/24");
        for wrong in ["", "a/24", "1.2.3.4/33", "1.2.3.4/", "::1/128", "1.2.3.4/24/7"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_neighbourhood_is_looked_at() {
        let own = [network("203.0.113.7/24")];
        for near in ["192.168.1.0/24", "10.1.2.3/22", "127.0.0.1", "203.0.113.0/25"] {
            assert_eq!(network(near).check(&own), Ok(()), "{near}");
        }
        for far in ["198.51.100.0/24", "10.0.0.0/8", "0.0.0.0/0", "203.0.113.0/21"] {
            assert!(network(far).check(&own).is_err(), "{far}");
        }
    }

    #[test]
    fn large_networks_are_cut_and_that_is_told() {
        let mut notes = Vec::new();
        let own = ["172.17.3.1/16", "192.168.1.5/24", "172.17.3.9/24", "203.0.113.7/24"];
        let scanned = to_scan(&own.map(network), &mut notes);
        let scanned: Vec<_> = scanned.iter().map(ToString::to_string).collect();
        assert_eq!(scanned, ["172.17.3.0/24", "192.168.1.0/24"]);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    proptest! {
        #[test]
        fn never_more_than_the_bound(own in prop::collection::vec((any::<u32>(), 0u8..=32), 0..40)) {
            let own: Vec<Network> = own
                .into_iter()
                .map(|(address, prefix)| Network { address: Ipv4Addr::from(address), prefix })
                .collect();
            let scanned = to_scan(&own, &mut Vec::new());
            let hosts: usize = scanned.iter().map(|network| network.hosts().count()).sum();
            prop_assert!(hosts <= MOST_HOSTS);
        }
    }
}
