//! `enum lws_token_indexes`: the numbers by which the C API names request lines and headers.
//!
//! The strings are what `lws_token_to_string` gives: a header's name with its colon, a pseudo-header's
//! name, or the mark that lws's h1 parser looks for. The header table finds values by [`Token::header_name`].

use std::ffi::CStr;

use ::http::HeaderName;

/// One value of `enum lws_token_indexes` below [`Token::COUNT`].
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub struct Token(u8);

macro_rules! tokens {
    ($($name:ident = $index:literal, $text:expr;)*) => {
        impl Token {
            $(
                #[doc = concat!("`WSI_TOKEN_", stringify!($name), "`.")]
                pub const $name: Self = Self($index);
            )*
        }

        const TEXTS: [Option<&CStr>; Token::COUNT as usize] = [$($text),*];
        /// Each token's place in the list above is its number.
        const _: () = {
            let numbers: [u8; Token::COUNT as usize] = [$($index),*];
            let mut at = 0;
            while at < numbers.len() {
                assert!(numbers[at] as usize == at);
                at += 1;
            }
        };
        static HEADER_NAMES: [Option<HeaderName>; Token::COUNT as usize] =
            [$(header_name_in($text)),*];
    };
}

tokens! {
    GET_URI = 0, Some(c"get ");
    POST_URI = 1, Some(c"post ");
    OPTIONS_URI = 2, Some(c"options ");
    HOST = 3, Some(c"host:");
    CONNECTION = 4, Some(c"connection:");
    UPGRADE = 5, Some(c"upgrade:");
    ORIGIN = 6, Some(c"origin:");
    DRAFT = 7, Some(c"sec-websocket-draft:");
    CHALLENGE = 8, Some(c"\r\n");
    EXTENSIONS = 9, Some(c"sec-websocket-extensions:");
    KEY1 = 10, Some(c"sec-websocket-key1:");
    KEY2 = 11, Some(c"sec-websocket-key2:");
    PROTOCOL = 12, Some(c"sec-websocket-protocol:");
    ACCEPT = 13, Some(c"sec-websocket-accept:");
    NONCE = 14, Some(c"sec-websocket-nonce:");
    HTTP = 15, Some(c"http/1.1 ");
    HTTP2_SETTINGS = 16, Some(c"http2-settings:");
    HTTP_ACCEPT = 17, Some(c"accept:");
    HTTP_AC_REQUEST_HEADERS = 18, Some(c"access-control-request-headers:");
    HTTP_IF_MODIFIED_SINCE = 19, Some(c"if-modified-since:");
    HTTP_IF_NONE_MATCH = 20, Some(c"if-none-match:");
    HTTP_ACCEPT_ENCODING = 21, Some(c"accept-encoding:");
    HTTP_ACCEPT_LANGUAGE = 22, Some(c"accept-language:");
    HTTP_PRAGMA = 23, Some(c"pragma:");
    HTTP_CACHE_CONTROL = 24, Some(c"cache-control:");
    HTTP_AUTHORIZATION = 25, Some(c"authorization:");
    HTTP_COOKIE = 26, Some(c"cookie:");
    HTTP_CONTENT_LENGTH = 27, Some(c"content-length:");
    HTTP_CONTENT_TYPE = 28, Some(c"content-type:");
    HTTP_DATE = 29, Some(c"date:");
    HTTP_RANGE = 30, Some(c"range:");
    HTTP_REFERER = 31, Some(c"referer:");
    KEY = 32, Some(c"sec-websocket-key:");
    VERSION = 33, Some(c"sec-websocket-version:");
    SWORIGIN = 34, Some(c"sec-websocket-origin:");
    HTTP_COLON_AUTHORITY = 35, Some(c":authority");
    HTTP_COLON_METHOD = 36, Some(c":method");
    HTTP_COLON_PATH = 37, Some(c":path");
    HTTP_COLON_SCHEME = 38, Some(c":scheme");
    HTTP_COLON_STATUS = 39, Some(c":status");
    HTTP_ACCEPT_CHARSET = 40, Some(c"accept-charset:");
    HTTP_ACCEPT_RANGES = 41, Some(c"accept-ranges:");
    HTTP_ACCESS_CONTROL_ALLOW_ORIGIN = 42, Some(c"access-control-allow-origin:");
    HTTP_AGE = 43, Some(c"age:");
    HTTP_ALLOW = 44, Some(c"allow:");
    HTTP_CONTENT_DISPOSITION = 45, Some(c"content-disposition:");
    HTTP_CONTENT_ENCODING = 46, Some(c"content-encoding:");
    HTTP_CONTENT_LANGUAGE = 47, Some(c"content-language:");
    HTTP_CONTENT_LOCATION = 48, Some(c"content-location:");
    HTTP_CONTENT_RANGE = 49, Some(c"content-range:");
    HTTP_ETAG = 50, Some(c"etag:");
    HTTP_EXPECT = 51, Some(c"expect:");
    HTTP_EXPIRES = 52, Some(c"expires:");
    HTTP_FROM = 53, Some(c"from:");
    HTTP_IF_MATCH = 54, Some(c"if-match:");
    HTTP_IF_RANGE = 55, Some(c"if-range:");
    HTTP_IF_UNMODIFIED_SINCE = 56, Some(c"if-unmodified-since:");
    HTTP_LAST_MODIFIED = 57, Some(c"last-modified:");
    HTTP_LINK = 58, Some(c"link:");
    HTTP_LOCATION = 59, Some(c"location:");
    HTTP_MAX_FORWARDS = 60, Some(c"max-forwards:");
    HTTP_PROXY_AUTHENTICATE = 61, Some(c"proxy-authenticate:");
    HTTP_PROXY_AUTHORIZATION = 62, Some(c"proxy-authorization:");
    HTTP_REFRESH = 63, Some(c"refresh:");
    HTTP_RETRY_AFTER = 64, Some(c"retry-after:");
    HTTP_SERVER = 65, Some(c"server:");
    HTTP_SET_COOKIE = 66, Some(c"set-cookie:");
    HTTP_STRICT_TRANSPORT_SECURITY = 67, Some(c"strict-transport-security:");
    HTTP_TRANSFER_ENCODING = 68, Some(c"transfer-encoding:");
    HTTP_USER_AGENT = 69, Some(c"user-agent:");
    HTTP_VARY = 70, Some(c"vary:");
    HTTP_VIA = 71, Some(c"via:");
    HTTP_WWW_AUTHENTICATE = 72, Some(c"www-authenticate:");
    PATCH_URI = 73, Some(c"patch");
    PUT_URI = 74, Some(c"put");
    DELETE_URI = 75, Some(c"delete");
    HTTP_URI_ARGS = 76, Some(c"uri-args");
    PROXY = 77, Some(c"proxy ");
    HTTP_X_REAL_IP = 78, Some(c"x-real-ip:");
    HTTP1_0 = 79, Some(c"http/1.0 ");
    X_FORWARDED_FOR = 80, Some(c"x-forwarded-for:");
    CONNECT = 81, Some(c"connect ");
    HEAD_URI = 82, Some(c"head ");
    TE = 83, Some(c"te:");
    REPLAY_NONCE = 84, Some(c"replay-nonce:");
    COLON_PROTOCOL = 85, Some(c":protocol");
    X_AUTH_TOKEN = 86, Some(c"x-auth-token:");
    DSS_SIGNATURE = 87, Some(c"x-amzn-dss-signature:");
    CLIENT_SENT_PROTOCOLS = 88, Some(c"");
    CLIENT_PEER_ADDRESS = 89, None;
    CLIENT_URI = 90, None;
    CLIENT_HOST = 91, None;
    CLIENT_ORIGIN = 92, None;
    CLIENT_METHOD = 93, None;
    CLIENT_IFACE = 94, None;
    CLIENT_ALPN = 95, None;
}

