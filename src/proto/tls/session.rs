//! A TLS session of either side: drives rustls's unbuffered API.
//!
//! Unbuffered, because rustls's buffered connection keeps 4 KiB of read buffer a connection for ever and
//! copies all input into it. Here the records are decrypted where the socket put them; only the start of a
//! record whose rest has not arrived is kept.

use bytes::BytesMut;
use rustls::CommonState;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus, WriteTraffic};

use super::outgoing::Outgoing;
use super::{ErrorKind, TlsError};

/// Plaintext a record holds at most (RFC 8446 §5.1).
const MAX_FRAGMENT: usize = 16 * 1024;

/// What a record costs over its plaintext: header 5, TLS 1.2 explicit nonce 8 or TLS 1.3 content type 1, tag 16.
const RECORD_OVERHEAD: usize = 29;

/// Bytes of unfinished records and handshake messages kept. rustls takes handshake messages of 64 KiB; this
/// leaves room for their record headers, and none for a peer that cuts them into one-byte records.
const MAX_INCOMPLETE: usize = 96 * 1024;

const RECORD_HEADER: usize = 5;

/// A connection of rustls that a [`Session`] drives.
pub(super) trait Unbuffered {
    type Data;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    fn common(&self) -> &CommonState;
}

impl Unbuffered for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Unbuffered for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

pub(super) struct Session<C> {
    connection: C,
    /// The start of what is not complete yet. rustls remembers offsets into it.
    incomplete: Vec<u8>,
    peer_closed: bool,
    close_sent: bool,
}

impl<C: Unbuffered> Session<C> {
    pub(super) fn new(connection: C) -> Self {
        Self { connection, incomplete: Vec::new(), peer_closed: false, close_sent: false }
    }

    pub(super) fn common(&self) -> &CommonState {
        self.connection.common()
    }

    /// The peer has sent `close_notify`.
    pub(super) fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Queues what the connection wants to say before it has heard anything: a client's first flight.
    pub(super) fn start(&mut self, outgoing: &mut Outgoing) -> Result<(), TlsError> {
        self.process(&mut [], &mut BytesMut::new(), outgoing).map(drop)
    }

    /// Takes all of `ciphertext`. After an error the session must not receive any more; the alert for the
    /// peer is in `outgoing`.
    pub(super) fn receive(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        outgoing: &mut Outgoing,
    ) -> Result<(), TlsError> {
        if self.close_sent {
            // Not given to rustls: should it want to send an alert now, after `close_notify`, it panics in debug
            // builds and breaks the protocol in release builds.
            return Ok(());
        }
        let result = self.process_all(ciphertext, plaintext, outgoing);
        if result.is_err() {
            self.incomplete = Vec::new();
            // Never reaches the deframer while there is something to write, so no input is needed.
            while self.connection.common().wants_write() {
                let ConnectionState::EncodeTlsData(mut record) = self.connection.process(&mut []).state?
                else {
                    break;
                };
                outgoing.append(0, |room| record.encode(room))?;
            }
        }
        result
    }

