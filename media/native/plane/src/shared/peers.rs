//! Which sessions of shared ports wait for a device whose address is known, and what came from there instead.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::directory::Way;

/// Addresses of one device: of its answer and of its signalling.
const ADDRESSES: usize = 4;

#[derive(Debug)]
struct Waiting {
    way: Way,
    opened_at_us: u64,
    addresses: Vec<(IpAddr, Option<u16>)>,
    /// Its own media comes: nothing else is taken for it.
    has_media: bool,
    foreign: u64,
}

/// The table, by key of the session.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<u64, Waiting>);

impl Peers {
    pub(crate) fn open(&mut self, key: u64, way: Way, now_us: u64) {
        let waiting = Waiting {
            way,
            opened_at_us: now_us,
            addresses: Vec::new(),
            has_media: false,
            foreign: 0,
        };
        self.0.insert(key, waiting);
    }

    /// The device is, or may be, at this address.
    pub(crate) fn expect(&mut self, key: u64, ip: IpAddr, port: Option<u16>) {
        if let Some(waiting) = self.0.get_mut(&key) {
            if waiting.addresses.len() < ADDRESSES && !waiting.addresses.contains(&(ip, port)) {
                waiting.addresses.push((ip, port));
            }
        }
    }

    /// While its own media comes, nothing else is taken for it.
    pub(crate) fn has_media(&mut self, key: u64, has_media: bool) {
        if let Some(waiting) = self.0.get_mut(&key) {
            waiting.has_media = has_media;
        }
    }

    pub(crate) fn close(&mut self, key: u64) {
        self.0.remove(&key);
    }

    /// Packets from the device's address with an SSRC that was not agreed.
    pub(crate) fn foreign(&self, key: u64) -> u64 {
        self.0.get(&key).map_or(0, |waiting| waiting.foreign)
    }

    /// The one session that packets of an unclaimed SSRC can be meant for: it waits for this very address and port,
    /// or for this address alone, and was open before the SSRC was first seen. Two such sessions are none.
    pub(crate) fn meant(
        &mut self,
        source: SocketAddr,
        way: Way,
        count: u64,
        first_at_us: Option<u64>,
    ) -> Option<u64> {
        let (mut exact, mut host) = (Candidates::default(), Candidates::default());
        for (&key, waiting) in &mut self.0 {
            let knows = |(ip, _): &(IpAddr, Option<u16>)| *ip == source.ip();
            if waiting.way != way || waiting.has_media || !waiting.addresses.iter().any(knows) {
                continue;
            }
            waiting.foreign += count;
            if first_at_us.is_none_or(|first| first < waiting.opened_at_us) {
                continue;
            }
            host.add(key);
            if waiting
                .addresses
                .contains(&(source.ip(), Some(source.port())))
            {
                exact.add(key);
            }
        }
        exact.only().or_else(|| host.only())
    }
}

#[derive(Default)]
struct Candidates {
    key: Option<u64>,
    count: usize,
}

impl Candidates {
    fn add(&mut self, key: u64) {
        self.key = Some(key);
        self.count += 1;
    }

    fn only(&self) -> Option<u64> {
        self.key.filter(|_| self.count == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn the_only_session_that_waits_for_an_address_is_meant() {
        let mut peers = Peers::default();
        peers.open(1, Way::Udp, 100);
        assert_eq!(peers.meant(at(5), Way::Udp, 1, Some(200)), None);
        peers.expect(1, at(5).ip(), Some(6_000));
        assert_eq!(peers.meant(at(5), Way::Udp, 1, Some(200)), Some(1));
        assert_eq!(peers.meant(at(5), Way::Tcp, 1, Some(200)), None);
        assert_eq!(peers.foreign(1), 1);
        peers.has_media(1, true);
        assert_eq!(peers.meant(at(5), Way::Udp, 1, Some(200)), None);
        peers.has_media(1, false);
        assert_eq!(peers.meant(at(5), Way::Udp, 1, Some(200)), Some(1));
    }

    #[test]
    fn of_two_channels_of_a_recorder_the_announced_port_decides_or_nothing_does() {
        let mut peers = Peers::default();
        for (key, port) in [(1, 6_000), (2, 6_002)] {
            peers.open(key, Way::Udp, 100);
            peers.expect(key, at(0).ip(), Some(port));
        }
        assert_eq!(peers.meant(at(6_002), Way::Udp, 1, Some(200)), Some(2));
        assert_eq!(peers.meant(at(7_000), Way::Udp, 1, Some(200)), None);
        peers.close(1);
        assert_eq!(peers.meant(at(7_000), Way::Udp, 1, Some(200)), Some(2));
    }

    /// Field lesson 7: an old sender that is still sending is no answer to a new invite.
    #[test]
    fn what_was_heard_before_the_session_was_opened_is_not_meant_for_it() {
        let mut peers = Peers::default();
        peers.open(1, Way::Udp, 100);
        peers.expect(1, at(5).ip(), None);
        assert_eq!(peers.meant(at(5), Way::Udp, 1, Some(99)), None);
        assert_eq!(peers.meant(at(5), Way::Udp, 1, None), None);
        assert_eq!(peers.foreign(1), 2);
    }
}
