//! WebSocket frames of a server that sends much and hears little.
//!
//! Source: RFC 6455 sections 4.2.2, 5.2 and 5.5.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Longest message of a viewer; it has nothing to say.
pub const MAX_CLIENT_FRAME: usize = 4_096;

/// The bits before the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// Goodbye.
    Close = 8,
    /// The answer to a ping.
    Pong = 10,
}

/// The whole answer to a handshake.
pub fn handshake_response(key: &str) -> Vec<u8> {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

/// The head of an unmasked, whole message: the bytes and how many of them count.
pub fn frame_head(opcode: Opcode, length: usize) -> ([u8; 10], usize) {
    let mut head = [0; 10];
    head[0] = 0x80 | opcode as u8;
    let size = match length {
        0..=125 => {
            head[1] = length as u8;
            2
        }
        126..=0xFFFF => {
            head[1] = 126;
            head[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    (head, size)
}

/// A small message.
pub fn frame(opcode: Opcode, body: &[u8]) -> Vec<u8> {
    let (head, size) = frame_head(opcode, body.len());
    [&head[..size], body].concat()
}

/// The body of a close frame.
pub fn close_body(code: u16, reason: &str) -> Vec<u8> {
    let mut body = code.to_be_bytes().to_vec();
    body.extend_from_slice(reason.as_bytes());
    // A control frame holds 125 bytes; our reasons are ASCII, so any cut is UTF-8.
    body.truncate(125);
    body
}

/// What the viewer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Not a whole frame yet.
    Nothing,
    /// Anything that needs no answer; the number of bytes it took.
    Ignored(usize),
    /// To be answered with the same body.
    Ping(Vec<u8>, usize),
    /// Goodbye.
    Close,
    /// Against the rules; the code to close with.
    Wrong(u16),
}

/// Reads one frame from the start of `bytes`.
pub fn hear(bytes: &[u8]) -> Heard {
    let Some(&[first, second]) = bytes.first_chunk::<2>() else {
        return Heard::Nothing;
    };
    let opcode = first & 0x0F;
    let is_control = opcode & 8 != 0;
    // A client masks; no extension was agreed; control frames are short and whole (RFC 6455 section 5.1 to 5.5).
    if second & 0x80 == 0
        || first & 0x70 != 0
        || (is_control && (second & 0x7F > 125 || first & 0x80 == 0))
    {
        return Heard::Wrong(1002);
    }
    let (length, mask_at) = match second & 0x7F {
        126 => match bytes.get(2..4) {
            Some(size) => (usize::from(u16::from_be_bytes([size[0], size[1]])), 4),
            None => return Heard::Nothing,
        },
        127 => return Heard::Wrong(1009),
        short => (usize::from(short), 2),
    };
    if length > MAX_CLIENT_FRAME {
        return Heard::Wrong(1009);
    }
    let end = mask_at + 4 + length;
    let Some(whole) = bytes.get(..end) else {
        return Heard::Nothing;
    };
    match opcode {
        8 => Heard::Close,
        9 => {
            let (mask, body) = whole[mask_at..].split_at(4);
            let body = body
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask)
                .collect();
            Heard::Ping(body, end)
        }
        0 | 1 | 2 | 10 => Heard::Ignored(end),
        _ => Heard::Wrong(1002),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        if body.len() < 126 {
            bytes.push(0x80 | body.len() as u8);
        } else {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        }
        bytes.extend_from_slice(&[1, 2, 3, 4]);
        bytes.extend(
            body.iter()
                .zip([1u8, 2, 3, 4].iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    }

    #[test]
    fn the_handshake_is_that_of_the_rfc() {
        let text = String::from_utf8(handshake_response("dGhlIHNhbXBsZSBub25jZQ==")).unwrap();
        assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }

    #[test]
    fn lengths_have_three_forms() {
        let head = |opcode, length| {
            let (head, size) = frame_head(opcode, length);
            head[..size].to_vec()
        };
        assert_eq!(head(Opcode::Binary, 125), [0x82, 125]);
        assert_eq!(head(Opcode::Binary, 126), [0x82, 126, 0, 126]);
        assert_eq!(head(Opcode::Text, 65_535), [0x81, 126, 255, 255]);
        assert_eq!(
            head(Opcode::Binary, 65_536),
            [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn a_ping_is_read_wherever_it_is_cut() {
        let ping = masked(0x89, b"hello");
        for cut in 0..ping.len() {
            assert_eq!(hear(&ping[..cut]), Heard::Nothing);
        }
        assert_eq!(hear(&ping), Heard::Ping(b"hello".to_vec(), ping.len()));
    }

    #[test]
    fn rules_are_kept() {
        assert_eq!(hear(&[0x89, 0]), Heard::Wrong(1002));
        assert_eq!(hear(&masked(0xC1, b"x")), Heard::Wrong(1002));
        assert_eq!(hear(&masked(0x83, b"x")), Heard::Wrong(1002));
        assert_eq!(
            hear(&masked(0x81, &[0; MAX_CLIENT_FRAME + 1])),
            Heard::Wrong(1009)
        );
        let largest = masked(0x81, &[0; MAX_CLIENT_FRAME]);
        assert_eq!(hear(&largest), Heard::Ignored(largest.len()));
        assert_eq!(hear(&masked(0x88, b"")), Heard::Close);
        assert_eq!(hear(&[0x81, 0xFF, 0]), Heard::Wrong(1009));
    }
}
