//! Who may watch: what a request shows, and what it is told otherwise.

use crate::outputs::http::{self, Problem, Request, problem};
use crate::outputs::signed_url::{self, Refusal};
use crate::outputs::viewer::Way;
use crate::outputs::websocket;

pub(crate) const NOT_FOUND: Problem = problem(
    404,
    "Not Found",
    "No such live session: ask for a new one and use its URLs.",
);
const FORBIDDEN: Problem = problem(403, "Forbidden", "The URL is not signed by this server.");
const EXPIRED: Problem = problem(403, "Forbidden", "The URL has expired: ask for a new one.");
pub(crate) const REVOKED: Problem = problem(
    403,
    "Forbidden",
    "The right to this stream has been withdrawn.",
);
const NOT_ALLOWED: Problem = problem(405, "Method Not Allowed", "Only GET is answered here.");
const NO_UPGRADE: Problem = problem(
    426,
    "Upgrade Required",
    "This URL is for WebSocket; add .mp4 for HTTP.",
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
    pub(crate) tag: &'a str,
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
    let (session_id, way) = match name.strip_suffix(".mp4") {
        Some(session_id) => (session_id, Way::Http),
        None => (name, Way::WebSocket),
    };
    match signed_url::check(key, &request.path, &request.query, now_unix_s) {
        Ok(tag) => Ok(Ticket {
            session_id,
            way,
            tag,
        }),
        Err(Refusal::Expired) => Err(EXPIRED),
        Err(Refusal::BadSignature) => Err(FORBIDDEN),
    }
}

impl Ticket<'_> {
    /// The head of the answer.
    pub(crate) fn head(&self, request: &Request) -> Result<Vec<u8>, Problem> {
        match (self.way, &request.websocket_key) {
            (Way::Http, _) => Ok(http::STREAM_HEAD.as_bytes().to_vec()),
            (Way::WebSocket, Some(key)) => Ok(websocket::handshake_response(key)),
            (Way::WebSocket, None) => Err(NO_UPGRADE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let signature = include_str!("signed_url_vector.txt").trim();
        let query = format!("tag=viewer-1&exp=1700000000&sig={signature}");
        let good = request("GET", "/live/ab", &query);
        let ticket = check(b"key", &good, 0).unwrap();
        let expected = Ticket {
            session_id: "ab",
            way: Way::WebSocket,
            tag: "viewer-1",
        };
        assert_eq!(ticket, expected);
        assert_eq!(ticket.head(&good).unwrap_err().status, 426);
        assert_eq!(check(b"key", &good, 1_700_000_000), Err(EXPIRED));
    }

    #[test]
    fn everything_else_is_told_what_is_wrong() {
        for (method, path, status) in [
            ("POST", "/live/ab", 405),
            ("GET", "/", 404),
            ("GET", "/live/ab.mp4", 403),
        ] {
            let refused = check(b"key", &request(method, path, ""), 0).unwrap_err();
            assert_eq!(refused.status, status);
        }
    }
}
