//! The little of HTTP/1.1 that viewers need: one GET for each connection.
//!
//! Source: RFC 9112 sections 3 and 5, RFC 9110, RFC 9457 for problems.

use crate::outputs::format::Format;

/// Longest request head.
pub const MAX_HEAD_BYTES: usize = 8_192;
/// Most header lines.
const MAX_HEADERS: usize = 64;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// "GET" and the like.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// After the `?`, empty when there is none.
    pub query: String,
    /// The key of a WebSocket handshake, when the client wants one.
    pub websocket_key: Option<String>,
}

/// A request that gets a problem as its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Short name of the status.
    pub title: &'static str,
    /// What to do.
    pub detail: &'static str,
}

/// A problem with its texts.
pub const fn problem(status: u16, title: &'static str, detail: &'static str) -> Problem {
    Problem {
        status,
        title,
        detail,
    }
}

const BAD_REQUEST: Problem = problem(400, "Bad Request", "The request cannot be read.");
const TOO_LARGE: Problem = problem(
    431,
    "Request Header Fields Too Large",
    "The request head may have 8,192 bytes and 64 lines.",
);

/// Reads a request head. `Ok(None)` = not whole yet.
pub fn parse_request(head: &[u8]) -> Result<Option<Request>, Problem> {
    let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if head.len() >= MAX_HEAD_BYTES {
            Err(TOO_LARGE)
        } else {
            Ok(None)
        };
    };
    if end > MAX_HEAD_BYTES {
        return Err(TOO_LARGE);
    }
    let text = std::str::from_utf8(&head[..end]).map_err(|_| BAD_REQUEST)?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD_REQUEST);
    };
    if !target.starts_with('/') || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(BAD_REQUEST);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let websocket_key = websocket_key(lines)?;
    Ok(Some(Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        websocket_key,
    }))
}

/// RFC 6455 section 4.2.1.
fn websocket_key<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Option<String>, Problem> {
    let (mut upgrade, mut version, mut key) = (false, false, None);
    for (index, line) in lines.enumerate() {
        if index >= MAX_HEADERS {
            return Err(TOO_LARGE);
        }
        let (name, value) = line.split_once(':').ok_or(BAD_REQUEST)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "upgrade" => {
                upgrade = value
                    .split(',')
                    .any(|word| word.trim().eq_ignore_ascii_case("websocket"))
            }
            "sec-websocket-version" => version = value == "13",
            "sec-websocket-key" => key = Some(value.to_owned()),
            _ => {}
        }
    }
    match (upgrade, version, key) {
        (false, _, _) => Ok(None),
        (true, true, Some(key)) if key.len() == 24 => Ok(Some(key)),
        _ => Err(problem(
            426,
            "Upgrade Required",
            "WebSocket version 13 with a key of 16 bytes is spoken here.",
        )),
    }
}

/// A whole answer that closes the connection.
pub fn problem_response(problem: Problem) -> Vec<u8> {
    let Problem {
        status,
        title,
        detail,
    } = problem;
    let body = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#
    );
    let length = body.len();
    let extra = match status {
        405 => "Allow: GET\r\n",
        426 => "Upgrade: websocket\r\n",
        503 => "Retry-After: 5\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {length}\r\n\
         Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\n{extra}Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The head of an endless answer in chunks.
pub(crate) fn stream_head(format: Format) -> Vec<u8> {
    let media_type = match format {
        Format::Fmp4 => "video/mp4",
        Format::Flv => "video/x-flv",
    };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\
         Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// The chunk that ends it.
pub const LAST_CHUNK: &str = "0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET /live/ab.mp4?tag=x&exp=1 HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn a_request_may_be_cut_anywhere() {
        for cut in 0..GET.len() {
            assert_eq!(parse_request(&GET.as_bytes()[..cut]), Ok(None));
        }
        let request = parse_request(GET.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (request.path.as_str(), request.query.as_str()),
            ("/live/ab.mp4", "tag=x&exp=1")
        );
        assert_eq!(request.websocket_key, None);
    }

    #[test]
    fn a_handshake_gives_its_key_and_a_bad_one_a_problem() {
        let head = |version: &str, key: &str| {
            format!(
                "GET /live/ab HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            )
        };
        let good = parse_request(head("13", "dGhlIHNhbXBsZSBub25jZQ==").as_bytes())
            .unwrap()
            .unwrap();
        assert_eq!(
            good.websocket_key.as_deref(),
            Some("dGhlIHNhbXBsZSBub25jZQ==")
        );
        for (version, key) in [("8", "dGhlIHNhbXBsZSBub25jZQ=="), ("13", "short")] {
            assert_eq!(
                parse_request(head(version, key).as_bytes())
                    .unwrap_err()
                    .status,
                426
            );
        }
    }

    #[test]
    fn limits_hold_at_their_number_and_one_above() {
        let fits = vec![b'a'; MAX_HEAD_BYTES - 1];
        assert_eq!(parse_request(&fits), Ok(None));
        let over = vec![b'a'; MAX_HEAD_BYTES];
        assert_eq!(parse_request(&over).unwrap_err().status, 431);
        let lines = |count: usize| format!("GET / HTTP/1.1{}\r\n\r\n", "\r\nA: b".repeat(count));
        assert!(parse_request(lines(MAX_HEADERS).as_bytes()).is_ok());
        assert_eq!(
            parse_request(lines(MAX_HEADERS + 1).as_bytes())
                .unwrap_err()
                .status,
            431
        );
    }

    #[test]
    fn garbage_is_a_bad_request() {
        for bad in [
            "\r\n\r\n",
            "GET\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET / HTTP/1.1\r\nx\r\n\r\n",
        ] {
            assert_eq!(
                parse_request(bad.as_bytes()).unwrap_err().status,
                400,
                "{bad}"
            );
        }
        assert_eq!(
            parse_request(b"GET /\xFF HTTP/1.1\r\n\r\n")
                .unwrap_err()
                .status,
            400
        );
    }
}
