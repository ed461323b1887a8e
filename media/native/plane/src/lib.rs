//! Sockets, threads and sinks of the Tongshi data plane.
