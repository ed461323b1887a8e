//! Wire formats of the Tongshi data plane: bytes and a time in, facts and bytes out.
#![forbid(unsafe_code)]
