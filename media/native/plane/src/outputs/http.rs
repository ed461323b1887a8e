//! The little of HTTP/1.1 that viewers need: one GET for each connection.
//!
//! Source: RFC 9112 sections 3 and 5, RFC 9110, RFC 9457 for problems.

use crate::outputs::format::Format;

/// Longest request head, with the empty line at its end.
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
    /// The client may ask again on the same connection.
    pub keep_alive: bool,
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

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";
const NO_BODY: Problem = problem(
    400,
    "Bad Request",
    "A request with a body is not answered here.",
);

/// Reads the first request head in `bytes`, and how many bytes it took. `Ok(None)` = not whole yet.
///
/// A request with a body is refused, whatever its method: two readers that disagree about where it ends would
/// see different requests after it (RFC 9112 section 11.2).
pub fn parse_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, Problem> {
    // However the bytes come in, the same heads are too long.
    let searched = &bytes[..bytes.len().min(MAX_HEAD_BYTES)];
    let Some(end) = searched.windows(END.len()).position(|window| window == END) else {
        return if bytes.len() >= MAX_HEAD_BYTES {
            Err(TOO_LARGE)
        } else {
            Ok(None)
        };
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| BAD_REQUEST)?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD_REQUEST);
    };
    let is_clean = text
        .bytes()
        .all(|byte| byte >= b' ' || matches!(byte, b'\r' | b'\n' | b'\t'));
    if !is_clean || !target.starts_with('/') || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(BAD_REQUEST);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = Headers::read(lines)?;
    let request = Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        keep_alive: version == "HTTP/1.1" && !headers.close,
        websocket_key: headers.websocket_key()?,
    };
    Ok(Some((request, end + END.len())))
}

/// What the header lines say, as far as it matters here.
#[derive(Default)]
struct Headers {
    close: bool,
    hosts: usize,
    upgrade: bool,
    version: bool,
    key: Option<String>,
}

impl Headers {
    fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Headers, Problem> {
        let mut headers = Headers::default();
        for (index, line) in lines.enumerate() {
            if index >= MAX_HEADERS {
                return Err(TOO_LARGE);
            }
            headers.take(line)?;
        }
        if headers.hosts > 1 {
            return Err(BAD_REQUEST);
        }
        Ok(headers)
    }

    fn take(&mut self, line: &str) -> Result<(), Problem> {
        let (name, value) = line.split_once(':').ok_or(BAD_REQUEST)?;
        // Neither a folded line nor a space before the colon (RFC 9112 section 5.1 and 5.2), nor a bare CR or LF.
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n']) {
            return Err(BAD_REQUEST);
        }
        let value = value.trim();
        let has = |wanted: &str| {
            value
                .split(',')
                .any(|word| word.trim().eq_ignore_ascii_case(wanted))
        };
        match name.to_ascii_lowercase().as_str() {
            "host" => self.hosts += 1,
            "connection" => self.close |= has("close"),
            "upgrade" => self.upgrade |= has("websocket"),
            "sec-websocket-version" => self.version = value == "13",
            "sec-websocket-key" => self.key = Some(value.to_owned()),
            "content-length" if value == "0" => {}
            "content-length" | "transfer-encoding" => return Err(NO_BODY),
            _ => {}
        }
        Ok(())
    }

    /// RFC 6455 section 4.2.1.
    fn websocket_key(self) -> Result<Option<String>, Problem> {
        match (self.upgrade, self.version, self.key) {
            (false, _, _) => Ok(None),
            (true, true, Some(key)) if key.len() == 24 => Ok(Some(key)),
            _ => Err(problem(
                426,
                "Upgrade Required",
                "WebSocket version 13 with a key of 16 bytes is spoken here.",
            )),
        }
    }
}

/// The answer to a question of a browser whether it may ask (CORS).
pub const PREFLIGHT: &str = "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\
     Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\nAccess-Control-Allow-Headers: *\r\n\
     Access-Control-Max-Age: 86400\r\nAllow: GET, HEAD, OPTIONS\r\n";

/// The last line of a head.
pub const fn connection_line(keep_alive: bool) -> &'static str {
    if keep_alive {
        "Connection: keep-alive\r\n\r\n"
    } else {
        "Connection: close\r\n\r\n"
    }
}

/// The head of a whole answer of `length` bytes.
pub fn file_head(media_type: &str, caching: &str, length: usize, keep_alive: bool) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Access-Control-Allow-Origin: *\r\nCache-Control: {caching}\r\n{}",
        connection_line(keep_alive)
    )
    .into_bytes()
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
        405 => "Allow: GET, HEAD, OPTIONS\r\n",
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
        Format::Flv | Format::Rtmp => "video/x-flv",
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
        let (request, taken) = parse_request(GET.as_bytes()).unwrap().unwrap();
        assert_eq!(taken, GET.len());
        assert!(request.keep_alive);
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
        let (good, _) = parse_request(head("13", "dGhlIHNhbXBsZSBub25jZQ==").as_bytes())
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
        for (length, fits) in [(MAX_HEAD_BYTES, true), (MAX_HEAD_BYTES + 1, false)] {
            let mut head = b"GET / HTTP/1.1\r\nA: ".to_vec();
            head.resize(length - END.len(), b'a');
            head.extend_from_slice(END);
            assert_eq!(parse_request(&head).is_ok(), fits, "whole, {length} bytes");
        }
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
    fn a_second_request_waits_its_turn() {
        let two =
            format!("{GET}HEAD /live/cd/index.m3u8 HTTP/1.1\r\nConnection: Close\r\n\r\nrest");
        let (_, taken) = parse_request(two.as_bytes()).unwrap().unwrap();
        let (second, rest) = parse_request(&two.as_bytes()[taken..]).unwrap().unwrap();
        assert_eq!(second.path, "/live/cd/index.m3u8");
        assert!(!second.keep_alive);
        assert_eq!(&two.as_bytes()[taken + rest..], b"rest");
    }

    #[test]
    fn garbage_is_a_bad_request() {
        for bad in [
            "\r\n\r\n",
            "GET\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET / HTTP/1.1\r\nx\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\nHost: c\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
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
