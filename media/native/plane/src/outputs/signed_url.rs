//! Signed, expiring URLs: `?tag=..&exp=<unix s>&sig=<base64url of HMAC-SHA256>`.
//!
//! Signed are the path, the tag and the expiry, joined by line feeds, which none of them can hold.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Longest tag.
const MAX_TAG: usize = 128;

/// Why a URL opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A part is missing, doubled or malformed, or the signature is not ours.
    BadSignature,
    /// It was good once.
    Expired,
}

/// Checks path and query; returns the tag. The comparison takes the same time for all signatures.
pub fn check<'a>(
    key: &[u8],
    path: &str,
    query: &'a str,
    now_unix_s: i64,
) -> Result<&'a str, Refusal> {
    let [tag, expiry, signature] = ["tag", "exp", "sig"].map(|name| parameter(query, name));
    let (Some(tag), Some(expiry), Some(signature)) = (tag, expiry, signature) else {
        return Err(Refusal::BadSignature);
    };
    if tag.is_empty() || tag.len() > MAX_TAG {
        return Err(Refusal::BadSignature);
    }
    let given = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| Refusal::BadSignature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Refusal::BadSignature)?;
    for part in [path, "\n", tag, "\n", expiry] {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(&given)
        .map_err(|_| Refusal::BadSignature)?;
    match expiry.parse::<i64>() {
        Ok(expiry) if now_unix_s < expiry => Ok(tag),
        Ok(_) => Err(Refusal::Expired),
        Err(_) => Err(Refusal::BadSignature),
    }
}

/// The value of a parameter that stands exactly once.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"key";
    // printf '/live/ab\nviewer-1\n1700000000' | openssl dgst -sha256 -hmac key -binary | basenc --base64url
    const SIGNATURE: &str = include_str!("signed_url_vector.txt");

    fn query(tag: &str, expiry: &str) -> String {
        format!("tag={tag}&exp={expiry}&sig={}", SIGNATURE.trim())
    }

    #[test]
    fn a_signature_made_elsewhere_is_accepted_until_it_expires() {
        let query = query("viewer-1", "1700000000");
        assert_eq!(
            check(KEY, "/live/ab", &query, 1_699_999_999),
            Ok("viewer-1")
        );
        assert_eq!(
            check(KEY, "/live/ab", &query, 1_700_000_000),
            Err(Refusal::Expired)
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
}
