//! The connections of the output thread, by a number that is never given twice.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::outputs::connection::Connection;

/// Connections by id: the place in the lower half, the count of its tenants in the upper. An event or a request that
/// is late finds nobody, and not the next tenant.
#[derive(Default)]
pub(crate) struct Connections {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Connections without a good URL so far, by address.
    strangers: HashMap<IpAddr, usize>,
    open: usize,
}

#[derive(Default)]
struct Place {
    tenants: u32,
    connection: Option<Box<Connection>>,
}

impl Connections {
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// How many of an address have not shown a good URL yet.
    pub(crate) fn strangers(&self, source: IpAddr) -> usize {
        self.strangers.get(&source).copied().unwrap_or(0)
    }

    pub(crate) fn insert(&mut self, connection: Connection) -> u64 {
        if !connection.is_proven {
            *self.strangers.entry(connection.source).or_default() += 1;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() as u32 - 1
        });
        self.open += 1;
        let place = &mut self.places[index as usize];
        place.tenants = place.tenants.wrapping_add(1) & 0x7FFF_FFFF;
        place.connection = Some(Box::new(connection));
        u64::from(place.tenants) << 32 | u64::from(index)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Connection> {
        let place = self.places.get_mut(id as u32 as usize)?;
        if u64::from(place.tenants) != id >> 32 {
            return None;
        }
        place.connection.as_deref_mut()
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Connection> {
        self.prove(id);
        let place = self.places.get_mut(id as u32 as usize)?;
        if u64::from(place.tenants) != id >> 32 {
            return None;
        }
        let connection = place.connection.take()?;
        self.free.push(id as u32);
        self.open -= 1;
        Some(*connection)
    }

    /// It has shown a good URL, or leaves.
    pub(crate) fn prove(&mut self, id: u64) {
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut connection.is_proven, true) {
            return;
        }
        let source = connection.source;
        if let Some(count) = self.strangers.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.strangers.remove(&source);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Connection)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let id = u64::from(place.tenants) << 32 | index as u64;
            Some((id, place.connection.as_deref()?))
        })
    }

    /// The connection that has been waited for the longest without a good URL.
    pub(crate) fn oldest_stranger(&self) -> Option<u64> {
        let strangers = self.iter().filter(|(_, connection)| !connection.is_proven);
        strangers
            .min_by_key(|(_, connection)| connection.deadline_us)
            .map(|(id, _)| id)
    }
}