    /// Encrypts the concatenation of `slices`, cut into records as large as they may be.
    pub(super) fn send(&mut self, slices: &[&[u8]], outgoing: &mut Outgoing) -> Result<(), TlsError> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        if total == 0 {
            return Ok(());
        }
        self.with_writer(outgoing, |writer, outgoing| {
            outgoing.reserve(encrypted_size(total));
            match slices {
                [one] => encrypt(writer, one, outgoing),
                _ => encrypt_joined(writer, slices, total, outgoing),
            }
        })
    }

    /// Queues `close_notify`, once, if keys for it exist.
    pub(super) fn send_close_notify(&mut self, outgoing: &mut Outgoing) -> Result<(), TlsError> {
        if self.close_sent || self.common().is_handshaking() {
            return Ok(());
        }
        let result = self.with_writer(outgoing, |writer, outgoing| {
            outgoing.append(RECORD_OVERHEAD + 2, |room| writer.queue_close_notify(room))
        });
        self.close_sent = true;
        result
    }

    fn process_all(
        &mut self,
        mut ciphertext: &mut [u8],
        plaintext: &mut BytesMut,
        outgoing: &mut Outgoing,
    ) -> Result<(), TlsError> {
        while !ciphertext.is_empty() && !self.peer_closed {
            if self.incomplete.is_empty() {
                let used = self.process(ciphertext, plaintext, outgoing)?;
                self.incomplete.extend_from_slice(&ciphertext[used..]);
                break;
            }
            let (now, later) = ciphertext.split_at_mut(missing(&self.incomplete, ciphertext));
            ciphertext = later;
            let mut incomplete = std::mem::take(&mut self.incomplete);
            incomplete.extend_from_slice(now);
            let used = self.process(&mut incomplete, plaintext, outgoing)?;
            if used < incomplete.len() {
                incomplete.drain(..used);
                self.incomplete = incomplete;
            }
        }
        if self.peer_closed {
            // "Any data received after a closure alert has been received MUST be ignored" (RFC 8446 §6.1).
            self.incomplete = Vec::new();
        }
        if self.incomplete.len() > MAX_INCOMPLETE {
            return Err(TlsError::new(
                ErrorKind::Protocol,
                "the peer spreads a handshake message over too many records",
            ));
        }
        Ok(())
    }

    /// Processes the complete records at the front of `input`; returns how many bytes are done with.
    fn process(
        &mut self,
        input: &mut [u8],
        plaintext: &mut BytesMut,
        outgoing: &mut Outgoing,
    ) -> Result<usize, TlsError> {
        let mut used = 0;
        loop {
            let status = self.connection.process(&mut input[used..]);
            let mut discard = status.discard;
            let mut blocked = false;
            match status.state? {
                ConnectionState::ReadTraffic(mut records) => {
                    while let Some(record) = records.next_record() {
                        let record = record?;
                        plaintext.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                    // rustls gives out one record at a time: after the last there is nothing to ask for.
                    blocked = used + discard == input.len();
                }
                ConnectionState::EncodeTlsData(mut record) => {
                    outgoing.append(0, |room| record.encode(room))?;
                }
                ConnectionState::TransmitTlsData(state) => state.done(),
                ConnectionState::PeerClosed => self.peer_closed = true,
                ConnectionState::BlockedHandshake
                | ConnectionState::WriteTraffic(_)
                | ConnectionState::Closed => blocked = true,
                _ => return Err(unexpected_state()),
            }
            used += discard;
            if blocked {
                return Ok(used);
            }
        }
    }

    /// Brings the connection to where it encrypts, and calls `write` there.
    fn with_writer(
        &mut self,
        outgoing: &mut Outgoing,
        write: impl FnOnce(&mut WriteTraffic<'_, C::Data>, &mut Outgoing) -> Result<(), TlsError>,
    ) -> Result<(), TlsError> {
        if self.close_sent || self.common().is_handshaking() {
            return Err(TlsError::new(
                ErrorKind::NotSendable,
                if self.close_sent {
                    "send after close_notify"
                } else {
                    "send before the end of the TLS handshake"
                },
            ));
        }
        loop {
            // `receive` has taken all that is complete in `incomplete`: nothing is decrypted or discarded here.
            let status = self.connection.process(&mut self.incomplete);
            debug_assert_eq!(status.discard, 0);
            match status.state? {
                ConnectionState::WriteTraffic(mut writer) => return write(&mut writer, outgoing),
                ConnectionState::EncodeTlsData(mut record) => {
                    outgoing.append(0, |room| record.encode(room))?;
                }
                ConnectionState::TransmitTlsData(state) => state.done(),
                ConnectionState::PeerClosed => self.peer_closed = true,
                _ => return Err(unexpected_state()),
            }
        }
    }
}

/// How many bytes of `input` to move behind `incomplete`: those that complete its record, so that the records
/// after it can be decrypted in place; all if rustls has been at its record already, which then is part of a
/// larger handshake message.
fn missing(incomplete: &[u8], input: &[u8]) -> usize {
    let byte = |i: usize| incomplete.get(i).or_else(|| input.get(i - incomplete.len()));
    let (Some(&high), Some(&low)) = (byte(3), byte(4)) else {
        return input.len();
    };
    let record = RECORD_HEADER + usize::from(u16::from_be_bytes([high, low]));
    match record.checked_sub(incomplete.len()) {
        None | Some(0) => input.len(),
        Some(missing) => missing.min(input.len()),
    }
}

/// Encrypts `slices` as if they were one: small ones share a record, whole records are taken where they lie.
fn encrypt_joined<D>(
    writer: &mut WriteTraffic<'_, D>,
    slices: &[&[u8]],
    total: usize,
    outgoing: &mut Outgoing,
) -> Result<(), TlsError> {
    let mut joined = Vec::with_capacity(total.min(MAX_FRAGMENT));
    for mut slice in slices.iter().copied() {
        while !slice.is_empty() {
            let take = if joined.is_empty() && slice.len() >= MAX_FRAGMENT {
                let whole = slice.len() - slice.len() % MAX_FRAGMENT;
                encrypt(writer, &slice[..whole], outgoing)?;
                whole
            } else {
                let take = slice.len().min(MAX_FRAGMENT - joined.len());
                joined.extend_from_slice(&slice[..take]);
                take
            };
            slice = &slice[take..];
            if joined.len() == MAX_FRAGMENT {
                encrypt(writer, &joined, outgoing)?;
                joined.clear();
            }
        }
    }
    encrypt(writer, &joined, outgoing)
}

fn encrypt<D>(
    writer: &mut WriteTraffic<'_, D>,
    plaintext: &[u8],
    outgoing: &mut Outgoing,
) -> Result<(), TlsError> {
    outgoing.append(encrypted_size(plaintext.len()), |room| writer.encrypt(plaintext, room))
}

/// At most this many bytes of ciphertext come of `plaintext` bytes, unless a key update goes with them.
fn encrypted_size(plaintext: usize) -> usize {
    plaintext + plaintext.div_ceil(MAX_FRAGMENT) * RECORD_OVERHEAD
}

fn unexpected_state() -> TlsError {
    TlsError::new(ErrorKind::Internal, "TLS state out of order")
}
