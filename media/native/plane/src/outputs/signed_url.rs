//! Signed, expiring URLs: `?user=..&ch=..&rights=..&tag=..&exp=<unix s>&end=<unix s>&sig=<base64url>`.
//!
//! Signed with HMAC-SHA256 are the path and the values as they stand in the query (percent-encoded), joined by
//! line feeds, which none of them can hold. Every parameter stands exactly once; `end` and all others may be empty,
//! except `tag` and `exp`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Longest value of one parameter, as it stands in the query.
const MAX_VALUE: usize = 512;
/// Longest tag.
const MAX_TAG: usize = 128;
/// What is signed, in this order, after the path.
const SIGNED: [&str; 6] = ["user", "ch", "rights", "tag", "exp", "end"];

/// The right to watch, which every way out asks for.
pub const PLAY: &str = "play";

/// Why a URL opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A part is missing, doubled or malformed, or the signature is not ours.
    BadSignature,
    /// It was good once.
    Expired,
    /// The signature is ours, and it gives another right.
    NoRight,
}

/// What a good signature says about its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Who asked for the URL; empty when nobody was named.
    pub user: String,
    /// What the bearer calls the stream.
    pub channel: String,
    /// Words joined by points.
    pub rights: String,
    /// Names the grant, for revoking it.
    pub tag: String,
    /// Until when it opens connections, seconds since 1970.
    pub expires_unix_s: i64,
    /// When an open connection ends; none = it may stay.
    pub ends_unix_s: Option<i64>,
}

impl Pass {
    /// Whether the bearer may do what `right` names.
    pub fn allows(&self, right: &str) -> bool {
        self.rights.split('.').any(|held| held == right)
    }

    /// An open connection has to end.
    pub fn is_over(&self, now_unix_s: i64) -> bool {
        self.ends_unix_s.is_some_and(|end| end <= now_unix_s)
    }
}

/// Who is cut off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// The bearers of one grant.
    Tag(String),
    /// One user, by whatever grant.
    User(String),
}

impl Cut {
    /// The bearer of the pass is meant.
    pub fn hits(&self, pass: &Pass) -> bool {
        match self {
            Cut::Tag(tag) => *tag == pass.tag,
            Cut::User(user) => *user == pass.user,
        }
    }
}

/// Checks path and query for the right to watch. The comparison takes the same time for all signatures.
pub fn check(key: &[u8], path: &str, query: &str, now_unix_s: i64) -> Result<Pass, Refusal> {
    check_right(PLAY, key, path, query, now_unix_s)
}

/// Checks path and query for any right.
pub fn check_right(
    right: &str,
    key: &[u8],
    path: &str,
    query: &str,
    now_unix_s: i64,
) -> Result<Pass, Refusal> {
    let pass = verify(key, path, query).ok_or(Refusal::BadSignature)?;
    if now_unix_s >= pass.expires_unix_s || pass.is_over(now_unix_s) {
        Err(Refusal::Expired)
    } else if !pass.allows(right) {
        Err(Refusal::NoRight)
    } else {
        Ok(pass)
    }
}

/// What the signature says, whatever the time: for connections that were opened in time.
pub fn verify(key: &[u8], path: &str, query: &str) -> Option<Pass> {
    let signature = URL_SAFE_NO_PAD.decode(parameter(query, "sig")?).ok()?;
    let mut values = [""; SIGNED.len()];
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(path.as_bytes());
    for (value, name) in values.iter_mut().zip(SIGNED) {
        *value = parameter(query, name)?;
        mac.update(b"\n");
        mac.update(value.as_bytes());
    }
    mac.verify_slice(&signature).ok()?;
    let [user, channel, rights, tag, expiry, end] = values;
    let good_tag = !tag.is_empty() && tag.len() <= MAX_TAG;
    if !good_tag || values.iter().any(|value| value.len() > MAX_VALUE) {
        return None;
    }
    Some(Pass {
        user: decode(user)?,
        channel: decode(channel)?,
        rights: rights.to_owned(),
        tag: tag.to_owned(),
        expires_unix_s: expiry.parse().ok()?,
        ends_unix_s: if end.is_empty() {
            None
        } else {
            Some(end.parse().ok()?)
        },
    })
}

