//! Reason phrases of the status line.

/// The reason phrase that lws prints after a status code, which programs and tests compare literally.
///
/// Every 3xx but 304 is `Redirect`; codes outside its table get an empty phrase, which RFC 9112 §4 allows.
#[must_use]
pub const fn reason_phrase(code: u32) -> &'static str {
    match code {
        100 => "Continue",
        200 => "OK",
        304 => "Not Modified",
        300..=399 => "Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Auth Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request URI too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        // lws has no phrase for 431; it is ours to send, so it says what it means (RFC 6585 §5).
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::reason_phrase;

    #[test]
    fn redirects_share_a_phrase_but_not_modified_has_its_own() {
        for code in 300..400 {
            let expected = if code == 304 { "Not Modified" } else { "Redirect" };
            assert_eq!(reason_phrase(code), expected, "{code}");
        }
    }

    #[test]
    fn gaps_are_empty() {
        for code in [0, 99, 101, 199, 201, 204, 206, 299, 418, 426, 499, 506, 599, 1000, u32::MAX] {
            assert_eq!(reason_phrase(code), "", "{code}");
        }
        assert_eq!(reason_phrase(200), "OK");
        assert_eq!(reason_phrase(407), "Proxy Auth Required");
        assert_eq!(reason_phrase(414), "Request URI too Long");
    }
}
