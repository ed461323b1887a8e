//! eventfd(2): wakes a thread that waits in epoll, or asyncio.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A counter in the kernel that is readable while it is not zero.
pub struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// Makes a non-blocking counter at zero.
    pub fn new() -> io::Result<EventFd> {
        // SAFETY: eventfd takes no pointer; a negative result is turned into an error below.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `raw` is a fresh descriptor that nothing else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(EventFd { fd })
    }

    /// Makes the descriptor readable. Never blocks: a full counter is readable already.
    pub fn signal(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are read from `one`, which lives across the call.
        unsafe { libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Sets the counter back to zero.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes are written to `count`, which lives across the call.
        unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut count).cast(), 8) };
    }

    /// The descriptor, for a poller; this object keeps owning it.
    pub fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
