//! How many connections each host holds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// Counts connections by host and refuses those above a limit.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    held: Mutex<HashMap<IpAddr, usize>>,
    limit: usize,
}

/// One connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    sources: Arc<Sources>,
    ip: IpAddr,
}

impl Sources {
    /// `limit`: connections of one host; 0 = any number.
    pub(crate) fn new(limit: usize) -> Arc<Sources> {
        Arc::new(Sources {
            held: Mutex::default(),
            limit,
        })
    }

    /// A place for a connection of this host, if it has one left.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let mut held = lock(&self.held);
        let count = held.entry(ip).or_default();
        if self.limit > 0 && *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Place {
            sources: Arc::clone(self),
            ip,
        })
    }

    /// Hosts with the most connections first, at most `rows` of them.
    pub(crate) fn rows(&self, rows: usize) -> Vec<(IpAddr, usize)> {
        let mut all: Vec<(IpAddr, usize)> = lock(&self.held)
            .iter()
            .map(|(&ip, &count)| (ip, count))
            .collect();
        all.sort_by_key(|&(ip, count)| (std::cmp::Reverse(count), ip));
        all.truncate(rows);
        all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.sources.held);
        if let Some(count) = held.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_places_and_gets_them_back() {
        let sources = Sources::new(2);
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let places: Vec<Place> = (0..3).filter_map(|_| sources.admit(one)).collect();
        let elsewhere = sources.admit(other);
        assert_eq!((places.len(), elsewhere.is_some()), (2, true));
        assert_eq!(sources.rows(8), [(one, 2), (other, 1)]);
        assert_eq!(sources.rows(1), [(one, 2)]);
        drop(places);
        assert!(sources.admit(one).is_some());
        assert_eq!(sources.rows(8), [(other, 1)]);
    }
}
