//! The load of `benches/ws.py`: opens WebSockets to a server on this machine, and either has every message echoed, a number
//! of them in flight on each, or has one after the other broadcast to all, or leaves them idle.
//!
//! It has to take less time than any server that it measures. So it is one thread and one epoll, messages are masked (and
//! deflated) once and sent from where they lie, and HTTP/2 is the few frames that WebSockets need. What comes back is
//! compared with what was sent, to the last byte; a server that errs is no result.
//!
//! Prints one line when it is done: messages received, seconds, and CPU seconds of the server meanwhile.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll;

use self::link::{Link, Moved};
use self::load::{Load, Tally};
use self::protocol::Protocol;

mod h2;
mod link;
mod load;
mod protocol;
mod ws;

/// Handshakes under way at a time: more would overflow the backlog of a listener that is modest.
const CONNECTING: usize = 64;

/// Messages that are waited for, however long they take.
const LEAST: u64 = 3;

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no result.
#[derive(Debug)]
pub struct Failure(String);

impl<T: Into<String>> From<T> for Failure {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Options {
    port: u16,
    tls: bool,
    /// Streams of each connection; 0 for HTTP/1.
    streams: usize,
    connections: usize,
    size: usize,
    in_flight: usize,
    deflate: bool,
    broadcast: bool,
    /// Opens them, and waits for the end of the standard input.
    idle: bool,
    seconds: f64,
    /// As many messages, instead of seconds.
    count: Option<u64>,
    server_pid: Option<u32>,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self { connections: 1, size: 16, in_flight: 1, seconds: 1.0, ..Self::default() };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("port") => options.port = arguments.value()?.parse()?,
                Long("tls") => options.tls = true,
                Long("streams") => options.streams = arguments.value()?.parse()?,
                Long("connections") => options.connections = arguments.value()?.parse()?,
                Long("size") => options.size = arguments.value()?.parse()?,
                Long("in-flight") => options.in_flight = arguments.value()?.parse()?,
                Long("deflate") => options.deflate = true,
                Long("broadcast") => options.broadcast = true,
                Long("idle") => options.idle = true,
                Long("seconds") => options.seconds = arguments.value()?.parse()?,
                Long("count") => options.count = Some(arguments.value()?.parse()?),
                Long("server-pid") => options.server_pid = Some(arguments.value()?.parse()?),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }

    /// WebSockets in all.
    fn sockets(&self) -> usize {
        self.connections * self.streams.max(1)
    }
}

/// One connection, with as many WebSockets as it carries.
struct Connection {
    link: Link,
    protocol: Protocol,
    /// Its socket takes no more, and epoll says when it does.
    blocked: bool,
}

struct Bench {
    options: Options,
    load: Load,
    tally: Tally,
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    tls: Option<Arc<rustls::ClientConfig>>,
    buffer: Box<[u8]>,
}

