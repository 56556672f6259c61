//! Messages of permessage-deflate (RFC 7692), made and read by another implementation than the library's.

/// RSV1: the message is compressed.
pub(crate) const COMPRESSED: u8 = 0x40;

/// What a compressed message says that refers to nothing before it.
pub(crate) fn inflated(payload: &[u8]) -> Vec<u8> {
    Inflating::new().message(payload)
}

/// A message compressed by itself.
pub(crate) fn deflated(message: &[u8]) -> Vec<u8> {
    Deflating::new().message(message)
}

/// Reads messages that may refer to those before.
pub(crate) struct Inflating(flate2::Decompress);

impl Inflating {
    pub(crate) fn new() -> Self {
        Self(flate2::Decompress::new(false))
    }

    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 << 20);
        let all = [payload, &[0, 0, 0xff, 0xff]].concat();
        self.0.decompress_vec(&all, &mut out, flate2::FlushDecompress::Sync).expect("DEFLATE");
        assert!(out.len() < out.capacity(), "messages are smaller than the room for them");
        out
    }
}

/// Makes messages that refer to those before.
pub(crate) struct Deflating(flate2::Compress);

impl Deflating {
    pub(crate) fn new() -> Self {
        Self(flate2::Compress::new(flate2::Compression::fast(), false))
    }

    pub(crate) fn message(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 64);
        self.0.compress_vec(message, &mut out, flate2::FlushCompress::Sync).expect("room");
        assert_eq!(out[out.len() - 4..], [0, 0, 0xff, 0xff]);
        out.truncate(out.len() - 4);
        out
    }
}
