//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1): a list of extensions with parameters.

use crate::proto::http::response::{is_token, trim_blanks};

/// One member of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its parameters in order; names may come twice.
    pub params: Vec<Param<'a>>,
}

/// A parameter of an extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its value without the quotes that may be around it, which is a token.
    pub value: Option<&'a str>,
}

/// Reads the value of one header line; `None` when it breaks the grammar.
///
/// Empty members, which lists may have (RFC 9110 §5.6.1), are passed over. A quoted value must be a token when it is
/// unquoted (RFC 6455 §9.1), so commas and semicolons only separate.
#[must_use]
pub fn parse(line: &[u8]) -> Option<Vec<Extension<'_>>> {
    line.split(|&byte| byte == b',')
        .map(trim_blanks)
        .filter(|member| !member.is_empty())
        .map(extension)
        .collect()
}

fn extension(member: &[u8]) -> Option<Extension<'_>> {
    let mut parts = member.split(|&byte| byte == b';').map(trim_blanks);
    let name = token(parts.next()?)?;
    let params = parts.map(param).collect::<Option<_>>()?;
    Some(Extension { name, params })
}

fn param(part: &[u8]) -> Option<Param<'_>> {
    let Some(equals) = part.iter().position(|&byte| byte == b'=') else {
        return Some(Param { name: token(part)?, value: None });
    };
    let value = trim_blanks(&part[equals + 1..]);
    let unquoted = match value {
        [b'"', unquoted @ .., b'"'] => unquoted,
        value => value,
    };
    Some(Param { name: token(trim_blanks(&part[..equals]))?, value: Some(token(unquoted)?) })
}

/// `text`, if it is a token (RFC 9110 §5.6.2).
pub(super) fn token(text: &[u8]) -> Option<&str> {
    if text.is_empty() || !text.iter().all(|&byte| is_token(byte)) {
        return None;
    }
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Option<String> {
        let all = parse(line.as_bytes())?;
        let all = all.iter().map(|extension| {
            let params = extension.params.iter().map(|param| match param.value {
                Some(value) => format!(";{}={value}", param.name),
                None => format!(";{}", param.name),
            });
            extension.name.to_owned() + &params.collect::<String>()
        });
        Some(all.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn reads_lists() {
        for (line, expected) in [
            ("", Some("")),
            ("foo", Some("foo")),
            ("deflate-stream", Some("deflate-stream")),
            (
                "mux; max-channels=4; flow-control, deflate-stream",
                Some("mux;max-channels=4;flow-control,deflate-stream"),
            ),
            (" , a ;\tb = \"10\" ,,c", Some("a;b=10,c")),
            ("a;", None),
            ("a;=1", None),
            ("a;b=", None),
            ("a;b=\"\"", None),
            ("a;b=\"1", None),
            ("a;b=\"1,2\"", None),
            ("a;b=1=2", None),
            ("a b", None),
            (";a", None),
            ("ä", None),
        ] {
            assert_eq!(shown(line).as_deref(), expected, "{line}");
        }
    }
}
