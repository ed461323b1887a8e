//! What one worker remembers of the directory.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::SocketAddr;

/// Where packets of an SSRC go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To this slot of the worker itself, as long as the session with this key is in it.
    Here { slot: usize, key: u64 },
    /// To another worker.
    Away(usize),
}

/// Only claimed SSRCs are keys, so nobody outside can make many of them collide.
#[derive(Default)]
pub(crate) struct SsrcHasher(u64);

impl Hasher for SsrcHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        let mixed = (self.0 ^ u64::from(value)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// Ways by SSRC; those of SSRCs that were not agreed hold for one address.
#[derive(Default)]
pub(crate) struct Routes {
    generation: u64,
    by_ssrc: HashMap<u32, Route, BuildHasherDefault<SsrcHasher>>,
    odd: HashMap<(u32, SocketAddr), Route>,
    /// The way of the packet before: the packets of a picture come in a row.
    last: Option<(u32, SocketAddr, Route)>,
}

impl Routes {
    /// Forgets everything when the directory has changed.
    pub(crate) fn renew(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.by_ssrc.clear();
            self.odd.clear();
            self.last = None;
        }
    }

    #[inline]
    pub(crate) fn get(&mut self, ssrc: u32, source: SocketAddr) -> Option<Route> {
        if let Some((last, from, route)) = self.last {
            if last == ssrc && from == source {
                return Some(route);
            }
        }
        let odd = match self.odd.is_empty() {
            true => None,
            false => self.odd.get(&(ssrc, source)),
        };
        let &route = odd.or_else(|| self.by_ssrc.get(&ssrc))?;
        self.last = Some((ssrc, source, route));
        Some(route)
    }

    pub(crate) fn remember(&mut self, ssrc: u32, route: Route) {
        self.by_ssrc.insert(ssrc, route);
    }

    pub(crate) fn remember_odd(&mut self, ssrc: u32, source: SocketAddr, route: Route) {
        self.odd.insert((ssrc, source), route);
    }
}

/// Slots that took packets in this round, each once.
#[derive(Default)]
pub(crate) struct Touched {
    slots: Vec<usize>,
    marks: Vec<bool>,
}

impl Touched {
    #[inline]
    pub(crate) fn mark(&mut self, slot: usize) {
        if slot >= self.marks.len() {
            self.marks.resize(slot + 1, false);
        }
        if !std::mem::replace(&mut self.marks[slot], true) {
            self.slots.push(slot);
        }
    }

    /// One of them, until all have been given.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let slot = self.slots.pop()?;
        self.marks[slot] = false;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Route = Route::Here { slot: 3, key: 9 };

    fn source(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_way_is_remembered_until_the_directory_changes() {
        let mut routes = Routes::default();
        routes.renew(1);
        assert_eq!(routes.get(7, source(1)), None);
        routes.remember(7, HERE);
        routes.remember(8, Route::Away(1));
        for _ in 0..2 {
            assert_eq!(routes.get(7, source(1)), Some(HERE));
            assert_eq!(routes.get(8, source(1)), Some(Route::Away(1)));
        }
        routes.renew(1);
        assert_eq!(routes.get(7, source(1)), Some(HERE));
        routes.renew(2);
        assert_eq!(routes.get(7, source(1)), None);
    }

    #[test]
    fn an_odd_way_holds_for_its_address() {
        let mut routes = Routes::default();
        routes.remember_odd(0, source(1), HERE);
        assert_eq!(routes.get(0, source(1)), Some(HERE));
        assert_eq!(routes.get(0, source(2)), None);
        routes.remember(0, Route::Away(1));
        assert_eq!(routes.get(0, source(1)), Some(HERE));
        assert_eq!(routes.get(0, source(2)), Some(Route::Away(1)));
    }

    #[test]
    fn a_slot_is_given_once_for_a_round() {
        let mut touched = Touched::default();
        for slot in [4, 1, 4, 4, 1] {
            touched.mark(slot);
        }
        let mut given: Vec<usize> = std::iter::from_fn(|| touched.pop()).collect();
        given.sort_unstable();
        assert_eq!(given, [1, 4]);
        touched.mark(4);
        assert_eq!(touched.pop(), Some(4));
    }
}
