//! How packets go to a reader.

use std::net::SocketAddr;

/// The way of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrackWay {
    /// Between the messages: channels of RTP and RTCP.
    Tcp { rtp: u8, rtcp: u8 },
    /// Datagrams: the reader's ports for RTP and RTCP.
    Udp { rtp: SocketAddr, rtcp: SocketAddr },
}

impl TrackWay {
    pub(crate) fn is_tcp(self) -> bool {
        matches!(self, TrackWay::Tcp { .. })
    }

    /// Where datagrams of this track come from.
    pub(crate) fn addresses(self) -> impl Iterator<Item = SocketAddr> {
        let both = match self {
            TrackWay::Udp { rtp, rtcp } => [Some(rtp), Some(rtcp)],
            TrackWay::Tcp { .. } => [None, None],
        };
        both.into_iter().flatten()
    }

    /// As the statistics call it.
    pub(crate) fn name(self) -> &'static str {
        if self.is_tcp() {
            "rtsp_tcp"
        } else {
            "rtsp_udp"
        }
    }
}