impl Token {
    /// `WSI_TOKEN_COUNT`: one more than the last token.
    pub const COUNT: u32 = 96;

    /// The token of a number from C; `None` for anything that is not below [`Self::COUNT`].
    #[must_use]
    pub const fn from_index(index: u32) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index as u8)) } else { None }
    }

    /// The token's number in `enum lws_token_indexes`.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0 as u32
    }

    /// What `lws_token_to_string` returns; `None` is NULL (the client-side stash entries).
    #[must_use]
    pub fn c_string(self) -> Option<&'static CStr> {
        TEXTS[usize::from(self.0)]
    }

    /// The header this token stands for; `None` for request lines, pseudo-headers and marks.
    #[must_use]
    pub fn header_name(self) -> Option<&'static HeaderName> {
        HEADER_NAMES[usize::from(self.0)].as_ref()
    }

    /// The token of a header or pseudo-header name, any case, with or without the closing colon.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let name = name.strip_suffix(b":").unwrap_or(name);
        let found = TEXTS.iter().position(|text| {
            text.is_some_and(|text| bare_name(text).is_some_and(|bare| bare.eq_ignore_ascii_case(name)))
        })?;
        Some(Self(found as u8))
    }
}

/// The name in a token's text: `host:` and `:path` are names, `get ` and `patch` are not.
fn bare_name(text: &CStr) -> Option<&[u8]> {
    let text = text.to_bytes();
    if text.first() == Some(&b':') { Some(text) } else { text.strip_suffix(b":") }
}

