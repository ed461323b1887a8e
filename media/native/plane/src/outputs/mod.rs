//! The way out: a tiny HTTP/1.1 and WebSocket server that hands shared fragments to viewers.

pub(crate) mod admission;
pub(crate) mod connection;
pub(crate) mod connections;
pub(crate) mod flv;
pub(crate) mod form;
pub(crate) mod format;
pub(crate) mod gauge;
pub(crate) mod hls;
pub(crate) mod http;
pub(crate) mod inbox;
pub(crate) mod link;
pub(crate) mod publishing;
pub(crate) mod queue;
pub(crate) mod rtmp;
pub(crate) mod rtsp;
pub(crate) mod server;
pub(crate) mod signed_url;
pub(crate) mod tls;
pub(crate) mod viewer;
pub(crate) mod websocket;
