//! Ranges of addresses: of the setting `trusted_proxies`.

use std::{net::IpAddr, str::FromStr};

use crate::socket::Address;

/// A range of addresses. It is read from an address (`::1`), an address with the number of its
/// bits that count (`10.0.0.0/8`), or the word `unix`.
#[derive(Clone, Copy, Debug)]
pub enum Network {
    /// Addresses that share their first bits.
    Ip(IpAddr, u8),
    /// Whoever can reach a Unix socket.
    Unix,
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "unix" {
            return Ok(Network::Unix);
        }
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = if bits.is_empty() {
            all
        } else {
            bits.parse().map_err(|_| ())?
        };
        if bits <= all {
            Ok(Network::Ip(address, bits))
        } else {
            Err(())
        }
    }
}

impl Network {
    /// Whether `peer` is in it. An IPv4 address that came as IPv6 (`::ffff:…`) counts as IPv4.
    pub fn contains(&self, peer: Address) -> bool {
        match (self, peer) {
            (Network::Unix, Address::Unix) => true,
            (Network::Ip(network, bits), Address::Ip(peer)) => {
                same_prefix(*network, peer.ip(), *bits)
            }
            _ => false,
        }
    }
}

fn same_prefix(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let (a, b, width) = match (a, b.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let differ: u128 = a ^ b;
    bits == 0 || differ >> (width - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str) -> Address {
        Address::Ip((ip.parse::<IpAddr>().unwrap(), 1).into())
    }

    #[test]
    fn a_network_has_those_that_share_its_first_bits() {
        let cases = [
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("127.0.0.0/8", "::1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "2001:db8::1", true),
            ("unix", "127.0.0.1", false),
        ];
        for (network, ip, expected) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(at(ip)), expected, "{network:?}, {ip}");
        }
        assert!(Network::Unix.contains(Address::Unix));
        assert!(!"::/0".parse::<Network>().unwrap().contains(Address::Unix));
    }

    #[test]
    fn what_is_no_network_is_not_read() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0/8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
