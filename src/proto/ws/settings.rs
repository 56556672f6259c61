//! The settings of permessage-deflate: the texts that programs write them in, and what they come to on a connection whose
//! parameters have been agreed on.

use std::cell::Cell;
use std::rc::Rc;

use super::Side;
use super::deflate::{Deflater, Inflater, LEAST_BITS, LEAST_RFC_BITS, MOST_BITS, Params};
use super::options::{Argument, Known, parse};

/// What a program may set, by name.
pub const PM_DEFLATE: [Known<'static>; 8] = [
    Known { name: b"server_no_context_takeover", argument: Argument::None },
    Known { name: b"client_no_context_takeover", argument: Argument::None },
    Known { name: b"server_max_window_bits", argument: Argument::Optional },
    Known { name: b"client_max_window_bits", argument: Argument::Optional },
    Known { name: b"rx_buf_size", argument: Argument::Number },
    Known { name: b"tx_buf_size", argument: Argument::Number },
    Known { name: b"compression_level", argument: Argument::Number },
    Known { name: b"mem_level", argument: Argument::Number },
];

/// The largest buffer that may be asked for is two to this.
const MOST_BUFFER_BITS: u8 = 30;

/// How our half compresses. Changed, it counts from the next message on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Compressor {
    /// The window is two to this.
    pub(super) bits: u8,
    pub(super) level: u8,
    pub(super) mem_level: u8,
}

/// What may be changed while messages go back and forth.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Tuning {
    pub(super) compressor: Compressor,
    /// We begin each message with an empty window.
    pub(super) no_takeover: bool,
    /// Pieces of inflated messages are at most two to this.
    piece_bits: u8,
}

impl Tuning {
    /// Bytes of inflated data that are handed out at once.
    pub(super) fn largest_piece(self) -> usize {
        1 << self.piece_bits
    }
}

/// The settings of one connection, which its halves share.
#[derive(Debug)]
pub struct Settings {
    side: Side,
    agreed: Params,
    tuning: Rc<Cell<Tuning>>,
}

impl Settings {
    /// Of `side`, as was `agreed`.
    #[must_use]
    pub fn new(side: Side, agreed: Params) -> Self {
        let (bits, no_takeover) = agreed.of(side);
        let compressor =
            Compressor { bits, level: agreed.level.min(9), mem_level: agreed.mem_level.clamp(1, 9) };
        let tuning = Tuning { compressor, no_takeover, piece_bits: MOST_BUFFER_BITS };
        Self { side, agreed, tuning: Rc::new(Cell::new(tuning)) }
    }

    /// The receiving half.
    #[must_use]
    pub fn inflater(&self) -> Inflater {
        Inflater::of(self.peer(), &self.agreed, Rc::clone(&self.tuning))
    }

    /// The sending half.
    #[must_use]
    pub fn deflater(&self) -> Deflater {
        Deflater::of(Rc::clone(&self.tuning))
    }

    /// Sets what a text of options says, each as [`Self::set`].
    pub fn set_all(&self, text: &[u8]) -> Result<(), String> {
        let mut faults = Vec::new();
        parse(text, &PM_DEFLATE, |at, value| {
            let name = String::from_utf8_lossy(PM_DEFLATE[at].name);
            let value = value.map(String::from_utf8_lossy);
            if let Err(why) = self.set(&name, value.as_deref()) {
                faults.push(format!("{name}: {why}"));
            }
        })?;
        if faults.is_empty() { Ok(()) } else { Err(faults.join(", ")) }
    }

    /// Sets one option. What the peer is bound by was settled in the handshake; we may bind ourselves further at any time.
    pub fn set(&self, name: &str, value: Option<&str>) -> Result<(), &'static str> {
        let mut tuning = self.tuning.get();
        match name {
            "server_no_context_takeover" => self.set_takeover(&mut tuning, Side::Server, value)?,
            "client_no_context_takeover" => self.set_takeover(&mut tuning, Side::Client, value)?,
            "server_max_window_bits" => self.set_bits(&mut tuning, Side::Server, value)?,
            "client_max_window_bits" => self.set_bits(&mut tuning, Side::Client, value)?,
            "rx_buf_size" => tuning.piece_bits = number(value, 0, MOST_BUFFER_BITS)?,
            // One write is one frame, whatever its size.
            "tx_buf_size" => drop(number(value, 0, MOST_BUFFER_BITS)?),
            "compression_level" => tuning.compressor.level = number(value, 0, 9)?,
            "mem_level" => tuning.compressor.mem_level = number(value, 1, 9)?,
            _ => return Err("no such option"),
        }
        self.tuning.set(tuning);
        Ok(())
    }

    fn set_takeover(
        &self,
        tuning: &mut Tuning,
        sender: Side,
        value: Option<&str>,
    ) -> Result<(), &'static str> {
        let wanted = value.is_none_or(|value| number(Some(value), 0, 0).is_err());
        let (_, agreed) = self.agreed.of(sender);
        if wanted == agreed {
            // Nothing further, or no longer.
        } else if sender != self.side {
            return Err("is the peer's to say, in the handshake");
        } else if agreed {
            return Err("was agreed on in the handshake");
        }
        if sender == self.side {
            tuning.no_takeover = wanted;
        }
        Ok(())
    }

    fn set_bits(&self, tuning: &mut Tuning, sender: Side, value: Option<&str>) -> Result<(), &'static str> {
        let wanted = number(value, LEAST_RFC_BITS, MOST_BITS)?.max(LEAST_BITS);
        let (agreed, _) = self.agreed.of(sender);
        if sender == self.side {
            tuning.compressor.bits = wanted.min(agreed);
        } else if wanted < agreed {
            return Err("is the peer's to say, in the handshake");
        }
        Ok(())
    }

    fn peer(&self) -> Side {
        match self.side {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        }
    }
}

