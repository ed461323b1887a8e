//! The Transport header.
//!
//! Source: RFC 2326 section 12.39.

/// Alternatives of one header that are looked at.
const MAX_ALTERNATIVES: usize = 16;

/// How packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lower {
    /// Interleaved with the messages.
    Tcp,
    /// Datagrams.
    Udp,
}

/// One alternative that a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// How packets go.
    pub lower: Lower,
    /// To a group of addresses instead of the client's own.
    pub multicast: bool,
    /// Channels of RTP and RTCP.
    pub interleaved: Option<(u8, u8)>,
    /// The client's ports for RTP and RTCP.
    pub client_port: Option<(u16, u16)>,
    /// The client sends.
    pub record: bool,
}

/// Reads all alternatives with a profile that is known, in their order.
#[must_use]
pub fn parse(header: &str) -> Vec<Offer> {
    let alternatives = header.split(',').take(MAX_ALTERNATIVES);
    alternatives.filter_map(parse_one).collect()
}

fn parse_one(text: &str) -> Option<Offer> {
    let mut parts = text.split(';').map(str::trim);
    let profile = parts.next()?.to_ascii_uppercase();
    let lower = match profile.as_str() {
        "RTP/AVP" | "RTP/AVP/UDP" => Lower::Udp,
        "RTP/AVP/TCP" => Lower::Tcp,
        _ => return None,
    };
    let mut offer = Offer {
        lower,
        multicast: false,
        interleaved: None,
        client_port: None,
        record: false,
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "multicast" => offer.multicast = true,
            "interleaved" => offer.interleaved = Some(parse_pair(value)?),
            "client_port" => offer.client_port = Some(parse_pair(value)?),
            "mode" => {
                let mode = value.trim().trim_matches('"').to_ascii_lowercase();
                offer.record = matches!(mode.as_str(), "record" | "receive");
            }
            _ => {}
        }
    }
    Some(offer)
}

/// `4-5`, or `4` alone for 4 and 5.
fn parse_pair<T>(text: &str) -> Option<(T, T)>
where
    T: std::str::FromStr + TryFrom<u32> + Copy + Into<u32>,
{
    let (first, second) = match text.trim().split_once('-') {
        Some((first, second)) => (
            first.trim().parse::<T>().ok()?,
            Some(second.trim().parse::<T>().ok()?),
        ),
        None => (text.trim().parse::<T>().ok()?, None),
    };
    let after = match second {
        Some(second) => second,
        None => T::try_from(first.into() + 1).ok()?,
    };
    Some((first, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_clients_are_read() {
        let offers = parse("RTP/AVP/TCP;unicast;interleaved=2-3, RTP/AVP;unicast;client_port=5000");
        assert_eq!(offers.len(), 2);
        assert_eq!(
            (offers[0].lower, offers[0].interleaved, offers[0].record),
            (Lower::Tcp, Some((2, 3)), false)
        );
        assert_eq!(
            (offers[1].lower, offers[1].client_port),
            (Lower::Udp, Some((5_000, 5_001)))
        );
        let push = parse("RTP/AVP/UDP;unicast;client_port=7000-7001;mode=\"RECORD\"");
        assert!(push[0].record);
        assert!(parse("RTP/AVP;multicast;port=5000-5001")[0].multicast);
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        for bad in [
            "",
            "RTP/SAVP;unicast",
            "RTP/AVP/TCP;interleaved=300-301",
            "RTP/AVP;client_port=x",
            "RTP/AVP;client_port=65535",
        ] {
            assert_eq!(parse(bad), [], "{bad}");
        }
        assert_eq!(parse(&"RTP/AVP,".repeat(100)).len(), MAX_ALTERNATIVES);
    }
}
