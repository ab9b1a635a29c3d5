//! Address ranges, of the setting `trusted_proxies`.

use std::{net::IpAddr, str::FromStr};

use penstock::socket::Address;

/// An address range whose members are trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Network {
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
    /// Whether a client at `peer` is one of them.
    pub(crate) fn contains(&self, peer: Address) -> bool {
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
