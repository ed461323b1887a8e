//! Requests and responses.

use crate::error::WireError;

/// Most header lines, folded ones counted as one.
pub const MAX_HEADERS: usize = 64;
/// Longest method name.
const MAX_METHOD_BYTES: usize = 32;

/// Header lines in order. Names are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value of the first line with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.iter();
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Adds a line. Control characters of the value become spaces, so that it stays one line.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        let mut value = value.into();
        if value.contains(|c: char| c.is_control()) {
            value = value.replace(|c: char| c.is_control(), " ");
        }
        self.0.push((name.to_owned(), value));
    }

    /// How many lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !body.is_empty() {
            out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
    }
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As written: methods are told by case (RFC 2326 section 4.2).
    pub method: String,
    /// The request URI, or `*`.
    pub uri: String,
    /// `RTSP/1.0` and the like, or the HTTP version of somebody who took the wrong port.
    pub version: String,
    /// Without the length of the body.
    pub headers: Headers,
    /// Bytes after the head.
    pub body: Vec<u8>,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Its words.
    pub reason: String,
    /// Without the length of the body.
    pub headers: Headers,
    /// Bytes after the head.
    pub body: Vec<u8>,
}

impl Request {
    /// The number that its answer repeats (RFC 2326 section 12.17), at most 20 digits.
    #[must_use]
    pub fn cseq(&self) -> Option<&str> {
        let value = self.headers.get("CSeq")?.trim();
        let good = !value.is_empty() && value.len() <= 20;
        (good && value.bytes().all(|byte| byte.is_ascii_digit())).then_some(value)
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = format!("{} {} {}\r\n", self.method, self.uri, self.version).into_bytes();
        self.headers.write(&self.body, &mut out);
        out
    }
}

impl Response {
    /// An answer without header lines.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            reason: reason(status).to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = format!("RTSP/1.0 {} {}\r\n", self.status, self.reason).into_bytes();
        self.headers.write(&self.body, &mut out);
        out
    }
}

/// The words of a status, RFC 2326 section 7.1.1.
#[must_use]
pub const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        457 => "Invalid Range",
        459 => "Aggregate Operation Not Allowed",
        461 => "Unsupported Transport",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Gateway Time-out",
        505 => "RTSP Version Not Supported",
        551 => "Option not supported",
        _ => "Error",
    }
}

/// The first line of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    Request {
        method: String,
        uri: String,
        version: String,
    },
    Response {
        status: u16,
        reason: String,
    },
}

/// Reads the first line.
pub(super) fn parse_start(line: &str) -> Result<Start, WireError> {
    let wrong = || WireError::invalid("RTSP start line", 0, line.len() as u64);
    if line.starts_with("RTSP/") {
        let mut words = line.splitn(3, ' ');
        let status = words.nth(1).and_then(|word| word.parse().ok());
        let status = status
            .filter(|status| (100..600).contains(status))
            .ok_or_else(wrong)?;
        return Ok(Start::Response {
            status,
            reason: words.next().unwrap_or_default().to_owned(),
        });
    }
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(uri), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong());
    };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_method = method.len() <= MAX_METHOD_BYTES && method.bytes().all(token);
    if !is_method || !(version.starts_with("RTSP/") || version.starts_with("HTTP/")) {
        return Err(wrong());
    }
    Ok(Start::Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        version: version.to_owned(),
    })
}

/// Reads the header lines, folded ones joined (RFC 2326 section 4 takes them from HTTP/1.1).
pub(super) fn parse_headers<'a>(
    lines: impl Iterator<Item = &'a str>,
) -> Result<Headers, WireError> {
    let mut headers = Headers::default();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = headers
                .0
                .last_mut()
                .ok_or_else(|| WireError::invalid("RTSP folded line without a header", 0, 0))?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        if headers.len() >= MAX_HEADERS {
            return Err(WireError::too_large(
                "RTSP header lines",
                0,
                MAX_HEADERS + 1,
                MAX_HEADERS,
            ));
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| WireError::invalid("RTSP header line", 0, line.len() as u64))?;
        if name.trim().is_empty() {
            return Err(WireError::invalid("RTSP header name", 0, 0));
        }
        headers.add(name.trim(), value.trim());
    }
    Ok(headers)
}
