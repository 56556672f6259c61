//! The header lines of a request while they gather: some by the library, some by the program, as text either way.

/// Header lines, each with its line end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestLines(Vec<u8>);

/// What the lines say of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodySaid {
    /// Its length, where content-length says one.
    pub length: Option<u64>,
    /// transfer-encoding is given.
    pub chunked: bool,
}

impl RequestLines {
    /// Adds a line. Whether name and value may stand in one is looked at where the head is made of them.
    pub fn add(&mut self, name: &str, value: &str) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value.as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }

    /// Adds whole lines; the last gets its end if it has none, and an empty line at the end, which would end the head, is
    /// left away.
    pub fn add_text(&mut self, text: &[u8]) {
        let lines = text.strip_suffix(b"\r\n").unwrap_or(text);
        let lines = if lines.ends_with(b"\r\n") { &lines[..lines.len() - 2] } else { lines };
        if !lines.is_empty() {
            self.0.extend_from_slice(lines);
            self.0.extend_from_slice(b"\r\n");
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
        self.0 = kept;
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

    /// The text of all lines.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split_inclusive(|&byte| byte == b'\n')
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
            assert_eq!(all.into_bytes(), lines.as_bytes(), "{text:?}");
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
        assert_eq!(lines.into_bytes(), b"Accept: x\r\n");
    }
}
