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
const NOT_ALLOWED: Problem = problem(405, "Method Not Allowed", "Only GET is answered here.");
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

/// What a good request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) way: Way,
    pub(crate) pass: Pass,
}

/// Reads the path and checks the signature. Who has none learns nothing about sessions.
pub(crate) fn check<'a>(
    key: &[u8],
    request: &'a Request,
    now_unix_s: i64,
) -> Result<Ticket<'a>, Problem> {
    if request.method != "GET" {
        return Err(NOT_ALLOWED);
    }
    let name = request.path.strip_prefix("/live/").ok_or(NOT_FOUND)?;
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
        way: Way { carrier, format },
        pass,
    })
}

fn problem_of(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Expired => EXPIRED,
        Refusal::BadSignature => FORBIDDEN,
        Refusal::NoRight => NO_RIGHT,
    }
}

impl Ticket<'_> {
    /// The head of the answer.
    pub(crate) fn head(&self, request: &Request) -> Vec<u8> {
        match &request.websocket_key {
            Some(key) => websocket::handshake_response(key),
            None => http::stream_head(self.way.format),
        }
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
        }
    }

    #[test]
    fn a_signed_request_names_its_session_and_way() {
        let mut good = request("GET", "/live/ab", &query("viewer-1", "1700000000"));
        assert_eq!(check(KEY, &good, 0), Err(NO_UPGRADE));
        good.websocket_key = Some("key".into());
        let ticket = check(KEY, &good, 0).unwrap();
        assert_eq!((ticket.session_id, ticket.way.name()), ("ab", "fmp4_ws"));
        assert_eq!(ticket.pass.tag, "viewer-1");
        assert!(ticket.head(&good).starts_with(b"HTTP/1.1 101 "));
        assert_eq!(check(KEY, &good, 1_700_000_000), Err(EXPIRED));
    }

    #[test]
    fn everything_else_is_told_what_is_wrong() {
        for (method, path, status) in [
            ("POST", "/live/ab", 405),
            ("GET", "/", 404),
            ("GET", "/live/ab.mp4", 403),
            ("GET", "/live/ab.flv", 403),
            ("GET", "/live/ab.avi", 404),
        ] {
            let refused = check(KEY, &request(method, path, ""), 0).unwrap_err();
            assert_eq!(refused.status, status);
        }
    }
}
