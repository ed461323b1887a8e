//! The RTSP desk: a thread with a listener and an epoll of its own, for players that speak RTSP.
//!
//! ```text
//! connection (parser, outbox) ── reader (tracks, what it has seen) ── numbered (RTP form of a unit, shared)
//!        │                          │
//!     requests (what is answered)   ├── TCP: packets between the messages
//!        │                          └── UDP: one pair of ports for all readers, paced
//!     access (signed URL, digest)
//! ```
//!
//! All readers of a session see the same sequence numbers, time stamps and SSRCs: a packet is made once.
//!
//! Source: RFC 2326.

pub(crate) mod access;
pub(crate) mod connection;
pub(crate) mod desk;
pub(crate) mod hearing;
pub(crate) mod numbered;
pub(crate) mod outbox;
pub(crate) mod publisher;
pub(crate) mod pushes;
pub(crate) mod reader;
pub(crate) mod requests;
pub(crate) mod setup;
pub(crate) mod streams;
pub(crate) mod udp;
pub(crate) mod ways;
