//! Which way a track goes.
//!
//! Source: RFC 2326 sections 10.4 and 12.39.

use std::net::SocketAddr;
use std::sync::Arc;

use tongshi_wire::rtsp::transport::{self, Lower, Offer};
use tongshi_wire::rtsp::uri::Target;
use tongshi_wire::rtsp::{Request, Response};

use super::numbered::TRACKS;
use super::reader::Reader;
use super::requests::{Answer, refused};
use super::ways::TrackWay;
use crate::session::SessionShared;

/// SETUP of a reader.
pub(super) fn set_up_track(
    reader: &mut Reader,
    session: &Arc<SessionShared>,
    target: &Target,
    request: &Request,
    (peer, server_port): (SocketAddr, Option<u16>),
    ssrcs: [u32; TRACKS],
) -> Answer {
    if reader.is_playing() || !Arc::ptr_eq(&reader.session, session) {
        return refused(455);
    }
    let described: Vec<usize> = Reader::described_tracks(reader.described()).collect();
    let track = match (target.track, described.as_slice()) {
        (Some(track), _) => track,
        (None, &[only]) => only,
        // The whole stream cannot be set up at once (RFC 2326 section 11.3.9).
        (None, _) => return refused(459),
    };
    if !described.contains(&track) {
        return refused(404);
    }
    let offers = transport::parse(request.headers.get("Transport").unwrap_or_default());
    let others: Vec<TrackWay> = reader
        .ways()
        .filter(|&(other, _)| other != track)
        .map(|(_, way)| way)
        .collect();
    let chosen = offers
        .iter()
        .filter(|offer| !offer.record)
        .find_map(|offer| way_of(&others, track, offer, peer, server_port));
    let Some(way) = chosen else {
        return refused(461);
    };
    let ssrc = ssrcs[track.min(TRACKS - 1)];
    reader.set_up(track, way, ssrc);
    let mut response = Response::new(200);
    let transport = format!("{};ssrc={ssrc:08X}", describe(way, server_port));
    response.headers.add("Transport", transport);
    Ok(response)
}

/// The way as the Transport header says it.
pub(super) fn describe(way: TrackWay, server_port: Option<u16>) -> String {
    match way {
        TrackWay::Tcp { rtp, rtcp } => format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"),
        TrackWay::Udp { rtp, rtcp } => {
            let port = server_port.unwrap_or(0);
            format!(
                "RTP/AVP;unicast;client_port={}-{};server_port={port}-{}",
                rtp.port(),
                rtcp.port(),
                port.saturating_add(1)
            )
        }
    }
}

/// The way that an offer gives a track, if it can be taken. Packets go to where the connection comes from and to
/// no other host (RFC 2326 section 16, denial of service).
pub(super) fn way_of(
    others: &[TrackWay],
    track: usize,
    offer: &Offer,
    peer: SocketAddr,
    server_port: Option<u16>,
) -> Option<TrackWay> {
    if offer.multicast {
        return None;
    }
    let way = match offer.lower {
        Lower::Tcp => {
            let own = (track as u8).saturating_mul(2);
            let (rtp, rtcp) = offer.interleaved.unwrap_or((own, own.saturating_add(1)));
            let is_taken = others.iter().any(|other| {
                matches!(other, TrackWay::Tcp { rtp: a, rtcp: b } if [a, b].iter().any(|x| [&rtp, &rtcp].contains(x)))
            });
            (!is_taken && rtp != rtcp).then_some(TrackWay::Tcp { rtp, rtcp })
        }
        Lower::Udp => {
            server_port?;
            let (rtp, rtcp) = offer.client_port?;
            let address = |port| SocketAddr::new(peer.ip(), port);
            (rtp != 0 && rtcp != 0).then_some(TrackWay::Udp {
                rtp: address(rtp),
                rtcp: address(rtcp),
            })
        }
    }?;
    let mixed = others.iter().any(|other| other.is_tcp() != way.is_tcp());
    (!mixed).then_some(way)
}
