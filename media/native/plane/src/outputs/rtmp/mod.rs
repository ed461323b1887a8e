//! RTMP: publishers that push to us, players, and our own pushes to other servers; one thread for all of them.

mod connection;
pub(crate) mod desk;
mod joining;
pub(crate) mod messages;
pub(crate) mod push;
mod pushing;
