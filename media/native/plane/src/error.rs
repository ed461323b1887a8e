//! Failures of the calls of [`Plane`](crate::Plane).

use std::fmt;
use std::io;

/// Why a call was refused.
#[derive(Debug)]
pub enum PlaneError {
    /// The address is taken by another socket; another port may do.
    AddressInUse {
        /// The address that was asked for.
        address: String,
    },
    /// The system refused something else.
    System {
        /// What was attempted.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// No session has this id.
    UnknownSession(String),
    /// A session has this id already.
    DuplicateSession(String),
    /// An argument makes no sense.
    BadArgument(String),
    /// Another session of the shared port has this SSRC, or had it until a moment ago.
    SsrcTaken {
        /// The SSRC.
        ssrc: u32,
        /// Its session has ended, and it rests.
        rests: bool,
    },
    /// The plane has been closed, or its thread is gone.
    Closed,
}

impl PlaneError {
    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> PlaneError {
        let what = what.into();
        if source.kind() == io::ErrorKind::AddrInUse {
            PlaneError::AddressInUse { address: what }
        } else {
            PlaneError::System { what, source }
        }
    }

    /// A short constant name, for the binding's table of errors.
    pub fn kind(&self) -> &'static str {
        match self {
            PlaneError::AddressInUse { .. } => "address_in_use",
            PlaneError::System { .. } => "system",
            PlaneError::UnknownSession(_) => "unknown_session",
            PlaneError::DuplicateSession(_) => "duplicate_session",
            PlaneError::BadArgument(_) => "bad_argument",
            PlaneError::SsrcTaken { .. } => "ssrc_taken",
            PlaneError::Closed => "closed",
        }
    }

    /// The system's error number, 0 when there is none.
    pub fn errno(&self) -> i32 {
        match self {
            PlaneError::AddressInUse { .. } => libc::EADDRINUSE,
            PlaneError::System { source, .. } => source.raw_os_error().unwrap_or(0),
            _ => 0,
        }
    }
}

impl fmt::Display for PlaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlaneError::AddressInUse { address } => write!(f, "address in use: {address}"),
            PlaneError::System { what, source } => write!(f, "{what}: {source}"),
            PlaneError::UnknownSession(id) => write!(f, "no session has the id {id}"),
            PlaneError::DuplicateSession(id) => write!(f, "a session has the id {id} already"),
            PlaneError::BadArgument(text) => write!(f, "{text}"),
            PlaneError::SsrcTaken { ssrc, rests: false } => {
                write!(f, "another session has SSRC {ssrc:010} on the shared port")
            }
            PlaneError::SsrcTaken { ssrc, rests: true } => {
                write!(
                    f,
                    "SSRC {ssrc:010} rests after its last session on the shared port"
                )
            }
            PlaneError::Closed => write!(f, "the data plane is closed"),
        }
    }
}

impl std::error::Error for PlaneError {}