impl Bench {
    fn new(options: Options) -> Result<Self, Failure> {
        let load = Load::new(options.size, options.deflate, options.broadcast)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|error| error.to_string())?;
        let tls = options.tls.then(|| link::tls_config(options.streams > 0)).transpose()?;
        let buffer = vec![0; 256 * 1024].into_boxed_slice();
        Ok(Self { options, load, tally: Tally::default(), epoll, connections: Vec::new(), tls, buffer })
    }

    fn connect_one(&mut self) -> Result<(), Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.options.port));
        let link = Link::connect(address, self.tls.as_ref())?;
        let data = epoll::EventData::new_u64(self.connections.len() as u64);
        epoll::add(&self.epoll, link.socket(), data, epoll::EventFlags::IN)
            .map_err(|error| error.to_string())?;
        let protocol = Protocol::new(&self.load, self.options.streams);
        self.connections.push(Connection { link, protocol, blocked: false });
        self.send(self.connections.len() - 1)
    }

    /// Sends what a connection has to send, as far as it goes.
    fn send(&mut self, at: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[at];
        let blocked = connection.link.send(&mut connection.protocol, &self.load)? == Moved::Blocked;
        if blocked != connection.blocked {
            connection.blocked = blocked;
            let write = if blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(at as u64);
            epoll::modify(&self.epoll, connection.link.socket(), data, epoll::EventFlags::IN | write)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Messages that a connection may send at once, in the next phase.
    fn begin(&mut self, at: usize, messages: usize) -> Result<(), Failure> {
        self.connections[at].protocol.begin(messages, &self.load, &mut self.tally);
        self.send(at)
    }

    /// Deals with what comes until `done` says so.
    fn run(&mut self, mut done: impl FnMut(&mut Self) -> Result<bool, Failure>) -> Result<(), Failure> {
        let mut events = Vec::with_capacity(1024);
        let patience = rustix::time::Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        while !done(self)? {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&patience)) {
                Ok(0) => return Err(format!("nothing came in {PATIENCE:?}").into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.to_string().into()),
            }
            for event in &events {
                self.serve(event.data.u64() as usize)?;
            }
        }
        Ok(())
    }

    fn serve(&mut self, at: usize) -> Result<(), Failure> {
        let Self { connections, buffer, load, tally, .. } = self;
        let connection = &mut connections[at];
        connection.link.receive(buffer, &mut connection.protocol, load, tally)?;
        self.send(at)?;
        if self.load.broadcast && self.tally.completed == self.tally.sent * self.options.sockets() as u64 {
            self.broadcast_next()?;
        }
        Ok(())
    }

    /// The message of before has reached everybody.
    fn broadcast_next(&mut self) -> Result<(), Failure> {
        if self.tally.sent < self.tally.allowed {
            self.connections[0].protocol.send_one(&self.load, &mut self.tally);
            self.send(0)?;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Failure> {
        let streams = self.options.streams.max(1);
        self.run(|bench| {
            while bench.connections.len() < bench.options.connections
                && bench.connections.len() * streams < bench.tally.established + CONNECTING * streams
            {
                bench.connect_one()?;
            }
            Ok(bench.tally.established == bench.options.sockets())
        })
    }

    /// Has messages exchanged until `done`.
    fn exchange(
        &mut self,
        in_flight: usize,
        allowed: u64,
        done: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        self.tally.start(allowed);
        if self.load.broadcast {
            self.broadcast_next()?;
        } else {
            for at in 0..self.connections.len() {
                self.begin(at, in_flight)?;
            }
        }
        self.run(done)
    }

    /// One message for each, or to all: what is set up at the first is not measured.
    fn warm_up(&mut self) -> Result<(), Failure> {
        let sockets = self.options.sockets() as u64;
        let allowed = if self.load.broadcast { 1 } else { sockets };
        self.exchange(1, allowed, |bench| Ok(bench.tally.completed == sockets))
    }

    fn measure(&mut self) -> Result<(), Failure> {
        let pid = self.options.server_pid;
        let cpu_before = pid.map_or(Ok(0.0), cpu_seconds)?;
        let start = Instant::now();
        let per_message = if self.load.broadcast { self.options.sockets() as u64 } else { 1 };
        match self.options.count {
            Some(count) => {
                let all = count * per_message;
                self.exchange(self.options.in_flight, count, |bench| Ok(bench.tally.completed == all))?;
            }
            None => {
                let end = start + Duration::from_secs_f64(self.options.seconds);
                // Of the largest messages there may be few.
                self.exchange(self.options.in_flight, u64::MAX, |bench| {
                    Ok(Instant::now() >= end && bench.tally.completed >= LEAST)
                })?;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu = pid.map_or(Ok(0.0), cpu_seconds)? - cpu_before;
        println!("{} {seconds:.6} {cpu:.6}", self.tally.completed);
        Ok(())
    }

    fn idle(&mut self) -> Result<(), Failure> {
        println!("ready");
        io::stdout().flush().map_err(|error| error.to_string())?;
        io::stdin().read_to_end(&mut Vec::new()).map_err(|error| error.to_string())?;
        for at in 0..self.connections.len() {
            self.serve(at)?;
        }
        Ok(())
    }
}

/// CPU seconds that a process has used, in all its threads.
fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("server: {error}"))?;
    let nanoseconds: u64 = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    Ok(nanoseconds as f64 / 1e9)
}

fn main() {
    let result = Options::parse().map_err(|error| Failure(error.to_string())).and_then(|options| {
        let mut bench = Bench::new(options)?;
        bench.open()?;
        bench.warm_up()?;
        if bench.options.idle { bench.idle() } else { bench.measure() }
    });
    if let Err(failure) = result {
        eprintln!("ws-load: {failure}");
        std::process::exit(1);
    }
}
