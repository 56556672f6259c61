//! What is in a certificate, for those questions that rustls and webpki do not answer: certificates that they
//! refuse but OpenSSL serves (X.509 version 1, authorities that serve themselves), and texts for people.

use std::time::Duration;

use rustls::pki_types::{SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::RawPublicKeyEntity;
use x509_cert::der::asn1::{Ia5StringRef, OctetString, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::{rfc4519, rfc5280};
use x509_cert::der::{DateTime, Decode, Encode, Header, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::time::Time;

/// Critical extensions whose meaning is honoured here.
const KNOWN: [x509_cert::der::oid::ObjectIdentifier; 4] = [
    rfc5280::ID_CE_BASIC_CONSTRAINTS,
    rfc5280::ID_CE_KEY_USAGE,
    rfc5280::ID_CE_EXT_KEY_USAGE,
    rfc5280::ID_CE_SUBJECT_ALT_NAME,
];

/// A parsed certificate.
pub(super) struct Certificate<'a> {
    parsed: x509_cert::Certificate,
    /// What its issuer has signed.
    signed: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// `None`: `der` is no certificate.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        let mut reader = SliceReader::new(der).ok()?;
        Header::decode(&mut reader).ok()?;
        Some(Self { parsed, signed: reader.tlv_bytes().ok()? })
    }

    /// All of it.
    pub(super) fn body(&self) -> &x509_cert::TbsCertificate {
        &self.parsed.tbs_certificate
    }

    /// Not valid before this time.
    pub(super) fn not_before(&self) -> Time {
        self.parsed.tbs_certificate.validity.not_before
    }

    /// Not valid after this time.
    pub(super) fn not_after(&self) -> Time {
        self.parsed.tbs_certificate.validity.not_after
    }

    /// Its owner, as text: `CN=localhost,O=Example`.
    pub(super) fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }

    /// Who issued it, as text.
    pub(super) fn issuer(&self) -> String {
        self.parsed.tbs_certificate.issuer.to_string()
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.parsed.tbs_certificate.subject == self.parsed.tbs_certificate.issuer
    }

    /// Whether it names `issuer` as its issuer.
    pub(super) fn is_issued_by(&self, issuer: &Self) -> bool {
        self.parsed.tbs_certificate.issuer == issuer.parsed.tbs_certificate.subject
    }

    /// Whether its issuer is `anchor`, by name and by signature.
    pub(super) fn is_signed_by(
        &self,
        anchor: &TrustAnchor<'_>,
        algorithms: &[&dyn rustls::pki_types::SignatureVerificationAlgorithm],
    ) -> bool {
        let certificate = &self.parsed.tbs_certificate;
        let (Some(issuer), Some(algorithm), Some(signature)) = (
            content(&certificate.issuer),
            content(&self.parsed.signature_algorithm),
            self.parsed.signature.as_bytes(),
        ) else {
            return false;
        };
        if issuer != anchor.subject.as_ref() || certificate.signature != self.parsed.signature_algorithm {
            return false;
        }
        let key = webpki::spki_for_anchor(anchor);
        let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
        algorithms
            .iter()
            .filter(|candidate| candidate.signature_alg_id().as_ref() == algorithm)
            .any(|candidate| key.verify_signature(*candidate, self.signed, signature).is_ok())
    }

    /// Why it cannot be a server's certificate, whoever issued it.
    pub(super) fn unfit_for_server(&self) -> Option<&'static str> {
        let certificate = &self.parsed.tbs_certificate;
        let extensions = certificate.extensions.as_deref().unwrap_or_default();
        if extensions.iter().any(|extension| extension.critical && !KNOWN.contains(&extension.extn_id)) {
            return Some("unhandled critical extension");
        }
        match certificate.get::<ExtendedKeyUsage>() {
            Ok(Some((_, usage))) if !usage.0.contains(&rfc5280::ID_KP_SERVER_AUTH) => {
                return Some("unsuitable certificate purpose: it is not for servers");
            }
            Err(_) => return Some("damaged extension"),
            _ => {}
        }
        match certificate.get::<KeyUsage>() {
            Ok(Some((_, usage)))
                if !(usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()) =>
            {
                Some("unsuitable certificate purpose: its key is not for connections")
            }
            Err(_) => Some("damaged extension"),
            _ => None,
        }
    }

    /// Whether it is an authority's.
    pub(super) fn is_authority(&self) -> bool {
        matches!(self.parsed.tbs_certificate.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca)
    }

    /// Whether it limits what those may be called whom it issues certificates for.
    pub(super) fn constrains_names(&self) -> bool {
        !matches!(self.parsed.tbs_certificate.get::<NameConstraints>(), Ok(None))
    }

    /// The names it is for: those of the extension and, if there is no DNS name among them, the common name.
    pub(super) fn names(&self) -> Names {
        let certificate = &self.parsed.tbs_certificate;
        let mut names = Names::default();
        match certificate.get::<SubjectAltName>() {
            Ok(Some((_, alternative))) => {
                for name in &alternative.0 {
                    match name {
                        GeneralName::DnsName(name) => {
                            names.has_dns = true;
                            names.shown.push(name.to_string());
                        }
                        GeneralName::IpAddress(address) => names.shown.push(ip_text(address)),
                        _ => {}
                    }
                }
            }
            Ok(None) => {}
            // What cannot be read might have been a DNS name.
            Err(_) => names.has_dns = true,
        }
        if !names.has_dns {
            names.common = common_name(&certificate.subject);
        }
        names
    }

    /// Its public key.
    pub(super) fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'static>> {
        self.parsed.tbs_certificate.subject_public_key_info.to_der().ok().map(Into::into)
    }
}

