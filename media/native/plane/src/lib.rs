//! Sockets, threads and sinks of the Tongshi data plane.
//!
//! ```text
//! UDP, TCP ──▶ worker (epoll, one of N) ──▶ source_lock ──▶ wire::ingest ──▶ publisher ──▶ units
//!                                                                                           │
//!              outputs::server (epoll, HTTP and WebSocket) ◀── GOP cache, live units ◀──────┤
//!              recorder::disk (files)                      ◀── bounded queue         ◀──────┘
//! ```
//!
//! A session belongs to one worker; nobody else touches its state. What others need is in `SessionShared`,
//! behind two short locks. Facts go up through one queue ([`Plane::drain_facts`]).

mod audio_track;
mod capture;
mod clock;
mod companion;
mod config;
mod error;
mod facts;
mod feed;
mod former;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gop;
mod guard;
mod intake;
mod outputs;
mod pace;
mod plane;
mod publisher;
mod rates;
mod receiver;
mod recorder;
mod recordings;
mod rtcp;
mod senders;
mod session;
mod shared;
#[cfg(test)]
mod soak_tests;
mod source_lock;
mod sync;
mod sys;
mod tap;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod times_tests;
mod timing;
mod unit;
mod watchdog;
mod worker;

pub use capture::CaptureRequest;
pub use config::{PlaneConfig, RtspConfig};
pub use error::PlaneError;
pub use facts::{AudioInfo, Fact, FactKind, MediaInfo, SegmentState};
pub use outputs::gauge::ViewerSnapshot;
pub use outputs::rtmp::push::{PushRequest, PushState, PushStats};
pub use plane::{Plane, SessionRequest};
pub use recorder::RecorderConfig;
pub use recordings::{
    Control, MAX_SEGMENTS, PlayState, PlaybackSnapshot, RecordingsRequest, SCALES, SegmentRef,
    Stamps,
};
pub use senders::{
    RelayConfig, SenderEnd, SenderRequest, SenderSnapshot, SenderStats, SenderTransport,
};
pub use session::{SessionSnapshot, SessionStats, Transport};
pub use shared::directory::Way;
pub use shared::intake::SharedPortStats;
pub use shared::unknown::UnknownSsrc;
pub use sys::bind::BufferGrant;
pub use tap::{Tap, Tapped};
pub use tongshi_wire::fed::Fed;
pub use tongshi_wire::ingest::Label;
pub use unit::{AudioSample, StreamConfig, Unit};
pub use watchdog::Stall;
