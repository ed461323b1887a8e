//! RTSP 1.0 and the descriptions that it carries.
//!
//! Source: RFC 2326, RFC 7826 appendix C for what differs in practice, RFC 4566 (SDP).

pub mod auth;
pub mod message;
pub mod parser;
pub mod pushed;
pub mod sdp;
pub mod transport;
pub mod uri;

pub use message::{Headers, Request, Response};
pub use parser::{Item, Parser};
pub use pushed::Pushed;
