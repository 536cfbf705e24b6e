//! A look at descriptors that nobody has registered.

use std::{
    io::{ErrorKind, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
};

use reactor::look;

const IN: u16 = libc::POLLIN as u16;
const OUT: u16 = libc::POLLOUT as u16;

#[test]
fn tells_of_each_what_was_asked_of_it() {
    let (a, mut b) = UnixStream::pair().unwrap();
    let fd = a.as_raw_fd();
    assert_eq!(look(&[(fd, IN), (fd, OUT)]).unwrap(), [0, OUT]);
    b.write_all(b"x").unwrap();
    assert_eq!(look(&[(fd, IN), (fd, IN | OUT)]).unwrap(), [IN, IN | OUT]);
}

#[test]
fn tells_what_is_no_descriptor() {
    let closed = UnixStream::pair().unwrap().0.as_raw_fd();
    assert_eq!(look(&[(closed, IN)]).unwrap(), [libc::POLLNVAL as u16]);
    assert_eq!(
        look(&[(-1, IN)]).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert!(look(&[]).unwrap().is_empty());
}
