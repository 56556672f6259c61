//! A WebSocket server of a test's own: it reads what a client sends byte by byte, and answers right or wrong.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

use super::h1::is_end;
use super::wait::DEADLINE;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Runs `script` with each client that comes, in a thread of its own; what it returns can be waited for.
pub(crate) fn serve<T: Send + 'static>(
    script: impl Fn(TcpStream) -> T + Send + Sync + 'static,
) -> (u16, Receiver<T>) {
    serve_on(0, script)
}

/// As [`serve`], on this port.
pub(crate) fn serve_on<T: Send + 'static>(
    port: u16,
    script: impl Fn(TcpStream) -> T + Send + Sync + 'static,
) -> (u16, Receiver<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = channel();
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.expect("a client");
            socket.set_read_timeout(Some(DEADLINE)).expect("read deadline");
            socket.set_write_timeout(Some(DEADLINE)).expect("write deadline");
            socket.set_nodelay(true).expect("no delay");
            let (script, tell) = (Arc::clone(&script), tell.clone());
            std::thread::spawn(move || {
                // nobody need be interested
                let _ = tell.send(script(socket));
            });
        }
    });
    (port, told)
}

/// What a server has told the test.
pub(crate) fn got<T>(told: &Receiver<T>) -> T {
    told.recv_timeout(DEADLINE).expect("the server ends")
}

/// Upgrades the connection of a client, to the first subprotocol that it offers; gives what it has asked for. `None` when
/// the client has gone before that.
pub(crate) fn accept(stream: &mut (impl Read + Write)) -> Option<Head> {
    let head = Head::read(stream)?;
    let chosen = head.all("sec-websocket-protocol").first().and_then(|names| names.split(',').next());
    let chosen = chosen.map_or_else(String::new, |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    stream.write_all(head.switch(&chosen).as_bytes()).ok()?;
    Some(head)
}

/// The head of a client's request.
#[derive(Clone, Debug)]
pub(crate) struct Head(pub(crate) String);

impl Head {
    /// Reads one; `None` when the client has gone before its end.
    pub(crate) fn read(stream: &mut impl Read) -> Option<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => return None,
                Err(error) if is_end(&error) => return None,
                Err(error) => panic!("no request: {error}; up to then {:?}", String::from_utf8_lossy(&head)),
            }
        }
        Some(Self(String::from_utf8(head).expect("a head of ASCII")))
    }

    /// The request line.
    pub(crate) fn target(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// The values of the header `name`, of each of its lines.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.0.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of a header that must be there once.
    pub(crate) fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.0);
        all[0]
    }

    /// What the server answers the client's key with.
    pub(crate) fn accept(&self) -> String {
        let key = self.one("sec-websocket-key");
        let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(guid).finalize())
    }

    /// The 101 to it, with more header lines.
    pub(crate) fn switch(&self, more: &str) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{more}\r\n",
            self.accept()
        )
    }
}

/// A frame as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) reserved: u8,
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// Unmasked.
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Reads one; `None` when the peer has gone.
    pub(crate) fn read(stream: &mut impl Read) -> Option<Self> {
        let [first, second] = bytes(stream)?;
        let len = match second & 0x7f {
            126 => u16::from_be_bytes(bytes(stream)?).into(),
            127 => u64::from_be_bytes(bytes(stream)?),
            len => len.into(),
        };
        let mask = if second & 0x80 == 0 { None } else { Some(bytes::<4>(stream)?) };
        let mut payload = vec![0; usize::try_from(len).expect("a length")];
        stream.read_exact(&mut payload).ok()?;
        for (at, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask.map_or(0, |mask| mask[at % 4]);
        }
        Some(Self { fin: first & 0x80 != 0, reserved: first & 0x70, opcode: first & 0xf, mask, payload })
    }

    /// Its opcode and payload, where the rest is as a client's unfragmented frame has it.
    pub(crate) fn whole(self) -> (u8, Vec<u8>) {
        assert!(self.fin && self.reserved == 0 && self.mask.is_some(), "{self:?}");
        (self.opcode, self.payload)
    }
}

/// The next message or CLOSE of a client, in however many frames; other control frames are passed over. `None` when the client
/// has gone.
pub(crate) fn message(stream: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut message: Option<(u8, Vec<u8>)> = None;
    loop {
        let got = Frame::read(stream)?;
        assert!(got.mask.is_some() && got.reserved == 0, "{got:?}");
        match got.opcode {
            PING | PONG => continue,
            CLOSE => return Some((CLOSE, got.payload)),
            CONTINUATION => message.as_mut().expect("a message goes on").1.extend(got.payload),
            opcode => assert_eq!(message.replace((opcode, got.payload)), None, "a message in another"),
        }
        if got.fin {
            return message;
        }
    }
}

fn bytes<const N: usize>(stream: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    match stream.read_exact(&mut bytes) {
        Ok(()) => Some(bytes),
        Err(error) if is_end(&error) => None,
        Err(error) => panic!("the client neither sends a frame nor goes: {error}"),
    }
}

/// A server's frame; `first` is its first byte: 0x80 or the opcode, and the reserved bits.
pub(crate) fn raw_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A server's frame that is not fragmented.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(0x80 | opcode, payload)
}

/// The payload of a CLOSE.
pub(crate) fn close(code: u16, text: &str) -> Vec<u8> {
    [&code.to_be_bytes(), text.as_bytes()].concat()
}

/// Answers what a client sends until it goes: messages by themselves, PINGs by PONGs, a CLOSE by itself. Gives the CLOSE's
/// payload, where there was one.
pub(crate) fn echo(stream: &mut (impl Read + Write)) -> Option<Vec<u8>> {
    while let Some(got) = Frame::read(stream) {
        assert!(got.mask.is_some() && got.reserved == 0, "{got:?}");
        let opcode = if got.opcode == PING { PONG } else { got.opcode };
        if got.opcode != PONG {
            let first = u8::from(got.fin) << 7 | opcode;
            // The client may have gone meanwhile.
            let _ = stream.write_all(&raw_frame(first, &got.payload));
        }
        if got.opcode == CLOSE {
            return Some(got.payload);
        }
    }
    None
}
