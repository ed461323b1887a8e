//! Python binding of the Tongshi data plane.
