//! The calls to the kernel that the standard library does not have. All `unsafe` of the data plane is here.

pub mod address;
pub mod bind;
pub mod dial;
pub mod epoll;
pub mod eventfd;
pub mod memory;
pub mod receive;
pub mod socket;
pub mod transmit;
