//! The Authorization header.
//!
//! Source: RFC 7616 section 3.4, RFC 7617.

/// Parameters that are looked at.
const MAX_PARAMETERS: usize = 32;

/// `Digest` with its parameters; what is missing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digest {
    /// Who.
    pub username: String,
    /// As challenged.
    pub realm: String,
    /// As challenged.
    pub nonce: String,
    /// What was asked for.
    pub uri: String,
    /// Hexadecimal.
    pub response: String,
    /// Empty means MD5.
    pub algorithm: String,
    /// Empty for the form of RFC 2069.
    pub qop: String,
    /// Nonce count, with `qop`.
    pub nc: String,
    /// The client's nonce, with `qop`.
    pub cnonce: String,
}

/// Reads a `Digest` header; anything else is `None`.
#[must_use]
pub fn parse_digest(header: &str) -> Option<Digest> {
    let (scheme, mut rest) = header.trim().split_once(char::is_whitespace)?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut digest = Digest::default();
    for _ in 0..MAX_PARAMETERS {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((name, after)) = rest.split_once('=') else {
            break;
        };
        let (value, after) = parse_value(after.trim_start())?;
        rest = after;
        let field = match name.trim().to_ascii_lowercase().as_str() {
            "username" => &mut digest.username,
            "realm" => &mut digest.realm,
            "nonce" => &mut digest.nonce,
            "uri" => &mut digest.uri,
            "response" => &mut digest.response,
            "algorithm" => &mut digest.algorithm,
            "qop" => &mut digest.qop,
            "nc" => &mut digest.nc,
            "cnonce" => &mut digest.cnonce,
            _ => continue,
        };
        *field = value;
    }
    Some(digest)
}

/// A quoted string or a token, and what follows it.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_values_are_read() {
        let digest = parse_digest(
            r#"Digest username="a\"b", realm="r, s", nonce="n" ,uri="rtsp://h/x?a=b",response="0f",algorithm=MD5, qop=auth, nc=00000001, cnonce="c", opaque="o""#,
        )
        .unwrap();
        assert_eq!(
            (digest.username.as_str(), digest.realm.as_str()),
            ("a\"b", "r, s")
        );
        assert_eq!(
            (digest.uri.as_str(), digest.response.as_str()),
            ("rtsp://h/x?a=b", "0f")
        );
        assert_eq!(
            (digest.algorithm.as_str(), digest.nc.as_str()),
            ("MD5", "00000001")
        );
    }

    #[test]
    fn other_schemes_and_open_quotes_are_not() {
        for bad in ["Basic YTpi", "Digest", "", "Digest username=\"a"] {
            assert_eq!(parse_digest(bad), None, "{bad}");
        }
    }
}
