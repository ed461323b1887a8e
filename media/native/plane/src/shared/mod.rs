//! Receiving for many sessions on one port: datagrams and connections find their session by their SSRC.
//!
//! ```text
//! datagram ──▶ socket of worker SSRC mod N (the kernel's choice) ──▶ route ──▶ its session
//!                                                                     └─ of another worker ──▶ handover
//! connection ──▶ doorman ──▶ SSRC of its first packet ──▶ directory ──▶ the worker of its session
//! ```
//!
//! A session belongs to the worker that the kernel gives its SSRC to, so that handing over is left to sessions
//! whose device chose another SSRC, and to kernels that cannot steer.

pub(crate) mod directory;
pub(crate) mod doorman;
pub(crate) mod handover;
pub(crate) mod intake;
mod peers;
pub(crate) mod routes;
pub(crate) mod sources;
pub(crate) mod unknown;
