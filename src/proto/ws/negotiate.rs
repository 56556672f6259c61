//! permessage-deflate in the handshake (RFC 7692 §7.1): what a client offers, and what a server makes of it.

use std::fmt::Write as _;

use super::deflate::Params;
use super::extensions::Extension;

/// What the extension is called.
pub const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// The server's choice among the client's offers: the first that it can take, and what it answers to it. `ours` is what
/// the server would do if it were asked for nothing.
#[must_use]
pub fn negotiate_server(offers: &[Extension<'_>], ours: &Params) -> Option<(Params, String)> {
    offers.iter().filter(|offer| offer.name == PERMESSAGE_DEFLATE).find_map(|offer| accept(offer, ours))
}

/// What is agreed on, and the answer; `None` for an offer with a parameter that is unknown, repeated or has a bad value,
/// which must be declined.
fn accept(offer: &Extension<'_>, ours: &Params) -> Option<(Params, String)> {
    let mut params = ours.clone();
    let mut seen = [false; 4];
    for param in &offer.params {
        let at = match (param.name, param.value) {
            ("server_no_context_takeover", None) => {
                params.server_no_context_takeover = true;
                0
            }
            ("client_no_context_takeover", None) => {
                params.client_no_context_takeover = true;
                1
            }
            ("server_max_window_bits", Some(bits)) => {
                params.server_max_window_bits = params.server_max_window_bits.min(window_bits(bits)?);
                2
            }
            // The client says that it can be limited, or to what it limits itself: any window inflates that.
            ("client_max_window_bits", bits) => {
                if let Some(bits) = bits {
                    window_bits(bits)?;
                }
                3
            }
            _ => return None,
        };
        if std::mem::replace(&mut seen[at], true) {
            return None;
        }
    }
    let mut answer = PERMESSAGE_DEFLATE.to_owned();
    if params.server_no_context_takeover {
        answer.push_str("; server_no_context_takeover");
    }
    if params.client_no_context_takeover {
        answer.push_str("; client_no_context_takeover");
    }
    if seen[2] {
        let _ = write!(answer, "; server_max_window_bits={}", params.server_max_window_bits);
    }
    Some((params, answer))
}

/// 8 to 15, without leading zeros (RFC 7692 §7.1.2).
fn window_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    (!text.starts_with(['0', '+'])).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ws::extensions;

    fn answer(offers: &str) -> Option<String> {
        let offers = extensions::parse(offers.as_bytes()).expect("a list");
        negotiate_server(&offers, &Params::default()).map(|(_, answer)| answer)
    }

    #[test]
    fn the_first_offer_that_can_be_taken_is() {
        for (offers, expected) in [
            ("", None),
            ("x-other", None),
            ("permessage-deflate", Some("permessage-deflate")),
            ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            ),
            (
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits=8",
                Some("permessage-deflate; server_max_window_bits=10"),
            ),
            (
                "permessage-deflate; server_max_window_bits=\"8\"",
                Some("permessage-deflate; server_max_window_bits=8"),
            ),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits=08", None),
            ("permessage-deflate; server_max_window_bits=7", None),
            ("permessage-deflate; client_max_window_bits=99", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
            ("permessage-deflate; unknown", None),
            ("permessage-deflate; unknown, x, permessage-deflate", Some("permessage-deflate")),
        ] {
            assert_eq!(answer(offers).as_deref(), expected, "{offers}");
        }
    }

    #[test]
    fn what_is_agreed_on_is_kept() {
        let offers =
            extensions::parse(b"permessage-deflate; server_max_window_bits=9; client_no_context_takeover");
        let (params, _) = negotiate_server(&offers.expect("a list"), &Params::default()).expect("agreed");
        assert_eq!((params.server_max_window_bits, params.client_max_window_bits), (9, 15));
        assert!(params.client_no_context_takeover && !params.server_no_context_takeover);
    }
}
