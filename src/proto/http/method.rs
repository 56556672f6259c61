//! Request methods in the order of the C API's `LWSHUMETH_*`.

use super::token::Token;

/// A request method that lws has a token for; anything else is answered with 501.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Method {
    /// `LWSHUMETH_GET`
    Get,
    /// `LWSHUMETH_POST`
    Post,
    /// `LWSHUMETH_OPTIONS`
    Options,
    /// `LWSHUMETH_PUT`
    Put,
    /// `LWSHUMETH_PATCH`
    Patch,
    /// `LWSHUMETH_DELETE`
    Delete,
    /// `LWSHUMETH_CONNECT`
    Connect,
    /// `LWSHUMETH_HEAD`
    Head,
}

impl Method {
    /// Every method, in `LWSHUMETH_*` order.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Post,
        Self::Options,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Connect,
        Self::Head,
    ];

    /// The method as it stands in the request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Options => "OPTIONS",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Head => "HEAD",
        }
    }

    /// The method a request names. Methods are case-sensitive (RFC 9110 §9.1).
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str().as_bytes() == name)
    }

    /// The token under which the h1 header table holds the path of a request with this method.
    #[must_use]
    pub const fn uri_token(self) -> Token {
        match self {
            Self::Get => Token::GET_URI,
            Self::Post => Token::POST_URI,
            Self::Options => Token::OPTIONS_URI,
            Self::Put => Token::PUT_URI,
            Self::Patch => Token::PATCH_URI,
            Self::Delete => Token::DELETE_URI,
            Self::Connect => Token::CONNECT,
            Self::Head => Token::HEAD_URI,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_lwshumeth() {
        for (number, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(method as usize, number);
            assert_eq!(Method::from_bytes(method.as_str().as_bytes()), Some(method));
        }
        assert_eq!(Method::Delete as u8, 5);
        assert_eq!(Method::Head as u8, 7);
    }

    #[test]
    fn names_are_exact() {
        for wrong in [&b"get"[..], b"", b"GE", b"GETS", b"GET ", b"TRACE", b"PRI"] {
            assert_eq!(Method::from_bytes(wrong), None);
        }
    }

    #[test]
    fn each_method_has_its_own_token() {
        let mut tokens: Vec<u32> = Method::ALL.map(|m| m.uri_token().index()).to_vec();
        tokens.sort_unstable();
        assert_eq!(tokens, [0, 1, 2, 73, 74, 75, 81, 82]);
    }
}
