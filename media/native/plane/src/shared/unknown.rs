//! What arrives on shared ports and belongs to no session: counted, reported once, never kept.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::directory::Way;

/// Rows of the table. What does not fit is counted alone.
const ROWS: usize = 256;
/// A row that was silent for so long makes room.
const STALE_US: u64 = 10_000_000;

/// One SSRC that nobody claims, from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSsrc {
    /// As received.
    pub ssrc: u32,
    /// Who sends it. Of a connection, the newest one.
    pub source: SocketAddr,
    /// How it comes.
    pub way: Way,
    /// Datagrams, or connections.
    pub count: u64,
    /// When the first one came.
    pub first_at_us: u64,
    /// When the newest one came.
    pub last_at_us: u64,
}

/// What is known of an unclaimed packet after it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// When this SSRC was first seen from this host; unknown when the table is full.
    pub(crate) first_at_us: Option<u64>,
    /// Worth a report.
    pub(crate) is_new: bool,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct UnknownTable {
    rows: HashMap<(u32, std::net::IpAddr, Way), UnknownSsrc>,
    /// All of them, also those without a row.
    pub(crate) total: u64,
}

impl UnknownTable {
    pub(crate) fn see(
        &mut self,
        ssrc: u32,
        source: SocketAddr,
        way: Way,
        count: u64,
        now_us: u64,
    ) -> Sighting {
        self.total += count;
        let key = (ssrc, source.ip(), way);
        if let Some(row) = self.rows.get_mut(&key) {
            if now_us.saturating_sub(row.last_at_us) >= STALE_US {
                row.first_at_us = now_us;
            }
            row.count += count;
            row.source = source;
            row.last_at_us = now_us;
            return Sighting {
                first_at_us: Some(row.first_at_us),
                is_new: false,
            };
        }
        if self.rows.len() >= ROWS && !self.make_room(now_us) {
            return Sighting {
                first_at_us: None,
                is_new: false,
            };
        }
        let row = UnknownSsrc {
            ssrc,
            source,
            way,
            count,
            first_at_us: now_us,
            last_at_us: now_us,
        };
        self.rows.insert(key, row);
        Sighting {
            first_at_us: Some(now_us),
            is_new: true,
        }
    }

    fn make_room(&mut self, now_us: u64) -> bool {
        self.rows
            .retain(|_, row| now_us.saturating_sub(row.last_at_us) < STALE_US);
        self.rows.len() < ROWS
    }

    /// The rows, the newest first.
    pub(crate) fn rows(&self) -> Vec<UnknownSsrc> {
        let mut rows: Vec<UnknownSsrc> = self.rows.values().copied().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.last_at_us));
        rows
    }

    pub(crate) fn forget(&mut self, ssrc: u32) {
        self.rows.retain(|_, row| row.ssrc != ssrc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn source(number: u32) -> SocketAddr {
        SocketAddr::from((std::net::Ipv4Addr::from(0x0A00_0000 + number), 5_000))
    }

    #[test]
    fn a_row_is_reported_once_and_counts_on() {
        let mut table = UnknownTable::default();
        let first = table.see(7, source(1), Way::Udp, 1, SECOND);
        assert!(first.is_new);
        let again = table.see(7, source(1), Way::Udp, 3, 2 * SECOND);
        assert_eq!(
            again,
            Sighting {
                first_at_us: Some(SECOND),
                is_new: false
            }
        );
        assert!(table.see(7, source(2), Way::Udp, 1, SECOND).is_new);
        assert!(table.see(7, source(1), Way::Tcp, 1, SECOND).is_new);
        assert_eq!((table.total, table.rows().len()), (6, 3));
        assert_eq!(table.rows()[0].count, 4);
    }

    #[test]
    fn a_flood_is_counted_and_takes_no_more_memory() {
        let mut table = UnknownTable::default();
        for number in 0..100_000 {
            table.see(number, source(number), Way::Udp, 1, SECOND);
        }
        assert_eq!((table.total, table.rows().len()), (100_000, ROWS));
        assert_eq!(
            table
                .see(1, source(9_999_999), Way::Udp, 1, SECOND)
                .first_at_us,
            None
        );
        assert!(
            table
                .see(1, source(9_999_999), Way::Udp, 1, SECOND + STALE_US)
                .is_new
        );
        assert_eq!(table.rows().len(), 1);
    }

    #[test]
    fn what_comes_back_after_silence_is_seen_for_the_first_time() {
        let mut table = UnknownTable::default();
        table.see(7, source(1), Way::Udp, 1, SECOND);
        let later = table.see(7, source(1), Way::Udp, 1, SECOND + STALE_US);
        assert_eq!(later.first_at_us, Some(SECOND + STALE_US));
    }
}
