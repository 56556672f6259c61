//! What programs may ask of a certificate.

use x509_cert::der::Encode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::{rfc3280, rfc4519};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, KeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::x509::Certificate;

/// What programs may ask of a certificate, in the forms that OpenSSL gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// From when it is valid, in seconds since 1970.
    pub valid_from: u64,
    /// Until when.
    pub valid_to: u64,
    /// The subject's common name; all of the subject if it has none.
    pub common_name: String,
    /// The issuer: `/C=SE/O=Example/CN=authority`.
    pub issuer: String,
    /// What the key may be used for, as OpenSSL numbers it (`KU_DIGITAL_SIGNATURE` is 0x80); all bits if it does not say.
    pub usage: u32,
    /// The public key (`SubjectPublicKeyInfo`, DER).
    pub public_key: Vec<u8>,
    /// The issuer's key identifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// Who issued the issuer's certificate, kind and name of each after the other: `DirName/CN=root`.
    pub authority_key_issuer: Option<String>,
    /// The serial number of the issuer's certificate, big-endian.
    pub authority_key_serial: Option<Vec<u8>>,
    /// The identifier of its own key.
    pub subject_key_id: Option<Vec<u8>>,
}

impl CertificateInfo {
    /// Reads it from a certificate in DER; `None` if that is none.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::parse(der)?;
        let certificate = certificate.body();
        let seconds = |time: Time| time.to_unix_duration().as_secs();
        let subject = one_line(&certificate.subject);
        let authority = certificate.get::<AuthorityKeyIdentifier>().ok().flatten().map(|(_, id)| id);
        let authority = authority.unwrap_or_default();
        Some(Self {
            valid_from: seconds(certificate.validity.not_before),
            valid_to: seconds(certificate.validity.not_after),
            common_name: super::x509::common_name(&certificate.subject).unwrap_or(subject),
            issuer: one_line(&certificate.issuer),
            usage: match certificate.get::<KeyUsage>() {
                Ok(Some((_, usage))) => openssl_usage(usage.0.bits()),
                _ => u32::MAX,
            },
            public_key: certificate.subject_public_key_info.to_der().ok()?,
            authority_key_id: authority.key_identifier.map(|id| id.as_bytes().to_vec()),
            authority_key_issuer: authority
                .authority_cert_issuer
                .map(|names| names.iter().map(general).collect()),
            authority_key_serial: authority
                .authority_cert_serial_number
                .map(|serial| serial.as_bytes().to_vec()),
            subject_key_id: match certificate.get::<SubjectKeyIdentifier>() {
                Ok(Some((_, id))) => Some(id.0.as_bytes().to_vec()),
                _ => None,
            },
        })
    }
}

/// The first named bit is the highest of OpenSSL's first byte, the ninth that of its second.
fn openssl_usage(bits: u16) -> u32 {
    let first = (bits as u8).reverse_bits();
    let second = ((bits >> 8) as u8).reverse_bits();
    u32::from(u16::from_le_bytes([first, second]))
}

fn general(name: &GeneralName) -> String {
    match name {
        GeneralName::DirectoryName(name) => format!("DirName{}", one_line(name)),
        GeneralName::DnsName(name) => format!("DNS{name}"),
        GeneralName::Rfc822Name(name) => format!("email{name}"),
        GeneralName::UniformResourceIdentifier(name) => format!("URI{name}"),
        _ => String::new(),
    }
}

/// A name as OpenSSL writes it in one line.
fn one_line(name: &Name) -> String {
    let mut line = String::new();
    for attribute in name.0.iter().flat_map(|rdn| rdn.0.iter()) {
        line.push('/');
        line += &kind(attribute.oid);
        line.push('=');
        for &byte in attribute.value.value() {
            match byte {
                b' '..=b'~' => line.push(byte.into()),
                _ => line.push_str(&format_args!("\\x{byte:02X}").to_string()),
            }
        }
    }
    line
}

/// OpenSSL's short name of a kind of attribute, or its number.
fn kind(oid: ObjectIdentifier) -> String {
    let names = [
        (rfc4519::CN, "CN"),
        (rfc4519::C, "C"),
        (rfc4519::ST, "ST"),
        (rfc4519::L, "L"),
        (rfc4519::O, "O"),
        (rfc4519::OU, "OU"),
        (rfc4519::STREET, "street"),
        (rfc4519::SERIAL_NUMBER, "serialNumber"),
        (rfc4519::SN, "SN"),
        (rfc4519::GIVEN_NAME, "GN"),
        (rfc4519::TITLE, "title"),
        (rfc4519::DC, "DC"),
        (rfc4519::UID, "UID"),
        (rfc3280::EMAIL_ADDRESS, "emailAddress"),
    ];
    names
        .iter()
        .find(|(known, _)| *known == oid)
        .map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned())
}
