//! HTTP/1.1 as seen from outside the crate: bytes in, bytes out.

mod requests;
mod responses;
mod second_opinion;
mod splits;
mod transcript;
mod vectors;
