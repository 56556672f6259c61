//! The header lines of a request while they gather: some by the library, some by the program, as text either way.

use super::request::{BadRequest, check_field};

/// Header lines, each with its line end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestLines {
    text: Vec<u8>,
    /// What could not be added, the first of it.
    bad: Option<BadRequest>,
}

/// What the lines say of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodySaid {
    /// Its length, where content-length says one.
    pub length: Option<u64>,
    /// transfer-encoding is given.
    pub chunked: bool,
}

impl RequestLines {
    /// Adds a line; a value that cannot stand in one, above all because it would begin another, spoils them all.
    pub fn add(&mut self, name: &str, value: &str) {
        if let Err(bad) = check_field(name.as_bytes(), value.as_bytes()) {
            self.bad.get_or_insert(bad);
            return;
        }
        for part in [name, ": ", value, "\r\n"] {
            self.text.extend_from_slice(part.as_bytes());
        }
    }

    /// Adds whole lines; the last gets its end if it has none, and an empty line at the end, which would end the head, is
    /// left away.
    pub fn add_text(&mut self, text: &[u8]) {
        let lines = text.strip_suffix(b"\r\n").unwrap_or(text);
        let lines = if lines.ends_with(b"\r\n") { &lines[..lines.len() - 2] } else { lines };
        if !lines.is_empty() {
            self.text.extend_from_slice(lines);
            self.text.extend_from_slice(b"\r\n");
        }
    }

    /// Whether there is a line called `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|line| name_of(line).eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Drops what describes a body (RFC 9110 §8), because there will be none.
    pub fn remove_body_headers(&mut self) {
        let kept = self.iter().filter(|line| !says_body(name_of(line))).fold(Vec::new(), |mut kept, line| {
            kept.extend_from_slice(line);
            kept
        });
        self.text = kept;
    }

    /// What the lines say of the body.
    #[must_use]
    pub fn body_said(&self) -> BodySaid {
        let mut said = BodySaid::default();
        for line in self.iter() {
            let name = name_of(line);
            if name.eq_ignore_ascii_case(b"content-length") {
                let value = line.get(name.len() + 1..).unwrap_or_default();
                said.length = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                said.chunked = true;
            }
        }
        said
    }

    /// The text of all lines, unless one of them could not be added.
    pub fn into_bytes(self) -> Result<Vec<u8>, BadRequest> {
        self.bad.map_or(Ok(self.text), Err)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split_inclusive(|&byte| byte == b'\n')
    }
}

fn name_of(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
    line[..end].trim_ascii()
}

fn says_body(name: &[u8]) -> bool {
    name.len() > 8 && name[..8].eq_ignore_ascii_case(b"content-")
        || name.eq_ignore_ascii_case(b"transfer-encoding")
        || name.eq_ignore_ascii_case(b"trailer")
        || name.eq_ignore_ascii_case(b"expect")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_program_becomes_whole_lines() {
        for (text, lines) in [
            ("", ""),
            ("\r\n", ""),
            ("a: b", "a: b\r\n"),
            ("a: b\r\n", "a: b\r\n"),
            ("a: b\r\n\r\n", "a: b\r\n"),
            ("a: b\r\nc: d\r\n", "a: b\r\nc: d\r\n"),
        ] {
            let mut all = RequestLines::default();
            all.add_text(text.as_bytes());
            assert_eq!(all.into_bytes().unwrap(), lines.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn what_is_said_of_the_body_is_found_and_can_be_unsaid() {
        let mut lines = RequestLines::default();
        lines.add("Accept", "x");
        assert!(lines.has("accept") && !lines.has("accep") && !lines.has("x"));
        assert_eq!(lines.body_said(), BodySaid::default());
        lines.add("Content-Length", "12");
        lines.add("content-type", "text/plain");
        assert_eq!(lines.body_said(), BodySaid { length: Some(12), chunked: false });
        lines.add("Transfer-Encoding", "chunked");
        assert!(lines.body_said().chunked);
        lines.remove_body_headers();
        assert_eq!(lines.into_bytes().unwrap(), b"Accept: x\r\n");
    }

    #[test]
    fn a_value_cannot_begin_another_line() {
        for value in ["a\r\nx: y", "a\nb", "a\rb", "a\0", "\x7f"] {
            let mut lines = RequestLines::default();
            lines.add("accept", "x");
            lines.add("origin", value);
            lines.add("te", "trailers");
            assert!(lines.into_bytes().unwrap_err().0.contains("\"origin\""), "{value:?}");
        }
    }
}
