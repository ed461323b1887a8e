//! Who may watch: what a request shows, and what it is told otherwise.

use crate::outputs::format::{Carrier, Format, Way};
use crate::outputs::http::{self, Problem, Request, problem};
use crate::outputs::signed_url::{self, Pass, Refusal};
use crate::outputs::websocket;

pub(crate) const NOT_FOUND: Problem = problem(
    404,
    "Not Found",
    "No such live session: ask for a new one and use its URLs.",
);
const FORBIDDEN: Problem = problem(403, "Forbidden", "The URL is not signed by this server.");
const EXPIRED: Problem = problem(403, "Forbidden", "The URL has expired: ask for a new one.");
const NO_RIGHT: Problem = problem(
    403,
    "Forbidden",
    "The URL is signed for something else than watching.",
);
pub(crate) const REVOKED: Problem = problem(
    403,
    "Forbidden",
    "The right to this stream has been withdrawn.",
);
const NOT_ALLOWED: Problem = problem(
    405,
    "Method Not Allowed",
    "Only GET and HEAD are answered here.",
);
const NO_UPGRADE: Problem = problem(
    426,
    "Upgrade Required",
    "This URL is for WebSocket; add .mp4 or .flv for HTTP.",
);
pub(crate) const CROWDED: Problem = problem(
    503,
    "Service Unavailable",
    "All places for viewers are taken.",
);

pub(crate) const GONE: Problem = problem(
    404,
    "Not Found",
    "This piece of the stream is not kept any more, or never was.",
);
pub(crate) const TOO_FAR: Problem = problem(
    400,
    "Bad Request",
    "The playlist that is asked for lies too far ahead.",
);
pub(crate) const NO_MEDIA: Problem = problem(
    503,
    "Service Unavailable",
    "No picture has come in time: try again.",
);
pub(crate) const NOT_TLS: Problem = problem(
    400,
    "Bad Request",
    "This port speaks TLS: use https or wss.",
);

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A stream without an end.
    Live(Way),
    /// A file of HLS.
    Hls(&'a str),
}

/// What a good request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) target: Target<'a>,
    pub(crate) pass: Pass,
}

/// Reads the path and checks the signature. Who has none learns nothing about sessions.
///
/// `is_known` says whether the bearer of this query has asked for HLS files a moment ago: it may go on after the
/// URL has expired, as an open connection may.
pub(crate) fn check<'a>(
    key: &[u8],
    request: &'a Request,
    now_unix_s: i64,
    is_known: impl FnOnce(&Pass) -> bool,
) -> Result<Ticket<'a>, Problem> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Err(NOT_ALLOWED);
    }
    let name = request.path.strip_prefix("/live/").ok_or(NOT_FOUND)?;
    if let Some((session_id, file)) = name.split_once('/') {
        let folder = &request.path[..request.path.len() - file.len()];
        let pass = match signed_url::check(key, folder, &request.query, now_unix_s) {
            Err(Refusal::Expired) => known(key, folder, &request.query, now_unix_s, is_known),
            other => other,
        };
        return Ok(Ticket {
            session_id,
            target: Target::Hls(file),
            pass: pass.map_err(problem_of)?,
        });
    }
    let (session_id, format) = match name.rsplit_once('.') {
        Some((session_id, "mp4")) => (session_id, Format::Fmp4),
        Some((session_id, "flv")) => (session_id, Format::Flv),
        Some(_) => return Err(NOT_FOUND),
        None => (name, Format::Fmp4),
    };
    let pass =
        signed_url::check(key, &request.path, &request.query, now_unix_s).map_err(problem_of)?;
    let carrier = match &request.websocket_key {
        Some(_) => Carrier::WebSocket,
        None if name == session_id => return Err(NO_UPGRADE),
        None => Carrier::Http,
    };
    Ok(Ticket {
        session_id,
        target: Target::Live(Way { carrier, format }),
        pass,
    })
}

/// The bearer of an expired pass, if it was here in time.
fn known(
    key: &[u8],
    folder: &str,
    query: &str,
    now_unix_s: i64,
    is_known: impl FnOnce(&Pass) -> bool,
) -> Result<Pass, Refusal> {
    signed_url::verify(key, folder, query)
        .filter(|pass| !pass.is_over(now_unix_s) && is_known(pass))
        .ok_or(Refusal::Expired)
}

fn problem_of(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Expired => EXPIRED,
        Refusal::BadSignature => FORBIDDEN,
        Refusal::NoRight => NO_RIGHT,
    }
}

/// The head of the answer to a viewer of an endless stream.
pub(crate) fn live_head(way: Way, request: &Request) -> Vec<u8> {
    match &request.websocket_key {
        Some(key) => websocket::handshake_response(key),
        None => http::stream_head(way.format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::signed_url::tests::{KEY, query};

    fn request(method: &str, path: &str, query: &str) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            websocket_key: None,
            keep_alive: true,
        }
    }

    #[test]
    fn a_signed_request_names_its_session_and_way() {
        let mut good = request("GET", "/live/ab", &query("viewer-1", "1700000000"));
        let never = |_: &Pass| false;
        assert_eq!(check(KEY, &good, 0, never), Err(NO_UPGRADE));
        good.websocket_key = Some("key".into());
        let ticket = check(KEY, &good, 0, never).unwrap();
        let Target::Live(way) = ticket.target else {
            panic!("a stream")
        };
        assert_eq!((ticket.session_id, way.name()), ("ab", "fmp4_ws"));
        assert_eq!(ticket.pass.tag, "viewer-1");
        assert!(live_head(way, &good).starts_with(b"HTTP/1.1 101 "));
        assert_eq!(check(KEY, &good, 1_700_000_000, never), Err(EXPIRED));
    }

    #[test]
    fn everything_else_is_told_what_is_wrong() {
        for (method, path, status) in [
            ("POST", "/live/ab", 405),
            ("GET", "/", 404),
            ("GET", "/live/ab.mp4", 403),
            ("GET", "/live/ab.flv", 403),
            ("GET", "/live/ab.avi", 404),
            ("GET", "/live/ab/index.m3u8", 403),
        ] {
            let refused = check(KEY, &request(method, path, ""), 0, |_| true).unwrap_err();
            assert_eq!(refused.status, status);
        }
    }
}
