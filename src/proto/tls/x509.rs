//! What is in a certificate, for those questions that rustls and webpki do not answer: certificates that they
//! refuse but OpenSSL serves (X.509 version 1, authorities that serve themselves), and texts for people.

use rustls::pki_types::{ServerName, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime};
use webpki::RawPublicKeyEntity;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{Ia5StringRef, OctetString, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::{rfc4519, rfc5280};
use x509_cert::der::{Decode, Encode, Header, Reader, SliceReader};
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::chain::{Fault, FaultKind};

/// Critical extensions whose meaning is honoured here.
const KNOWN: [x509_cert::der::oid::ObjectIdentifier; 5] = [
    rfc5280::ID_CE_BASIC_CONSTRAINTS,
    rfc5280::ID_CE_KEY_USAGE,
    rfc5280::ID_CE_EXT_KEY_USAGE,
    rfc5280::ID_CE_SUBJECT_ALT_NAME,
    rfc5280::ID_CE_NAME_CONSTRAINTS,
];

/// A parsed certificate.
pub(super) struct Certificate<'a> {
    parsed: x509_cert::Certificate,
    /// All of it.
    der: &'a [u8],
    /// What its issuer has signed.
    signed: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// `None`: `der` is no certificate.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        let mut reader = SliceReader::new(der).ok()?;
        Header::decode(&mut reader).ok()?;
        Some(Self { parsed, der, signed: reader.tlv_bytes().ok()? })
    }

    /// As it was parsed.
    pub(super) fn der(&self) -> &'a [u8] {
        self.der
    }

    /// All of it but the signature.
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

    /// Its issuer's name (DER, without its own tag).
    pub(super) fn issuer_name(&self) -> Option<Vec<u8>> {
        content(&self.parsed.tbs_certificate.issuer)
    }

    /// Whether it names `issuer` as its issuer and, if both say so, the same key.
    pub(super) fn is_issued_by(&self, issuer: &Certificate<'_>) -> bool {
        let issuer = &issuer.parsed.tbs_certificate;
        if self.parsed.tbs_certificate.issuer != issuer.subject {
            return false;
        }
        let Ok(Some((_, key))) = self.parsed.tbs_certificate.get::<AuthorityKeyIdentifier>() else {
            return true;
        };
        let other_serial =
            key.authority_cert_serial_number.is_some_and(|serial| serial != issuer.serial_number);
        let other_key = match (key.key_identifier, issuer.get::<SubjectKeyIdentifier>()) {
            (Some(named), Ok(Some((_, own)))) => named != own.0,
            _ => false,
        };
        !other_serial && !other_key
    }

    /// Whether it is its own issuer, by its name and key. (Another of the same name may have issued it.)
    pub(super) fn issued_itself(&self) -> bool {
        self.is_issued_by(self)
    }

    /// Whether it has been signed with the key of `issuer`.
    pub(super) fn is_signed_by(
        &self,
        issuer: &Certificate<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let certificate = &self.parsed;
        let (Some(algorithm), Some(signature), Some(key)) = (
            content(&certificate.signature_algorithm),
            certificate.signature.as_bytes(),
            issuer.public_key(),
        ) else {
            return false;
        };
        if certificate.tbs_certificate.signature != certificate.signature_algorithm {
            return false;
        }
        let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
        algorithms
            .iter()
            .filter(|candidate| candidate.signature_alg_id().as_ref() == algorithm)
            .any(|candidate| key.verify_signature(*candidate, self.signed, signature).is_ok())
    }

    /// Why it cannot be a server's certificate, whoever issued it.
    pub(super) fn unfit_for_server(&self) -> Option<Fault> {
        let fault = |text: &str| {
            Some(Fault::new(FaultKind::Purpose, format!("unsuitable certificate purpose: {text}")))
        };
        match self.parsed.tbs_certificate.get::<KeyUsage>() {
            Err(_) => Some(self.damaged()),
            Ok(Some((_, usage)))
                if !(usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()) =>
            {
                fault("its key is not for connections")
            }
            _ => self.unfit(),
        }
    }

    /// Why it cannot be an issuer's, with `below` other authorities between it and the server. The `last` one of a chain may be of the
    /// times before authorities were told apart.
    pub(super) fn unfit_for_issuing(&self, below: usize, last: bool) -> Option<Fault> {
        let fault = |text: &str| {
            let text = format!("invalid CA certificate: {} {text}", self.subject());
            Some(Fault::new(FaultKind::NoAuthority, text))
        };
        let certificate = &self.parsed.tbs_certificate;
        let (Ok(constraints), Ok(usage)) =
            (certificate.get::<BasicConstraints>(), certificate.get::<KeyUsage>())
        else {
            return Some(self.damaged());
        };
        let may_sign = usage.map(|(_, usage)| usage.key_cert_sign());
        match (constraints.map(|(_, constraints)| constraints), may_sign) {
            (_, Some(false)) => fault("must not sign certificates"),
            (Some(BasicConstraints { ca: false, .. }), _) => fault("is no authority"),
            (Some(BasicConstraints { path_len_constraint: Some(most), .. }), _) if below > most.into() => {
                let text = format!("path length constraint exceeded: {}", self.subject());
                Some(Fault::new(FaultKind::PathLength, text))
            }
            // Version 1 does not know authorities, so that a root of it is one; later, the usage of the key says enough.
            (None, Some(true)) if last => self.unfit(),
            (None, None) if last && certificate.version == Version::V1 && self.issued_itself() => {
                self.unfit()
            }
            (None, _) => fault("is no authority"),
            _ => self.unfit(),
        }
    }

    /// Why it cannot be in a server's chain at all.
    fn unfit(&self) -> Option<Fault> {
        let certificate = &self.parsed.tbs_certificate;
        let extensions = certificate.extensions.as_deref().unwrap_or_default();
        if extensions.iter().any(|extension| extension.critical && !KNOWN.contains(&extension.extn_id)) {
            return Some(Fault::new(FaultKind::CriticalExtension, "unhandled critical extension"));
        }
        match certificate.get::<ExtendedKeyUsage>() {
            Ok(Some((_, usage))) if !usage.0.contains(&rfc5280::ID_KP_SERVER_AUTH) => {
                let text = "unsuitable certificate purpose: it is not for servers";
                Some(Fault::new(FaultKind::Purpose, text))
            }
            Err(_) => Some(self.damaged()),
            _ => None,
        }
    }

    fn damaged(&self) -> Fault {
        Fault::new(FaultKind::Unfit, format!("damaged extension ({})", self.subject()))
    }

    /// Whether it limits what those may be called whom it issues certificates for.
    pub(super) fn constrains_names(&self) -> bool {
        !matches!(self.parsed.tbs_certificate.get::<NameConstraints>(), Ok(None))
    }

    /// Whether the limits in it let those below it be called `name`. webpki looks at the names in the extension for them only.
    pub(super) fn permits_common_name(&self, name: &str) -> bool {
        let limits = match self.parsed.tbs_certificate.get::<NameConstraints>() {
            Ok(None) => return true,
            Ok(Some((_, limits))) => limits,
            Err(_) => return false,
        };
        let covers = |trees: Option<Vec<GeneralSubtree>>| -> Option<bool> {
            let trees = trees.into_iter().flatten().map(|tree| tree.base);
            let dns = trees
                .filter_map(|base| if let GeneralName::DnsName(base) = base { Some(base) } else { None });
            dns.map(|base| is_below(name, base.as_str())).reduce(|any, covers| any || covers)
        };
        covers(limits.permitted_subtrees) != Some(false) && covers(limits.excluded_subtrees) != Some(true)
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

impl Names {
    /// The common name if it counts and is a host's, which has more than one part.
    pub(super) fn common_host(&self) -> Option<&str> {
        let host = |name: &&str| name.contains('.') && ServerName::try_from(*name).is_ok();
        self.common.as_deref().filter(|name| host(&name.strip_prefix("*.").unwrap_or(name)))
    }
}

/// Whether a host is `base` or below it.
fn is_below(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    let Some(rest) = host.strip_suffix(&base) else { return false };
    rest.is_empty() || base.is_empty() || base.starts_with('.') || rest.ends_with('.')
}

/// Whether `der` is a certificate that names itself as its issuer; `None` if it is none.
pub(super) fn is_self_issued(der: &[u8]) -> Option<bool> {
    Certificate::parse(der).map(|certificate| certificate.is_self_issued())
}

/// As certificates and their verification count time.
pub(super) fn unix_time(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(time.to_unix_duration())
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
