//! The library's own answers, and the header lines it adds to the program's.

use super::context::Context;
use super::write::{Mode, WriteError};
use super::wsi::Wsi;
use crate::proto::http::header::Version;
use crate::proto::http::mount;
use crate::proto::http::response::{self, HeaderError};

/// Do not add the `server:` line (`LWSAHH_FLAG_NO_SERVER_NAME`).
pub const NO_SERVER_NAME: u32 = 1 << 30;

/// The status code in the argument of `lws_add_http_header_status`.
const CODE_MASK: u32 = 0xffff;

/// Room for the heads that the library itself writes.
const HEAD_ROOM: usize = 4096;

/// Header lines being written into a buffer of fixed size.
pub struct HeadWriter<'a> {
    buf: &'a mut [u8],
    at: usize,
}

impl<'a> HeadWriter<'a> {
    /// Starts at the front of `buf`.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, at: 0 }
    }

    /// Bytes written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// Adds one header line.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeaderError> {
        self.at += response::put_header(&mut self.buf[self.at..], name, value)?;
        Ok(())
    }

    /// Adds a header line whose name is the library's own, and good.
    pub(super) fn own_header(&mut self, name: &'static str, value: &[u8]) -> Result<(), HeaderError> {
        self.at += response::put_value(&mut self.buf[self.at..], name, value)?;
        Ok(())
    }

    /// Adds the empty line that ends the head.
    pub fn end(&mut self) -> Result<(), HeaderError> {
        self.at += response::put_end(&mut self.buf[self.at..])?;
        Ok(())
    }

    /// What is left of the buffer.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.buf[self.at..]
    }

    /// Counts bytes that were written into [`HeadWriter::room`].
    pub fn advance(&mut self, len: usize) {
        self.at = (self.at + len).min(self.buf.len());
    }
}

/// A head built by the library, with room to spare.
pub(super) fn build_head(
    build: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), HeaderError>,
) -> Result<Vec<u8>, HeaderError> {
    let mut buf = vec![0; HEAD_ROOM];
    let mut head = HeadWriter::new(&mut buf);
    build(&mut head)?;
    let len = head.len();
    buf.truncate(len);
    Ok(buf)
}

impl Context {
    /// The status line and what the vhost adds to every head (`lws_add_http_header_status`).
    pub fn start_head(&self, wsi: &Wsi, code: u32, head: &mut HeadWriter<'_>) -> Result<(), HeaderError> {
        let version = wsi.ah().map_or(Version::Http11, |ah| ah.version());
        let written = response::put_status(head.room(), version, code & CODE_MASK)?;
        head.advance(written);
        let Some(vhost) = wsi.vhost() else { return Ok(()) };
        for (name, value) in &vhost.headers {
            head.header(name.as_bytes(), value.as_bytes())?;
        }
        if vhost.security_headers {
            for (name, value) in mount::security_headers() {
                head.header(name.as_bytes(), value.as_bytes())?;
            }
        }
        if let Some(server) = &vhost.server_string
            && code & NO_SERVER_NAME == 0
        {
            head.own_header("server", server.as_bytes())?;
        }
        if vhost.sts {
            head.own_header("strict-transport-security", b"max-age=15768000 ; includeSubDomains")?;
        }
        Ok(())
    }

    /// Status, content type and length (`lws_add_http_common_headers`). Without a length, an HTTP/1 connection
    /// closes after the answer.
    pub fn common_head(
        &self,
        wsi: &Wsi,
        code: u32,
        content_type: Option<&[u8]>,
        length: Option<u64>,
        head: &mut HeadWriter<'_>,
    ) -> Result<(), HeaderError> {
        self.start_head(wsi, code, head)?;
        if let Some(content_type) = content_type {
            head.own_header("content-type", content_type)?;
        }
        match length {
            Some(length) => self.content_length(head, length),
            None if wsi.is_stream() => Ok(()),
            None => {
                wsi.http.keep_alive.set(false);
                head.own_header("connection", b"close")
            }
        }
    }

    /// A `content-length` line.
    pub fn content_length(&self, head: &mut HeadWriter<'_>, length: u64) -> Result<(), HeaderError> {
        let written = response::put_content_length(head.room(), length)?;
        head.advance(written);
        Ok(())
    }

    /// The head of a redirect: no body, so that the connection can go on.
    pub fn redirect_head(&self, wsi: &Wsi, code: u32, location: &[u8]) -> Result<Vec<u8>, HeaderError> {
        build_head(|head| self.put_redirect(wsi, code, location, head))
    }

    /// Writes the head of a redirect (`lws_http_redirect`).
    pub fn put_redirect(
        &self,
        wsi: &Wsi,
        code: u32,
        location: &[u8],
        head: &mut HeadWriter<'_>,
    ) -> Result<(), HeaderError> {
        self.start_head(wsi, code, head)?;
        head.header(b"location", location)?;
        head.header(b"content-type", b"text/html")?;
        head.header(b"content-length", b"0")?;
        head.end()
    }

    /// A status page with an explanation (`lws_return_http_status`); a 404 may be a redirect to the vhost's document.
    pub fn return_status(&self, wsi: &Wsi, code: u32, explanation: &str) -> Result<(), WriteError> {
        let vhost = wsi.vhost().ok_or(WriteError::Gone)?;
        if code == 404
            && let Some(document) = &vhost.error_document_404
            && wsi.ah().is_none_or(|ah| ah.path().to_bytes() != document.as_bytes())
        {
            let head = self.redirect_head(wsi, 302, document.as_bytes())?;
            return self.write(wsi, &head, Mode::HEADERS_END).map(drop);
        }
        let page = status_page(code, explanation);
        let head = build_head(|head| {
            self.common_head(wsi, code, Some(b"text/html"), Some(page.len() as u64), head)?;
            head.end()
        })?;
        self.write(wsi, &head, Mode::HEADERS)?;
        self.write(wsi, page.as_bytes(), Mode::FINAL).map(drop)
    }
}

/// The page that goes with a status code.
pub(super) fn status_page(code: u32, explanation: &str) -> String {
    format!(
        "<html><head><meta charset=utf-8 http-equiv=\"Content-Language\" content=\"en\"/>\
         <link rel=\"stylesheet\" type=\"text/css\" href=\"/error.css\"/></head>\
         <body><h1>{code}</h1>{explanation}</body></html>"
    )
}
