//! permessage-deflate in the handshake (RFC 7692 §5 and §7.1): what a client offers, what a server makes of it, and what
//! the client then may find in the answer.

use super::deflate::{LEAST_RFC_BITS, MOST_BITS, Params};
use super::extensions::{Extension, Param, parse};

/// What the extension is called.
pub const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// The parameters of one offer or answer, checked.
#[derive(Copy, Clone, Default, PartialEq, Eq, Debug)]
struct Terms {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<Bits>,
}

/// `client_max_window_bits`, which in an offer may stand without a value.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Bits {
    /// The server may choose.
    Any,
    /// At most so many.
    AtMost(u8),
}

/// The server's choice: the first of the `offers` that it can take, with what `config` wants beyond it. With the
/// extension as it stands in the response; `None` for a connection without compression.
///
/// A window of the client can only be asked to be smaller where its offer says so (§7.1.2.2); else it is 15 bits, whatever
/// `config` says.
#[must_use]
pub fn negotiate_server(offers: &[Extension<'_>], config: &Params) -> Option<(Params, String)> {
    let offers = offers.iter().filter(|offer| offer.name == PERMESSAGE_DEFLATE);
    let offer = offers.into_iter().find_map(|offer| Terms::read(&offer.params, Role::Offer).ok())?;
    let wanted_bits = rfc_bits(config.client_max_window_bits);
    let server_bits =
        rfc_bits(config.server_max_window_bits).min(offer.server_max_window_bits.unwrap_or(MOST_BITS));
    let client_bits = match offer.client_max_window_bits {
        None => MOST_BITS,
        Some(Bits::Any) => wanted_bits,
        Some(Bits::AtMost(bits)) => wanted_bits.min(bits),
    };
    let params = Params {
        server_no_context_takeover: config.server_no_context_takeover || offer.server_no_context_takeover,
        client_no_context_takeover: config.client_no_context_takeover || offer.client_no_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
        ..config.clone()
    };
    let answer = Terms {
        server_no_context_takeover: params.server_no_context_takeover,
        client_no_context_takeover: params.client_no_context_takeover,
        server_max_window_bits: offer
            .server_max_window_bits
            .map(|_| server_bits)
            .or((server_bits < MOST_BITS).then_some(server_bits)),
        client_max_window_bits: (client_bits < MOST_BITS).then_some(Bits::AtMost(client_bits)),
    };
    Some((params, answer.write()))
}

/// The client's offer of what `config` wants: the extension as it stands in the request.
#[must_use]
pub fn offer(config: &Params) -> String {
    let server_bits = rfc_bits(config.server_max_window_bits);
    let client_bits = rfc_bits(config.client_max_window_bits);
    Terms {
        server_no_context_takeover: config.server_no_context_takeover,
        client_no_context_takeover: config.client_no_context_takeover,
        server_max_window_bits: (server_bits < MOST_BITS).then_some(server_bits),
        client_max_window_bits: Some(if client_bits < MOST_BITS {
            Bits::AtMost(client_bits)
        } else {
            Bits::Any
        }),
    }
    .write()
}

/// Whether a text can stand as a client's offers: permessage-deflate, with parameters that offers may have, and nothing else.
pub fn check_offers(text: &str) -> Result<(), String> {
    let offers = parse(text.as_bytes()).ok_or("that is no list of extensions")?;
    for offer in &offers {
        if offer.name != PERMESSAGE_DEFLATE {
            return Err(format!("{} is not {PERMESSAGE_DEFLATE}", offer.name));
        }
        Terms::read(&offer.params, Role::Offer)?;
    }
    Ok(())
}

/// The client's check of the extensions in a response: `offered` is the value of the header that it had sent, `config`
/// what is not negotiated. `None` when the server takes no compression; the connection must be failed on an error, whose text
/// begins as programs know it.
pub fn check_client(
    answer: &[Extension<'_>],
    offered: &str,
    config: &Params,
) -> Result<Option<Params>, String> {
    let answer = match answer {
        [] => return Ok(None),
        [one] if one.name == PERMESSAGE_DEFLATE && !offered.is_empty() => one,
        [one] => return Err(format!("unknown ext: {} was not offered", one.name)),
        _ => return Err("unknown ext: more of them than were offered".to_owned()),
    };
    let terms =
        Terms::read(&answer.params, Role::Answer).map_err(|why| format!("failed parsing options: {why}"))?;
    let offers = parse(offered.as_bytes()).unwrap_or_default();
    let offers = offers.iter().filter(|offer| offer.name == PERMESSAGE_DEFLATE);
    let mut offers = offers.filter_map(|offer| Terms::read(&offer.params, Role::Offer).ok());
    let Some(offer) = offers.find(|offer| terms.answers(*offer)) else {
        return Err("Rejects server options: they do not answer what was offered".to_owned());
    };
    let hint = match offer.client_max_window_bits {
        Some(Bits::AtMost(bits)) => bits,
        Some(Bits::Any) | None => MOST_BITS,
    };
    let client_bits = match terms.client_max_window_bits {
        Some(Bits::AtMost(bits)) => bits.min(hint),
        Some(Bits::Any) | None => hint,
    };
    Ok(Some(Params {
        server_no_context_takeover: terms.server_no_context_takeover,
        // An offer to do without binds also when it is not answered (§7.1.1.2).
        client_no_context_takeover: terms.client_no_context_takeover || offer.client_no_context_takeover,
        server_max_window_bits: terms.server_max_window_bits.unwrap_or(MOST_BITS),
        client_max_window_bits: client_bits,
        ..config.clone()
    }))
}

/// Who says the parameters.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Role {
    Offer,
    Answer,
}

impl Terms {
    /// What the parameters say; unknown, repeated or ill-valued ones make the whole unacceptable (§7.1).
    fn read(params: &[Param<'_>], role: Role) -> Result<Self, &'static str> {
        let mut terms = Self::default();
        for param in params {
            let repeated = match (param.name, param.value) {
                ("server_no_context_takeover", None) => {
                    std::mem::replace(&mut terms.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    std::mem::replace(&mut terms.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(value)) => {
                    terms.server_max_window_bits.replace(window_bits(value)?).is_some()
                }
                ("client_max_window_bits", Some(value)) => {
                    terms.client_max_window_bits.replace(Bits::AtMost(window_bits(value)?)).is_some()
                }
                ("client_max_window_bits", None) if role == Role::Offer => {
                    terms.client_max_window_bits.replace(Bits::Any).is_some()
                }
                _ => return Err("parameter that is not defined so"),
            };
            if repeated {
                return Err("repeated parameter");
            }
        }
        Ok(terms)
    }

    /// Whether a server may answer `offer` so.
    fn answers(self, offer: Self) -> bool {
        let server_bits = match (offer.server_max_window_bits, self.server_max_window_bits) {
            (None, _) => true,
            (Some(most), Some(bits)) => bits <= most,
            (Some(_), None) => false,
        };
        let client_bits = match (offer.client_max_window_bits, self.client_max_window_bits) {
            (_, None) | (Some(Bits::Any), _) => true,
            (Some(Bits::AtMost(most)), Some(Bits::AtMost(bits))) => bits <= most,
            (None | Some(Bits::AtMost(_)), Some(_)) => false,
        };
        let takeover = self.server_no_context_takeover || !offer.server_no_context_takeover;
        server_bits && client_bits && takeover
    }

    /// The extension as it stands in a header.
    fn write(self) -> String {
        let server_bits = self.server_max_window_bits.map(|bits| format!("server_max_window_bits={bits}"));
        let client_bits = self.client_max_window_bits.map(|bits| match bits {
            Bits::Any => "client_max_window_bits".to_owned(),
            Bits::AtMost(bits) => format!("client_max_window_bits={bits}"),
        });
        let flags = [
            self.server_no_context_takeover.then(|| "server_no_context_takeover".to_owned()),
            self.client_no_context_takeover.then(|| "client_no_context_takeover".to_owned()),
        ];
        let params = flags.into_iter().chain([server_bits, client_bits]).flatten();
        std::iter::once(PERMESSAGE_DEFLATE.to_owned()).chain(params).collect::<Vec<_>>().join("; ")
    }
}

/// A number from 8 to 15 without leading zeros (§7.1.2).
fn window_bits(value: &str) -> Result<u8, &'static str> {
    match value.parse() {
        Ok(bits) if (LEAST_RFC_BITS..=MOST_BITS).contains(&bits) && !value.starts_with(['0', '+']) => {
            Ok(bits)
        }
        _ => Err("window bits that are not 8 to 15"),
    }
}

fn rfc_bits(bits: u8) -> u8 {
    bits.clamp(LEAST_RFC_BITS, MOST_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a server with these window bits to an offer.
    fn answer(offers: &str, server: u8, client: u8) -> Option<String> {
        let config =
            Params { server_max_window_bits: server, client_max_window_bits: client, ..Params::default() };
        negotiate_server(&parse(offers.as_bytes()).unwrap(), &config).map(|(_, answer)| answer)
    }

    #[test]
    fn a_server_takes_the_first_offer_it_can() {
        for (offers, server, client, expected) in [
            ("", 15, 15, None),
            ("x-webkit-deflate-frame", 15, 15, None),
            ("permessage-deflate", 15, 15, Some("")),
            ("permessage-deflate; client_max_window_bits", 15, 15, Some("")),
            ("permessage-deflate", 10, 10, Some("; server_max_window_bits=10")),
            ("permessage-deflate; client_max_window_bits", 15, 10, Some("; client_max_window_bits=10")),
            ("permessage-deflate; client_max_window_bits=9", 15, 10, Some("; client_max_window_bits=9")),
            ("permessage-deflate; client_max_window_bits=12", 15, 10, Some("; client_max_window_bits=10")),
            ("permessage-deflate; server_max_window_bits=8", 15, 15, Some("; server_max_window_bits=8")),
            (
                "permessage-deflate; server_max_window_bits=\"15\"",
                15,
                15,
                Some("; server_max_window_bits=15"),
            ),
            ("permessage-deflate; server_max_window_bits=12", 11, 15, Some("; server_max_window_bits=11")),
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                15,
                15,
                Some("; server_no_context_takeover; client_no_context_takeover"),
            ),
            (
                "permessage-deflate; foo, permessage-deflate; server_max_window_bits=9",
                15,
                15,
                Some("; server_max_window_bits=9"),
            ),
            ("foo, permessage-deflate; server_max_window_bits=7, permessage-deflate", 15, 15, Some("")),
            ("permessage-deflate; server_max_window_bits", 15, 15, None),
            ("permessage-deflate; server_max_window_bits=16", 15, 15, None),
            ("permessage-deflate; server_max_window_bits=08", 15, 15, None),
            ("permessage-deflate; client_max_window_bits=+9", 15, 15, None),
            ("permessage-deflate; client_max_window_bits=x", 15, 15, None),
            ("permessage-deflate; server_no_context_takeover=1", 15, 15, None),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits=9", 15, 15, None),
            ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", 15, 15, None),
        ] {
            let expected = expected.map(|params| PERMESSAGE_DEFLATE.to_owned() + params);
            assert_eq!(answer(offers, server, client), expected, "{offers} {server} {client}");
        }
    }

    #[test]
    fn offers_are_checked_before_they_are_made() {
        for (text, good) in [
            ("", true),
            (PERMESSAGE_DEFLATE, true),
            (&offer(&Params::default()), true),
            (
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10, permessage-deflate",
                true,
            ),
            ("permessage-deflate; client_no_context_takeover; server_no_context_takeover", true),
            ("permessage-deflate; server_max_window_bits", false),
            ("permessage-deflate; rx_buf_size=10", false),
            ("permessage-deflate; client_max_window_bits=16", false),
            ("permessage-deflate;", false),
            ("permessage-deflate, x-webkit-deflate-frame", false),
            ("permessage deflate", false),
        ] {
            let checked = check_offers(text);
            assert_eq!(checked.is_ok(), good, "{text}: {checked:?}");
        }
    }

    #[test]
    fn a_client_fails_what_it_did_not_offer() {
        let plain = "permessage-deflate";
        let bits = "permessage-deflate; client_max_window_bits; server_max_window_bits=10";
        let hint = "permessage-deflate; client_no_context_takeover; client_max_window_bits=12";
        let fresh = "permessage-deflate; server_no_context_takeover";
        for (offered, answered, good) in [
            ("", "permessage-deflate", false),
            (plain, "", true),
            (plain, "permessage-deflate", true),
            (plain, "permessage-deflate, permessage-deflate", false),
            (plain, "x-webkit-deflate-frame", false),
            (plain, "permessage-deflate; foo", false),
            (plain, "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true),
            (plain, "permessage-deflate; server_no_context_takeover=1", false),
            (plain, "permessage-deflate; server_max_window_bits=10", true),
            (plain, "permessage-deflate; server_max_window_bits", false),
            (plain, "permessage-deflate; client_max_window_bits=10", false),
            (bits, "permessage-deflate", false),
            (bits, "permessage-deflate; server_max_window_bits=11", false),
            (bits, "permessage-deflate; server_max_window_bits=10", true),
            (bits, "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", true),
            (bits, "permessage-deflate; server_max_window_bits=8; client_max_window_bits", false),
            (bits, "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", false),
            (hint, "permessage-deflate; client_max_window_bits=13", false),
            (hint, "permessage-deflate; client_max_window_bits=12", true),
            (fresh, "permessage-deflate", false),
            (fresh, "permessage-deflate; server_no_context_takeover", true),
            ("permessage-deflate; server_max_window_bits=9, permessage-deflate", "permessage-deflate", true),
        ] {
            let answer = parse(answered.as_bytes()).unwrap();
            let checked = check_client(&answer, offered, &Params::default());
            assert_eq!(checked.is_ok(), good, "{offered} -> {answered}: {checked:?}");
        }
        let params =
            check_client(&parse(plain.as_bytes()).unwrap(), hint, &Params::default()).unwrap().unwrap();
        assert!(params.client_no_context_takeover);
        assert_eq!(params.client_max_window_bits, 12);
    }

    #[test]
    fn what_a_server_answers_a_client_takes() {
        for client in 0..64_u8 {
            for server in 0..64_u8 {
                let config = |bits: u8| Params {
                    server_no_context_takeover: bits & 1 != 0,
                    client_no_context_takeover: bits & 2 != 0,
                    server_max_window_bits: [8, 9, 12, 15][usize::from(bits >> 2 & 3)],
                    client_max_window_bits: [8, 9, 12, 15][usize::from(bits >> 4)],
                    ..Params::default()
                };
                let offered = offer(&config(client));
                let (params, answer) =
                    negotiate_server(&parse(offered.as_bytes()).unwrap(), &config(server)).unwrap();
                let checked = check_client(&parse(answer.as_bytes()).unwrap(), &offered, &config(client));
                assert_eq!(checked, Ok(Some(params)), "{offered} -> {answer}");
            }
        }
    }
}
