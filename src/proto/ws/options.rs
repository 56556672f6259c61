//! Texts of options, as programs have them for extensions (`lws_ext_parse_options`): `name; name=10; name="10"`, up to the end or
//! a comma.

/// What stands behind an option's name.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Argument {
    /// Nothing.
    None,
    /// A decimal number.
    Number,
    /// A decimal number, or nothing.
    Optional,
}

/// An option that there is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Known<'a> {
    /// Its name, in the case that it must have.
    pub name: &'a [u8],
    /// What stands behind that.
    pub argument: Argument,
}

/// Calls `set` for each option in `text`, with its place in `known` and the digits of its value. Ends with an error at the first
/// that is not known or has not the argument that it should; those before have been set then.
pub fn parse<'a>(
    text: &'a [u8],
    known: &[Known<'_>],
    mut set: impl FnMut(usize, Option<&'a [u8]>),
) -> Result<(), String> {
    let end = text.iter().position(|&byte| byte == b',').unwrap_or(text.len());
    let mut parts = text[..end].split(|&byte| byte == b';').peekable();
    while let Some(part) = parts.next() {
        // What a last semicolon is followed by, or a text without any option.
        if parts.peek().is_none() && trim(part).is_empty() {
            return Ok(());
        }
        let (at, value) =
            option(part, known).ok_or_else(|| format!("bad option {:?}", String::from_utf8_lossy(part)))?;
        set(at, value);
    }
    Ok(())
}

fn option<'a>(part: &'a [u8], known: &[Known<'_>]) -> Option<(usize, Option<&'a [u8]>)> {
    let mut halves = part.splitn(2, |&byte| byte == b'=');
    let name = trim(halves.next()?);
    let value = halves.next();
    let at = known.iter().position(|known| known.name == name)?;
    let value = match (known[at].argument, value) {
        (Argument::None | Argument::Optional, None) => None,
        (Argument::Number | Argument::Optional, Some(value)) => Some(digits(value)?),
        (Argument::None, Some(_)) | (Argument::Number, None) => return None,
    };
    Some((at, value))
}

/// The digits of a value, which may stand in quotes.
fn digits(value: &[u8]) -> Option<&[u8]> {
    // It begins right behind the `=`.
    let end = value.iter().rposition(|&byte| byte != b' ')? + 1;
    let value = &value[..end];
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    (!bare.is_empty() && bare.iter().all(u8::is_ascii_digit)).then_some(bare)
}

fn trim(text: &[u8]) -> &[u8] {
    let Some(start) = text.iter().position(|&byte| byte != b' ') else { return &[] };
    let end = text.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const KNOWN: [Known<'static>; 4] = [
        Known { name: b"flag", argument: Argument::None },
        Known { name: b"size", argument: Argument::Number },
        Known { name: b"bits", argument: Argument::Optional },
        Known { name: b"flag_two", argument: Argument::None },
    ];

    /// What is set, then whether all was well.
    fn shown(text: &str) -> String {
        let mut all = String::new();
        let result = parse(text.as_bytes(), &KNOWN, |at, value| {
            let value = value.map(|value| format!("={}", String::from_utf8_lossy(value)));
            write!(all, "{at}{} ", value.unwrap_or_default()).unwrap();
        });
        all + if result.is_ok() { "." } else { "!" }
    }

    #[test]
    fn texts_are_read() {
        for (text, expected) in [
            ("", "."),
            ("  ", "."),
            ("flag", "0 ."),
            (" flag ; size=10;bits ;bits=\"9\" ; flag_two;", "0 1=10 2 2=9 3 ."),
            ("bits = 9", "!"),
            ("bits =9 ; flag", "2=9 0 ."),
            ("flag, size", "0 ."),
            ("flag,", "0 ."),
            (",", "."),
            ("flag=1", "!"),
            ("size", "!"),
            ("size=", "!"),
            ("size= 1", "!"),
            ("size=\"\"", "!"),
            ("size=\"1", "!"),
            ("size=1\"", "!"),
            ("size=-1", "!"),
            ("size=1 2", "!"),
            ("size=12x", "!"),
            ("flag; other; size=1", "0 !"),
            ("fla", "!"),
            ("flags", "!"),
            ("Flag", "!"),
            (";flag", "!"),
            ("flag;;size=1", "0 !"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }
}
