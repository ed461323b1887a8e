//! Who may watch over RTSP: by the signed URL, or by the one user with a password, if there is one.

use hmac::digest::Digest as _;
use md5::Md5;
use tongshi_wire::rtsp::uri::Target;
use tongshi_wire::rtsp::{Request, Response, auth};

use crate::config::RtspConfig;
use crate::outputs::signed_url::{self, PLAY, Pass};

const REALM: &str = "Tongshi";
/// The tag of everybody who came with user and password.
const DIGEST_TAG: &str = "digest";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// With this status.
    Status(u16),
    /// 401: user and password are asked for.
    Challenge,
}

/// The session that a path names.
pub(crate) fn session_id(path: &str) -> Option<&str> {
    path.strip_prefix("/live/")
        .filter(|id| !id.is_empty() && !id.contains('/'))
}

/// Checks the right to watch `target`. `nonce` is the one that this connection was given.
pub(crate) fn check(
    config: &RtspConfig,
    key: &[u8],
    request: &Request,
    target: &Target,
    nonce: &str,
    now_unix_s: i64,
) -> Result<Pass, Refusal> {
    if session_id(&target.path).is_none() {
        return Err(Refusal::Status(404));
    }
    if config.user.is_empty() || target.query.split('&').any(|part| part.starts_with("sig=")) {
        return signed_url::check(key, &target.path, &target.query, now_unix_s)
            .map_err(|_| Refusal::Status(403));
    }
    if answers(config, request, nonce) {
        Ok(pass_of(config))
    } else {
        Err(Refusal::Challenge)
    }
}

fn pass_of(config: &RtspConfig) -> Pass {
    Pass {
        user: config.user.clone(),
        channel: String::new(),
        rights: PLAY.to_owned(),
        tag: DIGEST_TAG.to_owned(),
        expires_unix_s: i64::MAX,
        ends_unix_s: None,
    }
}

/// The answer that asks for user and password (RFC 7616 section 3.3). MD5 and no `qop`: what every player knows.
pub(crate) fn challenge(nonce: &str) -> Response {
    let mut response = Response::new(401);
    let value = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5");
    response.headers.add("WWW-Authenticate", value);
    response
}

/// RFC 7616 section 3.4.1, and the older form without `qop` (RFC 2069).
fn answers(config: &RtspConfig, request: &Request, nonce: &str) -> bool {
    let header = request.headers.get("Authorization").unwrap_or_default();
    let Some(given) = auth::parse_digest(header) else {
        return false;
    };
    let is_md5 = given.algorithm.is_empty() || given.algorithm.eq_ignore_ascii_case("md5");
    if given.nonce != nonce || given.realm != REALM || !is_md5 {
        return false;
    }
    let secret = hex_md5(&[&config.user, REALM, &config.password]);
    let asked = hex_md5(&[&request.method, &given.uri]);
    let expected = if given.qop.is_empty() {
        hex_md5(&[&secret, nonce, &asked])
    } else {
        hex_md5(&[&secret, nonce, &given.nc, &given.cnonce, &given.qop, &asked])
    };
    // The user is compared with the rest: both are in the hash.
    given.username == config.user && same(&expected, &given.response.to_ascii_lowercase())
}

fn hex_md5(parts: &[&str]) -> String {
    let mut hash = Md5::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    let bytes = hash.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the same time wherever they differ.
fn same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use tongshi_wire::rtsp::{Headers, uri};

    use super::*;

    fn config(user: &str) -> RtspConfig {
        RtspConfig {
            user: user.into(),
            password: "Circle Of Life".into(),
            ..RtspConfig::default()
        }
    }

    fn request(uri: &str, authorization: &str) -> Request {
        let mut headers = Headers::default();
        headers.add("Authorization", authorization);
        Request {
            method: "DESCRIBE".into(),
            uri: uri.into(),
            version: "RTSP/1.0".into(),
            headers,
            body: Vec::new(),
        }
    }

    fn outcome(config: &RtspConfig, request: &Request) -> Result<String, Refusal> {
        let target = uri::parse(&request.uri).unwrap();
        check(config, b"key", request, &target, "abc", 0).map(|pass| pass.user)
    }

    // printf 'Mufasa:Tongshi:Circle Of Life' | md5sum, and so on by hand.
    const GOOD: &str = include_str!("digest_vector.txt");

    #[test]
    fn a_digest_made_elsewhere_opens_and_any_other_is_challenged() {
        let uri = "rtsp://h/live/ab";
        let header = |user: &str, response: &str| {
            format!(
                "Digest username=\"{user}\", realm=\"Tongshi\", nonce=\"abc\", uri=\"{uri}\", response=\"{response}\""
            )
        };
        let good = GOOD.trim();
        let config = config("Mufasa");
        assert_eq!(
            outcome(&config, &request(uri, &header("Mufasa", good))),
            Ok("Mufasa".into())
        );
        for bad in [
            header("Scar", good),
            header("Mufasa", &good.replace('a', "b")),
            header("Mufasa", ""),
            header("Mufasa", good).replace("abc", "abd"),
            "Basic TXVmYXNhOng=".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                outcome(&config, &request(uri, &bad)),
                Err(Refusal::Challenge),
                "{bad}"
            );
        }
    }

    #[test]
    fn without_a_user_only_a_signature_opens() {
        for (uri, user, status) in [
            ("rtsp://h/live/ab", "", 403),
            ("rtsp://h/live/ab?sig=x", "Mufasa", 403),
            ("rtsp://h/other", "", 404),
            ("rtsp://h/live/", "", 404),
            ("rtsp://h/live/a/b", "", 404),
        ] {
            assert_eq!(
                outcome(&config(user), &request(uri, "")),
                Err(Refusal::Status(status)),
                "{uri}"
            );
        }
    }
}
