//! The handshake: version, and 1,536 bytes each way that the other side sends back.
//!
//! Peers that begin with the digests of the newer handshake are answered in the plain form, which all of them
//! take; nothing is checked, as nothing depends on it.
//!
//! Source: RTMP section 5.2.

use crate::error::WireError;

const VERSION: u8 = 3;
const PACKET_BYTES: usize = 1_536;

/// Which side we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// They connected to us.
    Server,
    /// We connected to them.
    Client,
}

/// One handshake in progress.
#[derive(Debug)]
pub struct Handshake {
    role: Role,
    heard: Vec<u8>,
    answered: bool,
}

impl Handshake {
    /// Begins; appends what is said first to `out`. `seed` fills the bytes that should be random.
    #[must_use]
    pub fn new(role: Role, seed: u64, out: &mut Vec<u8>) -> Self {
        if role == Role::Client {
            put_own(seed, out);
        }
        Self {
            role,
            heard: Vec::new(),
            answered: false,
        }
    }

    /// Takes bytes; returns how many of them were used, and whether it is done.
    ///
    /// # Errors
    ///
    /// The peer speaks another version.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        seed: u64,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), WireError> {
        let whole = 1 + 2 * PACKET_BYTES;
        let used = bytes.len().min(whole - self.heard.len());
        self.heard
            .extend_from_slice(bytes.get(..used).unwrap_or_default());
        if let Some(&version) = self.heard.first()
            && version != VERSION
        {
            return Err(WireError::invalid("RTMP version", 0, u64::from(version)));
        }
        if !self.answered
            && let Some(theirs) = self.heard.get(1..=PACKET_BYTES)
        {
            if self.role == Role::Server {
                put_own(seed, out);
            }
            out.extend_from_slice(theirs);
            self.answered = true;
        }
        Ok((used, self.heard.len() == whole))
    }
}

/// Version, time 0, version 0 (the plain form), and noise.
fn put_own(seed: u64, out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend_from_slice(&[0; 8]);
    let mut state = seed | 1;
    for _ in 0..(PACKET_BYTES - 8) / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_be_bytes());
    }
}
