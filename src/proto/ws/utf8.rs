//! UTF-8, checked as it arrives: text may be cut anywhere, also within a character.

/// The check of one message's text.
#[derive(Clone, Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose end has not arrived: the first `len` bytes.
    carry: [u8; 4],
    len: u8,
}

/// The text is not UTF-8, whatever may follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Utf8 {
    /// Takes the next piece. The first byte that no continuation could make valid is an error at once.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.complete(byte)?;
        }
        // Most text is.
        if piece.is_ascii() {
            return Ok(());
        }
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(NotUtf8),
            Err(error) => {
                let begun = &piece[error.valid_up_to()..];
                self.carry[..begun.len()].copy_from_slice(begun);
                self.len = begun.len() as u8;
                Ok(())
            }
        }
    }

    /// Whether the text may end here; begins anew.
    pub(super) fn end(&mut self) -> Result<(), NotUtf8> {
        if std::mem::take(&mut self.len) == 0 { Ok(()) } else { Err(NotUtf8) }
    }

    /// Adds a byte to the character that has begun.
    fn complete(&mut self, byte: u8) -> Result<(), NotUtf8> {
        let at = usize::from(self.len);
        self.carry[at] = byte;
        match std::str::from_utf8(&self.carry[..=at]) {
            Ok(_) => self.len = 0,
            Err(error) if error.error_len().is_some() => return Err(NotUtf8),
            Err(_) => self.len += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many bytes are taken when they come one by one.
    fn taken(text: &[u8]) -> usize {
        let mut utf8 = Utf8::default();
        text.iter().take_while(|byte| utf8.push(&[**byte]).is_ok()).count()
    }

    #[test]
    fn fails_at_the_first_hopeless_byte() {
        for (text, at) in [
            (&b"\xc0\x80"[..], 0),
            (b"\xf5\x80", 0),
            (b"\x80", 0),
            (b"\xe0\x9f\x80", 1),
            (b"\xed\xa0\x80", 1),
            (b"\xf0\x8f\x80\x80", 1),
            (b"\xf4\x90\x80\x80", 1),
            (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80", 12),
            (b"\xe2\x82a", 2),
            (b"\xf0\x9f\x98\xff", 3),
        ] {
            assert_eq!(taken(text), at, "{text:x?}");
        }
        assert_eq!(taken("κόσμε €😀\u{10ffff}".as_bytes()), "κόσμε €😀\u{10ffff}".len());
    }

    #[test]
    fn a_text_does_not_end_within_a_character() {
        let mut utf8 = Utf8::default();
        utf8.push(b"a\xf0\x9f\x98").unwrap();
        assert_eq!(utf8.end(), Err(NotUtf8));
        utf8.push(b"\xc3").unwrap();
        utf8.push(b"").unwrap();
        utf8.push(b"\xa4 and more").unwrap();
        utf8.end().unwrap();
    }

    proptest! {
        #[test]
        fn is_what_std_says(
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..8),
                "\\PC{0,40}".prop_map(String::into_bytes),
                ("\\PC{0,40}", any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
                    let mut text = text.into_bytes();
                    if !text.is_empty() {
                        let at = at.index(text.len());
                        text[at] = byte;
                    }
                    text
                }),
            ],
            step in 1_usize..9,
        ) {
            let mut utf8 = Utf8::default();
            let pushed = text.chunks(step).try_for_each(|piece| utf8.push(piece));
            let expected = std::str::from_utf8(&text);
            prop_assert_eq!(pushed.is_ok(), expected.err().is_none_or(|error| error.error_len().is_none()));
            prop_assert_eq!(pushed.and_then(|()| utf8.end()).is_ok(), expected.is_ok());
        }
    }
}
