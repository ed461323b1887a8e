//! RTMP without sockets: handshake, chunks, commands, and the two sides of a connection.
//!
//! Written here and not taken from a crate: a peer is not trusted, so every length is bounded before
//! memory is taken for it, and the bodies of messages are those of FLV tags ([`crate::flv`]).
//!
//! Source: Adobe, Real Time Messaging Protocol (2012); Enhanced RTMP (Veovera) v1 and v2.

mod chunk;
mod client;
mod command;
mod handshake;
mod server;

pub use chunk::{ChunkReader, Message, write_message};
pub use client::{ClientEvent, ClientSession, PushTarget};
pub use handshake::{Handshake, Role};
pub use server::{Asked, ServerEvent, ServerSession};

/// Message kinds of the protocol itself, and of commands.
pub mod kind {
    /// The sender's chunks are so large from now on.
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// A message that has begun is given up.
    pub const ABORT: u8 = 2;
    /// So many bytes have been received.
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// Stream begins, ends; pings.
    pub const USER_CONTROL: u8 = 4;
    /// After so many bytes an acknowledgement is wanted.
    pub const WINDOW_SIZE: u8 = 5;
    /// So much may be on the way.
    pub const PEER_BANDWIDTH: u8 = 6;
    /// Sound.
    pub const AUDIO: u8 = 8;
    /// Pictures.
    pub const VIDEO: u8 = 9;
    /// A command in AMF3.
    pub const COMMAND_AMF3: u8 = 17;
    /// Metadata.
    pub const DATA: u8 = 18;
    /// A command.
    pub const COMMAND: u8 = 20;
    /// FLV tags in a row.
    pub const AGGREGATE: u8 = 22;
}

/// The one message stream of a connection.
pub const STREAM_ID: u32 = 1;
/// Chunk stream of protocol control messages.
pub const CONTROL_CHUNKS: u8 = 2;
/// Chunk stream of commands.
pub const COMMAND_CHUNKS: u8 = 3;
/// Chunk stream of sound.
pub const AUDIO_CHUNKS: u8 = 4;
/// Chunk stream of metadata.
pub const DATA_CHUNKS: u8 = 5;
/// Chunk stream of pictures.
pub const VIDEO_CHUNKS: u8 = 6;
/// Size of the chunks that we send.
pub const OUT_CHUNK_BYTES: usize = 60_000;
/// Size of chunks before anybody says another (section 5.4.1).
pub const FIRST_CHUNK_BYTES: usize = 128;
/// Acknowledgements that we ask for, and the window that we offer.
pub const WINDOW_BYTES: u32 = 5_000_000;

/// The chunk stream of a tag kind.
#[must_use]
pub const fn chunks_of(kind: crate::flv::TagKind) -> u8 {
    match kind {
        crate::flv::TagKind::Audio => AUDIO_CHUNKS,
        crate::flv::TagKind::Video => VIDEO_CHUNKS,
        crate::flv::TagKind::Script => DATA_CHUNKS,
    }
}