/// A value from `least` to `most`.
fn number(value: Option<&str>, least: u8, most: u8) -> Result<u8, &'static str> {
    let parsed = value.ok_or("needs a value")?.parse().ok();
    parsed.filter(|value| (least..=most).contains(value)).ok_or("is out of its range")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agreed(side: Side) -> Settings {
        let agreed = Params {
            client_no_context_takeover: true,
            server_max_window_bits: 12,
            client_max_window_bits: 10,
            ..Params::default()
        };
        Settings::new(side, agreed)
    }

    #[test]
    fn each_side_sets_its_own_within_what_was_agreed() {
        for (name, value, by_server, by_client) in [
            ("server_no_context_takeover", None, true, false),
            ("server_no_context_takeover", Some("1"), true, false),
            ("server_no_context_takeover", Some("0"), true, true),
            ("client_no_context_takeover", None, true, true),
            ("client_no_context_takeover", Some("0"), false, false),
            ("server_max_window_bits", Some("9"), true, false),
            ("server_max_window_bits", Some("12"), true, true),
            ("server_max_window_bits", Some("15"), true, true),
            ("server_max_window_bits", None, false, false),
            ("client_max_window_bits", Some("8"), false, true),
            ("client_max_window_bits", Some("15"), true, true),
            ("client_max_window_bits", Some("7"), false, false),
            ("client_max_window_bits", Some("16"), false, false),
            ("rx_buf_size", Some("10"), true, true),
            ("rx_buf_size", Some("31"), false, false),
            ("rx_buf_size", None, false, false),
            ("tx_buf_size", Some("10"), true, true),
            ("tx_buf_size", Some("256"), false, false),
            ("compression_level", Some("0"), true, true),
            ("compression_level", Some("9"), true, true),
            ("compression_level", Some("10"), false, false),
            ("compression_level", Some("-1"), false, false),
            ("mem_level", Some("1"), true, true),
            ("mem_level", Some("0"), false, false),
            ("mem_level", Some("x"), false, false),
            ("rx_buf", Some("10"), false, false),
        ] {
            for (side, good) in [(Side::Server, by_server), (Side::Client, by_client)] {
                let settings = agreed(side);
                let before = settings.tuning.get();
                let set = settings.set(name, value);
                assert_eq!(set.is_ok(), good, "{side:?} {name} {value:?}: {set:?}");
                assert!(good || settings.tuning.get() == before, "{name} {value:?} changed something");
            }
        }
    }

    #[test]
    fn what_is_set_counts() {
        let settings = agreed(Side::Server);
        settings
            .set_all(b"server_max_window_bits=9; compression_level=3;mem_level=2; rx_buf_size=7")
            .unwrap();
        settings.set_all(b"server_no_context_takeover").unwrap();
        let tuning = settings.tuning.get();
        assert_eq!(tuning.compressor, Compressor { bits: 9, level: 3, mem_level: 2 });
        assert!(tuning.no_takeover);
        assert_eq!(tuning.largest_piece(), 128);
        settings.set("server_max_window_bits", Some("15")).unwrap();
        settings.set("server_no_context_takeover", Some("0")).unwrap();
        assert_eq!(settings.tuning.get().compressor.bits, 12);
        assert!(!settings.tuning.get().no_takeover);

        let why =
            settings.set_all(b"mem_level=3; client_max_window_bits=9; compression_level=44").unwrap_err();
        assert!(
            why.contains("client_max_window_bits: is the peer's") && why.contains("compression_level"),
            "{why}"
        );
        assert!(settings.set_all(b"mem_level=3; x").unwrap_err().contains('x'));
    }

    proptest! {
        /// Whatever a program writes, it stays within what compressors take and what was agreed on.
        #[test]
        fn no_text_sets_what_cannot_be(
            text in prop_oneof![
                "\\PC{0,60}",
                "((server|client)_(max_window_bits|no_context_takeover)|[rt]x_buf_size|compression_level|mem_level|x)\
                 (=\"?[0-9]{0,3}\"?)?( ?[;,] ?)?".prop_map(|option| option.repeat(2)),
            ],
            is_server: bool,
        ) {
            let settings = agreed(if is_server { Side::Server } else { Side::Client });
            let _ = settings.set_all(text.as_bytes());
            let tuning = settings.tuning.get();
            let most = if is_server { 12 } else { 10 };
            prop_assert!((LEAST_BITS..=most).contains(&tuning.compressor.bits));
            prop_assert!(tuning.compressor.level <= 9 && (1..=9).contains(&tuning.compressor.mem_level));
            prop_assert!(is_server || tuning.no_takeover);
            prop_assert!(tuning.largest_piece() <= 1 << 30);
        }
    }
}
