//! A client and a server joined in memory ([`pair`]), and a client against frames written by hand ([`client`], [`connect`]).

use std::rc::Rc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};

mod client;
mod connect;
mod pair;
mod raw;

use super::*;
use crate::proto::http::header::{HeaderLimits, HeaderTable};
use crate::proto::http::response::ResponseHead;
use crate::util::byte_queue::Spares;
use crate::util::slots::{Id, Slots};

fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("https://host.test{path}");
    Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).unwrap()
}

fn get(path: &str) -> Request<()> {
    request(Method::GET, path)
}

fn head(status: u16, lines: &[(&'static str, &str)]) -> ResponseHead {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    ResponseHead { status: StatusCode::from_u16(status).unwrap(), headers, content_length: None, len: 0 }
}

/// The body that `name` stands for, `len` bytes of it.
fn pattern(name: u32, len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at / 7) as u32 * 31 + at as u32 + name) as u8).collect()
}

/// Streams' wakers, as the engine makes them.
#[derive(Default)]
struct Wakers(Slots<()>);

impl Wakers {
    fn make(&self, queue: &std::sync::Arc<WakeQueue>) -> StreamWaker {
        StreamWaker::new(self.id(), queue.clone())
    }

    fn id(&self) -> Id {
        self.0.take(|| ()).0
    }
}

/// A client and a server whose outputs are the other's input.
struct Pair {
    client: H2Client,
    server: H2Server,
    wakers: Wakers,
    /// Requests that have come to the server.
    requests: Vec<(Rc<HeaderTable>, H2Stream)>,
    /// How often the client said that a stream may be opened.
    readies: usize,
    /// How the client's connection ended, when it has.
    closed: Vec<Option<String>>,
}

impl Pair {
    fn new(client: &H2ClientSettings, server: &H2Settings) -> Self {
        let spares = Spares::default();
        Self {
            client: H2Client::new(client, &spares),
            server: H2Server::new(server, HeaderLimits::default(), &spares),
            wakers: Wakers::default(),
            requests: Vec::new(),
            readies: 0,
            closed: Vec::new(),
        }
    }

    /// A pair that has exchanged its SETTINGS.
    fn connected() -> Self {
        let mut pair = Self::new(&H2ClientSettings::default(), &H2Settings::default());
        pair.settle();
        assert_eq!(pair.readies, 1);
        pair
    }

    /// Moves frames until both sides are idle.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            loop {
                match self.client.poll() {
                    ClientEvent::Ready => self.readies += 1,
                    ClientEvent::Idle => break,
                    ClientEvent::Closed(why) => {
                        self.closed.push(why);
                        break;
                    }
                }
            }
            let sent = self.client.output(take_all);
            moved |= !sent.is_empty();
            self.server.receive(|input| input.extend_from_slice(&sent));
            while let Event::Request(head, stream) = self.server.poll(true) {
                self.requests.push((head.expect("a good request"), stream));
            }
            let sent = self.server.output(take_all);
            moved |= !sent.is_empty();
            self.client.receive(|input| input.extend_from_slice(&sent));
            if !moved {
                return;
            }
        }
    }

    fn open(&mut self, request: Request<()>, end: bool) -> (H2ClientStream, StreamWaker) {
        let stream = self.client.open(request, end).unwrap();
        (stream, self.wakers.make(&self.client.wakes()))
    }

    /// Opens a stream and brings it to the server.
    fn exchange(&mut self, request: Request<()>, end: bool) -> (H2ClientStream, StreamWaker, H2Stream) {
        let (stream, waker) = self.open(request, end);
        self.settle();
        let (_, server) = self.requests.pop().expect("the request has come");
        (stream, waker, server)
    }

    /// The server's stream sends `data` at the pace of the client, which releases what it reads; what came of it.
    fn transfer(
        &mut self,
        from: &mut H2Stream,
        to: &mut H2ClientStream,
        waker: &StreamWaker,
        data: &[u8],
    ) -> Vec<u8> {
        from.send_data(Bytes::copy_from_slice(data), true).unwrap();
        self.settle();
        let mut body = Vec::new();
        loop {
            match to.poll_body(waker) {
                Received::Data(data) => {
                    to.release(data.len());
                    body.extend_from_slice(&data);
                }
                Received::End => return body,
                Received::Reset => panic!("{:?}", to.failure()),
                Received::Pending => {
                    let before = body.len();
                    self.settle();
                    if let Received::Data(data) = to.poll_body(waker) {
                        to.release(data.len());
                        body.extend_from_slice(&data);
                    }
                    assert!(body.len() > before, "stuck after {before}");
                }
            }
        }
    }
}

fn take_all(queue: &mut crate::util::byte_queue::ByteQueue) -> Vec<u8> {
    let bytes = queue.to_vec();
    queue.advance(bytes.len());
    bytes
}

fn status_of(answer: &Answer) -> Option<u16> {
    match answer {
        Answer::Head(parts) => Some(parts.status.as_u16()),
        Answer::Pending | Answer::Failed { .. } => None,
    }
}

fn refused(answer: &Answer) -> Option<bool> {
    match answer {
        Answer::Failed { refused, text } => {
            assert!(!text.is_empty());
            Some(*refused)
        }
        Answer::Pending | Answer::Head(_) => None,
    }
}
