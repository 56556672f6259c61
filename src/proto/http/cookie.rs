//! Reading one cookie out of a `Cookie` header.

/// The value of the first cookie called `name` in the value of a `Cookie` header (`lws_http_cookie_get`).
///
/// Names are case-sensitive. The value is what stands up to the next `;`, as sent: quotes are part of it
/// (RFC 6265 §5.4 sends cookies back verbatim). A pair without `=` is no cookie.
#[must_use]
pub fn cookie<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if name.is_empty() {
        return None;
    }
    header.split(|&byte| byte == b';').find_map(|pair| {
        let value = pair.trim_ascii_start().strip_prefix(name)?;
        value.strip_prefix(b"=")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cookie;

    #[test]
    fn finds_whole_names_only() {
        let header = br#"ab=7; a=1; b="x y";c=9; q; A=2; e=; ;=z; a=3"#;
        let find = |name: &str| cookie(header, name.as_bytes());
        assert_eq!(find("a"), Some(&b"1"[..]));
        assert_eq!(find("ab"), Some(&b"7"[..]));
        assert_eq!(find("b"), Some(&br#""x y""#[..]));
        assert_eq!(find("c"), Some(&b"9"[..]));
        assert_eq!(find("A"), Some(&b"2"[..]));
        assert_eq!(find("e"), Some(&b""[..]));
        for absent in ["q", "", "x", "a=1", "B"] {
            assert_eq!(find(absent), None, "{absent}");
        }
    }

    #[test]
    fn the_value_is_verbatim() {
        assert_eq!(cookie(b"b=2 ; a= 1", b"b"), Some(&b"2 "[..]));
        assert_eq!(cookie(b"b=2 ; a= 1", b"a"), Some(&b" 1"[..]));
        assert_eq!(cookie(b"t=a=b=", b"t"), Some(&b"a=b="[..]));
    }

    proptest! {
        #[test]
        fn every_cookie_of_a_jar_is_found(jar in proptest::collection::btree_map("[a-z_]{1,6}", "[!-:<-~]{0,8}", 0..6)) {
            let header = jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            for (name, value) in &jar {
                prop_assert_eq!(cookie(header.as_bytes(), name.as_bytes()), Some(value.as_bytes()));
            }
        }
    }
}
