//! Wire formats of the Tongshi data plane, without input or output.
//!
//! Bytes and a time go in; bytes, facts and the next time to be called come out. Nothing in
//! this crate opens a socket, starts a thread, reads a clock or rolls dice, so the plane can
//! drive it from any thread and a test can replay any capture in any rhythm.
//!
//! The way of a packet:
//!
//! ```text
//! TCP bytes ──▶ framing ─┐
//!                        ├─▶ ingest: rtp ▶ reorder ▶ probe ▶ ps │ rtp_h264 │ rtp_h265 │ annex B
//! UDP datagram ──────────┘                                     ▼
//!                              MediaEvent ◀── timeline ◀── assembler (access units, audio frames)
//!                                  │
//!                                  ▼
//!                            g711 ▶ flac │ aac ▶ fmp4
//!                            ps::PsMuxer ▶ pacer ▶ rtp_send
//! ```
//!
//! Clauses are cited as `GB/T 28181-2016 C.2`, `RFC n section m` or by the rule and quirk
//! numbers of the project's protocol notes (`7.5 rule 3`, `Q89`).

#![forbid(unsafe_code)]

pub mod aac;
mod access_unit;
pub mod amf;
mod audio;
mod convert;
pub mod error;
pub mod fed;
pub mod flac;
pub mod flv;
pub mod fmp4;
pub mod framing;
pub mod g711;
pub mod ingest;
pub mod media;
pub mod nal;
pub mod pacer;
mod parameter_sets;
mod probe;
pub mod ps;
pub mod reorder;
pub mod rtmp;
pub mod rtp;
pub mod rtp_aac;
pub mod rtp_h264;
pub mod rtp_h265;
pub mod rtp_pack;
pub mod rtp_send;
pub mod rtsp;
pub mod stats;
pub mod tape;
pub mod timeline;
pub mod ts;
mod video;

pub use error::{ErrorKind, WireError};
pub use media::{
    AccessUnit, AudioCodec, AudioConfig, AudioFrame, DamageCause, MediaEvent, Unsupported,
    VideoCodec, VideoConfig,
};