const fn header_name_in(text: Option<&'static CStr>) -> Option<HeaderName> {
    let Some(text) = text else { return None };
    let bytes = text.to_bytes();
    if bytes.is_empty() || bytes[0] == b':' {
        return None;
    }
    let (name, last) = bytes.split_at(bytes.len() - 1);
    if last[0] != b':' {
        return None;
    }
    match std::str::from_utf8(name) {
        Ok(name) => Some(HeaderName::from_static(name)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_stop_at_count() {
        for index in 0..Token::COUNT {
            assert_eq!(Token::from_index(index).map(Token::index), Some(index));
        }
        assert_eq!(Token::from_index(Token::COUNT), None);
        assert_eq!(Token::from_index(u32::MAX), None);
        // Taken from the C enum, far apart, so that a shifted list shows.
        assert_eq!(Token::GET_URI.index(), 0);
        assert_eq!(Token::HTTP_COLON_PATH.index(), 37);
        assert_eq!(Token::HTTP_URI_ARGS.index(), 76);
        assert_eq!(Token::CLIENT_ALPN.index(), 95);
    }

    #[test]
    fn names_find_their_token() {
        for index in 0..Token::COUNT {
            let token = Token::from_index(index).unwrap();
            if let Some(name) = token.header_name() {
                assert_eq!(Token::from_name(name.as_str().as_bytes()), Some(token));
                let mut with_colon = name.as_str().to_ascii_uppercase().into_bytes();
                with_colon.push(b':');
                assert_eq!(Token::from_name(&with_colon), Some(token));
                with_colon.make_ascii_lowercase();
                assert_eq!(token.c_string().unwrap().to_bytes(), with_colon);
            }
        }
        assert_eq!(Token::from_name(b":path"), Some(Token::HTTP_COLON_PATH));
        for not_a_name in [&b""[..], b":", b"get ", b"get", b"x-unknown", b"uri-args", b"\r\n", b"path"] {
            assert_eq!(Token::from_name(not_a_name), None, "{not_a_name:?}");
        }
    }

    #[test]
    fn only_real_headers_have_a_header_name() {
        assert_eq!(Token::HTTP_CONTENT_TYPE.header_name(), Some(&::http::header::CONTENT_TYPE));
        assert_eq!(Token::PROTOCOL.header_name().unwrap(), "sec-websocket-protocol");
        for token in [Token::GET_URI, Token::CHALLENGE, Token::HTTP, Token::HTTP_COLON_PATH, Token::PUT_URI] {
            assert_eq!(token.header_name(), None, "{token:?}");
            assert!(token.c_string().is_some());
        }
        assert_eq!(Token::CLIENT_URI.c_string(), None);
        assert_eq!(Token::CLIENT_SENT_PROTOCOLS.c_string(), Some(c""));
    }
}