/// The names that a certificate is for.
#[derive(Default)]
pub(super) struct Names {
    /// Those of the extension, for people.
    pub(super) shown: Vec<String>,
    /// Whether there are DNS names in the extension that is made for them, so that nothing else counts.
    pub(super) has_dns: bool,
    /// The common name, if it counts.
    pub(super) common: Option<String>,
}

impl Names {
    /// Whether the common name, in a certificate without DNS names, is or covers `host` (RFC 6125 §6.4.4).
    pub(super) fn common_name_covers(&self, host: &str) -> bool {
        let Some(common) = &self.common else { return false };
        if common.eq_ignore_ascii_case(host) {
            return true;
        }
        let (Some(suffix), Some((first, rest))) = (common.strip_prefix("*."), host.split_once('.')) else {
            return false;
        };
        !first.is_empty() && suffix.contains('.') && suffix.eq_ignore_ascii_case(rest)
    }
}

/// Whether `der` is a certificate that names itself as its issuer; `None` if it is none.
pub(super) fn is_self_issued(der: &[u8]) -> Option<bool> {
    Certificate::parse(der).map(|certificate| certificate.is_self_issued())
}

/// As certificates and their verification count time.
pub(super) fn unix_time(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(time.to_unix_duration())
}

/// For people: `2026-11-25T20:00:00Z`.
pub(super) fn date(time: UnixTime) -> String {
    DateTime::from_unix_duration(Duration::from_secs(time.as_secs()))
        .map_or_else(|_| "a day beyond all calendars".to_owned(), |date| date.to_string())
}

/// The common name of a subject, the last and hence most particular if it has several.
pub(super) fn common_name(subject: &Name) -> Option<String> {
    let mut attributes = subject.0.iter().flat_map(|rdn| rdn.0.iter());
    let value = &attributes.rfind(|attribute| attribute.oid == rfc4519::CN)?.value;
    let text = if let Ok(text) = value.decode_as::<Utf8StringRef<'_>>() {
        text.as_str().to_owned()
    } else if let Ok(text) = value.decode_as::<PrintableStringRef<'_>>() {
        text.as_str().to_owned()
    } else if let Ok(text) = value.decode_as::<Ia5StringRef<'_>>() {
        text.as_str().to_owned()
    } else {
        value.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().to_owned()
    };
    Some(text)
}

fn ip_text(address: &OctetString) -> String {
    let bytes = address.as_bytes();
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        core::net::Ipv4Addr::from(v4).to_string()
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        core::net::Ipv6Addr::from(v6).to_string()
    } else {
        "(bad IP address)".to_owned()
    }
}

/// The encoding of a sequence, without its own tag and length.
fn content(sequence: &impl Encode) -> Option<Vec<u8>> {
    let der = sequence.to_der().ok()?;
    let mut reader = SliceReader::new(&der).ok()?;
    let header = Header::decode(&mut reader).ok()?;
    Some(reader.read_slice(header.length).ok()?.to_vec())
}
