//! The connection under a request: plain, or TLS.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

/// Bytes of plain text that wait inside TLS for the socket.
const TLS_BUFFER_BYTES: usize = 256 << 10;
/// First byte of a TLS connection: the record type of a handshake (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// A non-blocking connection.
pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsLink>),
}

pub(crate) struct TlsLink {
    stream: TcpStream,
    tls: ServerConnection,
    /// The first byte was seen, and it is TLS.
    is_begun: bool,
    is_plain: bool,
}

/// The peer speaks plain HTTP to a port with a certificate.
#[derive(Debug)]
pub(crate) struct NotTls;

impl Link {
    pub(crate) fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Link> {
        let Some(config) = tls else {
            return Ok(Link::Plain(stream));
        };
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        Ok(Link::Tls(Box::new(TlsLink {
            stream,
            tls,
            is_begun: false,
            is_plain: false,
        })))
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        match self {
            Link::Plain(stream) => stream.as_raw_fd(),
            Link::Tls(link) => link.stream.as_raw_fd(),
        }
    }

    /// Something waits inside the link itself.
    pub(crate) fn wants_write(&self) -> bool {
        match self {
            Link::Plain(_) => false,
            Link::Tls(link) => !link.is_plain && link.is_begun && link.tls.wants_write(),
        }
    }

    /// Tells a plain peer of a TLS port from a broken one.
    pub(crate) fn check_start(&mut self) -> Result<(), NotTls> {
        let Link::Tls(link) = self else { return Ok(()) };
        if link.is_begun || link.is_plain {
            return Ok(());
        }
        let mut first = [0];
        match link.stream.peek(&mut first) {
            Ok(1) if first[0] != HANDSHAKE_RECORD => Err(NotTls),
            _ => {
                link.is_begun = true;
                Ok(())
            }
        }
    }

    /// Speaks without TLS from now on, for an answer to a peer that does not.
    pub(crate) fn be_plain(&mut self) {
        if let Link::Tls(link) = self {
            link.is_plain = true;
        }
    }

    /// Nothing more will be written: the last words of TLS, and the end of our side.
    pub(crate) fn say_goodbye(&mut self) {
        let stream = match self {
            Link::Plain(stream) => stream,
            Link::Tls(link) => {
                if !link.is_plain {
                    link.tls.send_close_notify();
                    let _ = link.flush_tls();
                }
                &mut link.stream
            }
        };
        let _ = stream.shutdown(Shutdown::Write);
    }
}

impl TlsLink {
    /// Gives the socket what TLS has for it, as far as it takes it.
    fn flush_tls(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_plain(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if self.tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            let read = self.tls.process_new_packets();
            self.flush_tls()?;
            read.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    fn write_plain(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush_tls()?;
        if self.tls.is_handshaking() || self.tls.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = self.tls.writer().write_vectored(slices)?;
        self.flush_tls()?;
        Ok(written)
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Link::Plain(stream) => stream.read(buffer),
            Link::Tls(link) if link.is_plain => link.stream.read(buffer),
            Link::Tls(link) => link.read_plain(buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Link::Plain(stream) => stream.write_vectored(slices),
            Link::Tls(link) if link.is_plain => link.stream.write_vectored(slices),
            Link::Tls(link) => link.write_plain(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Link::Tls(link) if !link.is_plain => link.flush_tls(),
            Link::Plain(_) | Link::Tls(_) => Ok(()),
        }
    }
}
