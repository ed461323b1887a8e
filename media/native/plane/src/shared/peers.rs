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
    /// Where its media comes from, while it comes: nothing else is taken for it.
    media: Option<SocketAddr>,
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
            media: None,
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
    pub(crate) fn media_from(&mut self, key: u64, source: Option<SocketAddr>) {
        if let Some(waiting) = self.0.get_mut(&key) {
            waiting.media = source;
        }
    }

    pub(crate) fn close(&mut self, key: u64) {
        self.0.remove(&key);
    }

    /// Packets from the device's address with an SSRC that was not agreed.
    pub(crate) fn foreign(&self, key: u64) -> u64 {
        self.0.get(&key).map_or(0, |waiting| waiting.foreign)
    }

    /// Whether packets of an SSRC that one session claims come from the device of another that still waits: from
    /// its very address and port, or from its address, and the claiming session's device is known to be elsewhere.
    pub(crate) fn contradicts(&self, key: u64, source: SocketAddr, way: Way) -> bool {
        let Some(own) = self.0.get(&key) else {
            return false;
        };
        let exact = (source.ip(), Some(source.port()));
        if own.media == Some(source) || own.addresses.contains(&exact) {
            return false;
        }
        let is_elsewhere = own.media.is_none()
            && !own.addresses.is_empty()
            && own.addresses.iter().all(|(ip, _)| *ip != source.ip());
        self.0.iter().any(|(&each, waiting)| {
            each != key
                && waiting.way == way
                && waiting.media.is_none()
                && (waiting.addresses.contains(&exact)
                    || is_elsewhere && waiting.addresses.iter().any(|(ip, _)| *ip == source.ip()))
        })
    }

    /// The one session that packets of an unclaimed SSRC can be meant for: it was open before the SSRC was first
    /// seen, and waits for this very address and port, or is the only session of this host, with media or without.
    pub(crate) fn meant(
        &mut self,
        source: SocketAddr,
        way: Way,
        count: u64,
        first_at_us: Option<u64>,
    ) -> Option<u64> {
        let (mut exact, mut waits, mut sessions) = (None, None, 0usize);
        let mut exact_count = 0usize;
        for (&key, waiting) in &mut self.0 {
            let knows = |(ip, _): &(IpAddr, Option<u16>)| *ip == source.ip();
            if waiting.way != way || !waiting.addresses.iter().any(knows) {
                continue;
            }
            sessions += 1;
            if waiting.media.is_some() {
                continue;
            }
            waiting.foreign += count;
            if first_at_us.is_none_or(|first| first < waiting.opened_at_us) {
                continue;
            }
            waits = Some(key);
            let very = (source.ip(), Some(source.port()));
            if waiting.addresses.contains(&very) {
                exact = Some(key);
                exact_count += 1;
            }
        }
        exact
            .filter(|_| exact_count == 1)
            .or_else(|| waits.filter(|_| sessions == 1))
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
        peers.media_from(1, Some(at(5)));
        assert_eq!(peers.meant(at(5), Way::Udp, 1, Some(200)), None);
        peers.media_from(1, None);
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
        // The other channel has its picture: that does not make what else the recorder sends this one's.
        peers.media_from(1, Some(at(6_000)));
        assert_eq!(peers.meant(at(7_000), Way::Udp, 1, Some(200)), None);
        peers.close(1);
        assert_eq!(peers.meant(at(7_000), Way::Udp, 1, Some(200)), Some(2));
    }

    /// Field lesson 7, wrong picture: a recorder sends one channel with the SSRC that was agreed for another.
    #[test]
    fn the_device_of_another_session_contradicts_a_claim() {
        let mut peers = Peers::default();
        for key in [1, 2, 3] {
            peers.open(key, Way::Udp, 100);
        }
        assert!(!peers.contradicts(2, at(6_000), Way::Udp));
        peers.expect(1, at(0).ip(), Some(6_000));
        assert!(peers.contradicts(2, at(6_000), Way::Udp));
        assert!(!peers.contradicts(1, at(6_000), Way::Udp));
        assert!(!peers.contradicts(2, at(7_000), Way::Udp));
        peers.media_from(2, Some(at(9)));
        assert!(peers.contradicts(2, at(6_000), Way::Udp));
        assert!(!peers.contradicts(2, at(9), Way::Udp));
        peers.expect(3, SocketAddr::from(([192, 0, 2, 9], 0)).ip(), None);
        assert!(peers.contradicts(3, at(7_000), Way::Udp));
        peers.media_from(1, Some(at(5)));
        assert!(!peers.contradicts(2, at(6_000), Way::Udp));
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
