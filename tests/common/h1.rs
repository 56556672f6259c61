//! A client that speaks HTTP/1.1 byte by byte, right or wrong.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use super::wait::DEADLINE;

/// Connects to the port on the IPv4 loopback, with read and write deadlines.
pub(crate) fn connect(port: u16) -> TcpStream {
    connect_to(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Connects, with read and write deadlines.
pub(crate) fn connect_to(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, DEADLINE)
        .unwrap_or_else(|e| panic!("cannot connect to {address}: {e}"));
    stream.set_read_timeout(Some(DEADLINE)).expect("read deadline");
    stream.set_write_timeout(Some(DEADLINE)).expect("write deadline");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Makes the close of the socket a reset: the peer sees ECONNRESET instead of an orderly end.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(std::time::Duration::ZERO)).expect("linger of zero");
}

/// Reads to the end of the stream; a reset counts as the end, the deadline does not.
pub(crate) fn read_to_end(stream: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let mut chunk = [0; 16384];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&chunk[..n]),
            Err(e) if is_end(&e) => return all,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => panic!(
                "the peer neither answered nor closed ({e}); up to then:\n{}",
                String::from_utf8_lossy(&all)
            ),
        }
    }
}

/// The peer is gone, in one of the ways in which a peer goes.
pub(crate) fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof)
}

/// Sends the bytes and reads until the server closes.
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    // a server that refuses early may close before it has read everything
    let _ = stream.write_all(bytes);
    read_to_end(&mut stream)
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In the order they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A stream of which responses are read one after the other.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// The stream, and what was read of it and not used.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// Sends a GET without a body and reads the answer.
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        self.response()
    }

    /// Reads the next response to a request that was not HEAD.
    pub(crate) fn response(&mut self) -> Response {
        self.try_response(false).expect("a response")
    }

    /// Reads the next response to a HEAD request.
    pub(crate) fn response_to_head(&mut self) -> Response {
        self.try_response(true).expect("a response")
    }

    /// `None`: the server closed instead.
    pub(crate) fn try_response(&mut self, head: bool) -> Option<Response> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if self.fill() == 0 {
                let rest = String::from_utf8_lossy(&self.unread);
                assert!(self.unread.is_empty(), "closed in the middle of a header: {rest}");
                return None;
            }
        };
        let text = String::from_utf8(self.unread.drain(..end).collect()).expect("ASCII headers");
        let mut lines = text.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {status_line:?}"));
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a header line has a colon");
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut response = Response { status, headers, body: Vec::new() };
        if !(head || status == 304 || status == 204 || status < 200) {
            response.body = self.body_of(&response);
        }
        Some(response)
    }

    /// What came after the last response that was read, up to the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.unread)
    }

    fn body_of(&mut self, response: &Response) -> Vec<u8> {
        if response.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            return self.chunked_body();
        }
        match response.header("content-length") {
            Some(length) => {
                let length: usize = length.parse().expect("a content-length");
                self.take(length)
            }
            None => self.rest(),
        }
    }

    fn chunked_body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            let size = usize::from_str_radix(line.trim(), 16).expect("a chunk size");
            if size == 0 {
                while !self.line().is_empty() {}
                return body;
            }
            body.extend(self.take(size));
            assert_eq!(self.line(), "", "a chunk ends with CRLF");
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.unread.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..at + 2).collect();
                return String::from_utf8_lossy(&line[..at]).into_owned();
            }
            assert!(self.fill() > 0, "closed in the middle of a line");
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            let have = self.unread.len();
            assert!(self.fill() > 0, "closed after {have} of {length} bytes");
        }
        self.unread.drain(..length).collect()
    }

    fn fill(&mut self) -> usize {
        let mut chunk = [0; 16384];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(n) => {
                    self.unread.extend_from_slice(&chunk[..n]);
                    return n;
                }
                Err(e) if is_end(&e) => return 0,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!(
                    "the peer neither answered nor closed ({e}); unread:\n{}",
                    String::from_utf8_lossy(&self.unread)
                ),
            }
        }
    }
}