/// The value of a parameter that stands exactly once.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// RFC 3986 section 2.1. A `+` is a plus: no form wrote this.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let &[high, low] = digits else { return None };
        bytes.push((digit(high)? * 16 + digit(low)?) as u8);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const KEY: &[u8] = b"key";
    // printf '/live/ab\n%%E7%%8E%%8B\n340\nplay\nviewer-1\n1700000000\n1700000600' |
    //   openssl dgst -sha256 -hmac key -binary | basenc --base64url | tr -d =
    const SIGNATURE: &str = include_str!("signed_url_vector.txt");

    pub(crate) fn query(tag: &str, expiry: &str) -> String {
        format!(
            "user=%E7%8E%8B&ch=340&rights=play&tag={tag}&exp={expiry}&end=1700000600&sig={}",
            SIGNATURE.trim()
        )
    }

    #[test]
    fn a_signature_made_elsewhere_is_accepted_until_it_expires() {
        let query = query("viewer-1", "1700000000");
        let pass = check(KEY, "/live/ab", &query, 1_699_999_999).unwrap();
        assert_eq!((pass.user.as_str(), pass.channel.as_str()), ("王", "340"));
        assert_eq!(
            (pass.tag.as_str(), pass.rights.as_str()),
            ("viewer-1", "play")
        );
        assert_eq!(pass.ends_unix_s, Some(1_700_000_600));
        assert!(!pass.is_over(1_700_000_599) && pass.is_over(1_700_000_600));
        assert_eq!(
            check(KEY, "/live/ab", &query, 1_700_000_000),
            Err(Refusal::Expired)
        );
        assert!(verify(KEY, "/live/ab", &query).is_some());
    }

    #[test]
    fn another_right_is_another_refusal() {
        let query = query("viewer-1", "1700000000");
        assert_eq!(
            check_right("publish", KEY, "/live/ab", &query, 0),
            Err(Refusal::NoRight)
        );
    }

    #[test]
    fn any_changed_part_is_refused() {
        let good = query("viewer-1", "1700000000");
        assert_eq!(
            check(b"other", "/live/ab", &good, 0),
            Err(Refusal::BadSignature)
        );
        assert_eq!(check(KEY, "/live/ac", &good, 0), Err(Refusal::BadSignature));
        for bad in [
            query("viewer-2", "1700000000"),
            query("viewer-1", "1700000001"),
            format!("{good}&exp=1800000000"),
            good.replace("user=", "user=x"),
            good.replace("ch=340", "ch=341"),
            good.replace("rights=play", "rights=play.talk"),
            good.replace("end=1700000600", "end="),
            good.replace("&end=1700000600", ""),
            good.replace("sig=", "sig=A"),
            "tag=viewer-1&exp=1700000000".to_owned(),
            "tag=viewer-1&exp=1700000000&sig=".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                check(KEY, "/live/ab", &bad, 0),
                Err(Refusal::BadSignature),
                "{bad}"
            );
        }
    }

    #[test]
    fn values_are_decoded_and_bad_ones_are_nothing() {
        assert_eq!(decode("a%20b+c").as_deref(), Some("a b+c"));
        for bad in ["%", "%1", "%zz", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cut_hits_a_grant_or_a_user() {
        let pass = verify(KEY, "/live/ab", &query("viewer-1", "1700000000")).unwrap();
        assert!(Cut::Tag("viewer-1".into()).hits(&pass));
        assert!(Cut::User("王".into()).hits(&pass));
        assert!(!Cut::User("viewer-1".into()).hits(&pass));
    }
}
