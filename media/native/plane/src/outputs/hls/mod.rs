//! HLS and its low-latency form: a window of segments over the units of a stream, and who reads it.
//!
//! Source: draft-pantos-hls-rfc8216bis, sections 4.4 and 6.2.5.

pub(crate) mod playlist;
pub(crate) mod request;
pub(crate) mod stream;
pub(crate) mod window;
