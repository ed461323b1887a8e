//! One peer that sends us a stream: its tracks, its reports, and what they become.

use std::net::SocketAddr;

use tongshi_wire::fed::Fed;
use tongshi_wire::ingest::IngestConfig;
use tongshi_wire::rtsp::Pushed;
use tongshi_wire::rtsp::sdp::AnnouncedTrack;

use super::ways::TrackWay;
use crate::config::PlaneConfig;
use crate::feed::{Fate, PublishPort};
use crate::rtcp::{self, Reception, SenderReport};

/// Time between receiver reports.
const REPORT_US: u64 = 5_000_000;
/// Bytes of a receive report's name for us, over all publishers: it only stands in reports.
const OWN_SSRC: u32 = 0x746F_6E67;

struct Track {
    control: String,
    way: Option<TrackWay>,
    reception: Reception,
    report: Option<SenderReport>,
}

/// A publisher, from its announcement on.
pub(crate) struct Publisher {
    /// The RTSP session's name.
    pub(crate) name: String,
    /// What the owner of the plane was asked, and the session it named.
    pub(crate) token: u64,
    pub(crate) session_id: String,
    announced: Vec<AnnouncedTrack>,
    tracks: Vec<Track>,
    pushed: Option<Pushed>,
    /// The way into the session, between RECORD and the end.
    pub(crate) port: Option<PublishPort>,
    frames: Vec<Fed>,
    report_at_us: u64,
}

impl Publisher {
    pub(crate) fn new(
        name: String,
        (token, session_id): (u64, String),
        announced: Vec<AnnouncedTrack>,
    ) -> Publisher {
        let tracks = announced.iter().map(|track| Track {
            control: track.control.clone(),
            way: None,
            reception: Reception::default(),
            report: None,
        });
        Publisher {
            name,
            token,
            session_id,
            tracks: tracks.collect(),
            announced,
            pushed: None,
            port: None,
            frames: Vec::new(),
            report_at_us: 0,
        }
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.port.is_some()
    }

    /// The track that a SETUP names: its URI ends with the control attribute, or is it.
    pub(crate) fn track_of(&self, uri: &str) -> Option<usize> {
        let uri = uri.trim_end_matches('/');
        let named = |track: &Track| {
            let control = track.control.trim_matches('/');
            !control.is_empty() && (uri == control || uri.ends_with(&format!("/{control}")))
        };
        let found = self.tracks.iter().position(named);
        // Some have one track and no name for it.
        found.or((self.tracks.len() == 1).then_some(0))
    }

    pub(crate) fn set_up(&mut self, track: usize, way: TrackWay) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.way = Some(way);
        }
    }

    pub(crate) fn ways(&self) -> impl Iterator<Item = (usize, TrackWay)> {
        let tracks = self.tracks.iter().enumerate();
        tracks.filter_map(|(index, track)| Some((index, track.way?)))
    }

    /// Packets are taken from now on.
    pub(crate) fn record(&mut self, port: PublishPort, config: &PlaneConfig, now_us: u64) {
        let ordered = self.ways().any(|(_, way)| way.is_tcp());
        self.pushed = Some(Pushed::new(
            &self.announced,
            IngestConfig {
                reorder_packets: config.reorder_packets,
                reorder_us: config.reorder_us,
                ordered,
                ..IngestConfig::default()
            },
        ));
        self.port = Some(port);
        self.report_at_us = now_us + REPORT_US;
    }

    /// A frame of the connection.
    pub(crate) fn receive_frame(&mut self, channel: u8, data: &[u8], now_us: u64) {
        let found = self.ways().find_map(|(track, way)| match way {
            TrackWay::Tcp { rtp, .. } if rtp == channel => Some((track, false)),
            TrackWay::Tcp { rtcp, .. } if rtcp == channel => Some((track, true)),
            _ => None,
        });
        if let Some((track, is_rtcp)) = found {
            self.receive(track, is_rtcp, data, now_us);
        }
    }

    /// A datagram of one of its ports.
    pub(crate) fn receive_datagram(
        &mut self,
        source: SocketAddr,
        is_rtcp: bool,
        packet: &[u8],
        now_us: u64,
    ) {
        let found = self.ways().find(|(_, way)| {
            matches!(way, TrackWay::Udp { rtp, rtcp } if source == if is_rtcp { *rtcp } else { *rtp })
        });
        if let Some((track, _)) = found {
            self.receive(track, is_rtcp, packet, now_us);
        }
    }

    fn receive(&mut self, index: usize, is_rtcp: bool, packet: &[u8], now_us: u64) {
        let (Some(pushed), Some(track)) = (&mut self.pushed, self.tracks.get_mut(index)) else {
            return;
        };
        if is_rtcp {
            pushed.receive_control(index, packet);
            if let Some(ssrc) = pushed.ssrc(index) {
                let report = rtcp::parse_sender_report(packet, ssrc, now_us);
                track.report = report.or(track.report);
            }
        } else if pushed.receive(index, packet, now_us, &mut self.frames) {
            if let Some(&[_, _, s0, s1, t0, t1, t2, t3]) = packet.first_chunk::<8>() {
                let stamp = u32::from_be_bytes([t0, t1, t2, t3]);
                let sequence = u16::from_be_bytes([s0, s1]);
                track.reception.receive(sequence, stamp, now_us);
            }
        }
    }

    /// Gives up packets that are missing for too long.
    pub(crate) fn handle_timer(&mut self, now_us: u64) {
        if let Some(pushed) = &mut self.pushed {
            pushed.handle_timer(now_us, &mut self.frames);
        }
    }

    /// Hands frames to the session.
    pub(crate) fn hand_on(&mut self, now_us: u64) -> Fate {
        match &self.port {
            Some(port) if !self.frames.is_empty() => {
                port.feed(std::mem::take(&mut self.frames), now_us)
            }
            _ => Fate::Taken,
        }
    }

    /// The last frames, and the way into the session, which somebody else may take then.
    pub(crate) fn finish(&mut self, now_us: u64) -> Option<PublishPort> {
        if let Some(pushed) = &mut self.pushed {
            pushed.flush(&mut self.frames);
        }
        self.hand_on(now_us);
        self.pushed = None;
        self.port.take()
    }

    /// The reports that are due: what goes where.
    pub(crate) fn reports(&mut self, now_us: u64) -> Vec<(TrackWay, Vec<u8>)> {
        let Some(pushed) = &self.pushed else {
            return Vec::new();
        };
        if now_us < self.report_at_us {
            return Vec::new();
        }
        self.report_at_us = now_us + REPORT_US;
        let mut out = Vec::new();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            if let (Some(way), Some(ssrc)) = (track.way, pushed.ssrc(index)) {
                let (reception, report) = (&mut track.reception, track.report);
                let packet = rtcp::receiver_report(OWN_SSRC, ssrc, reception, report, now_us);
                out.push((way, packet));
            }
        }
        out
    }
}
