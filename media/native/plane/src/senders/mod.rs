//! RTP to other platforms: a session's stream as a program stream, to any number of receivers.
//!
//! ```text
//! wire::tape (frames as they came) ─┐
//!                                   ├─▶ Relay ─▶ queue of each sender ─▶ pacer ─▶ numbers ─▶ Link
//! units ─▶ muxer (re-mux)          ─┘     (one form for all; only headers differ)
//! ```
//!
//! A sender lives in the worker of its session. It starts with the GOP cache, re-muxed, and goes over to the
//! source's own payloads at the first picture that begins with a pack header, when the source is a program stream
//! whose stamps make sense. After a loss, or when its queue is full, it goes on at a key frame in the same way.
//!
//! Source: protocol notes 7.1 to 7.4, 7.6, 8.5 and 9 ("ACK wait", "TCP media reconnect").

mod config;
mod history;
mod link;
mod muxer;
mod piece;
mod relay;
mod reports;
mod sender;
mod supervision;
mod tokens;
mod view;

pub use config::{RelayConfig, SenderRequest, SenderTransport};
pub(crate) use link::Link;
#[cfg(test)]
pub(crate) use muxer::SessionMuxer;
#[cfg(test)]
pub(crate) use piece::{Sound, Unpacked};
pub(crate) use relay::{Order, Relay, RelayScene};
pub(crate) use sender::RtpSender;
pub(crate) use tokens::Token;
pub(crate) use view::SenderShared;
pub use view::{SenderEnd, SenderSnapshot, SenderStats};
