//! Certificates and private keys as programs have them: PEM or DER, plain or encrypted.

use pkcs8::EncryptedPrivateKeyInfo;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error};

use super::config::{ConfigError, Credentials, Field};

const CONVERT: &str = "convert it with \"openssl pkcs8 -topk8 -in old.key -out new.key\"";

const ENCRYPTED_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

/// The chain and the key that belongs to it.
pub(super) fn certified_key(
    identity: &Credentials<'_>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ConfigError> {
    let chain = certificates(identity.cert_chain, Field::Certificate)?;
    let key = private_key(identity.private_key, identity.key_password)?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        let reason = format!("the private key is damaged or of an unsupported type ({error})");
        ConfigError::new(Field::PrivateKey, reason)
    })?;
    let certified = CertifiedKey::new(chain, key);
    check_match(&certified)?;
    Ok(certified)
}

/// The certificates in `bytes`: at least one.
pub(super) fn certificates(bytes: &[u8], field: Field) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let refuse = |reason: String| Err(ConfigError::new(field, reason));
    if bytes.is_empty() {
        return refuse("empty".to_owned());
    }
    if !is_pem(bytes) {
        let certificate = CertificateDer::from(bytes);
        return match ParsedCertificate::try_from(&certificate) {
            Err(Error::InvalidCertificate(CertificateError::BadEncoding)) => {
                refuse("neither PEM nor a certificate in DER".to_owned())
            }
            _ => Ok(vec![certificate.into_owned()]),
        };
    }
    match CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if chain.is_empty() => {
            refuse(format!("no \"BEGIN CERTIFICATE\" section in the PEM text{}", found(bytes)))
        }
        Ok(chain) => Ok(chain),
        Err(error) => refuse(format!("damaged PEM text: {error}")),
    }
}

fn private_key(bytes: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let refuse = |reason: String| Err(ConfigError::new(Field::PrivateKey, reason));
    if bytes.is_empty() {
        return refuse("empty".to_owned());
    }
    if !is_pem(bytes) {
        return match key_in_der(bytes) {
            DerKey::Plain(key) => Ok(key.clone_key()),
            DerKey::Encrypted(key) => decrypt(&key, password),
            DerKey::Certificate => refuse("a certificate where the private key should be".to_owned()),
            DerKey::Unknown => refuse(
                "neither PEM nor a private key in DER that is plain or encrypted with a current algorithm"
                    .to_owned(),
            ),
        };
    }
    if let Some(section) = encrypted_section(bytes) {
        let der = PrivatePkcs8KeyDer::from_pem_slice(section.as_bytes())
            .map_err(|error| ConfigError::new(Field::PrivateKey, format!("damaged PEM text: {error}")))?;
        return match EncryptedPrivateKeyInfo::try_from(der.secret_pkcs8_der()) {
            Ok(key) => decrypt(&key, password),
            Err(error) => refuse(format!(
                "the private key is damaged or encrypted with an outdated algorithm ({error}): {CONVERT}"
            )),
        };
    }
    if contains(bytes, b"Proc-Type: 4,ENCRYPTED") {
        return refuse(format!(
            "the private key is in the traditional encrypted form, which is not supported: {CONVERT}"
        ));
    }
    if contains(bytes, b"-----BEGIN OPENSSH PRIVATE KEY-----") {
        return refuse("an OpenSSH key: convert it with \"ssh-keygen -p -m PEM\"".to_owned());
    }
    match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Ok(key),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            refuse(format!("no \"BEGIN PRIVATE KEY\" section in the PEM text{}", found(bytes)))
        }
        Err(error) => refuse(format!("damaged PEM text: {error}")),
    }
}

enum DerKey<'a> {
    Plain(PrivateKeyDer<'a>),
    Encrypted(EncryptedPrivateKeyInfo<'a>),
    Certificate,
    Unknown,
}

fn key_in_der(bytes: &[u8]) -> DerKey<'_> {
    if let Ok(key) = PrivateKeyDer::try_from(bytes) {
        return DerKey::Plain(key);
    }
    if let Ok(key) = EncryptedPrivateKeyInfo::try_from(bytes) {
        return DerKey::Encrypted(key);
    }
    match ParsedCertificate::try_from(&CertificateDer::from(bytes)) {
        Ok(_) => DerKey::Certificate,
        Err(_) => DerKey::Unknown,
    }
}

fn decrypt(
    key: &EncryptedPrivateKeyInfo<'_>,
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, ConfigError> {
    use pkcs8::Error as E;
    use pkcs8::pkcs5::Error as P;
    let Some(password) = password else {
        return Err(ConfigError::new(
            Field::KeyPassword,
            "the private key is encrypted and no password is given",
        ));
    };
    match key.decrypt(password) {
        Ok(der) => Ok(PrivatePkcs8KeyDer::from(der.as_bytes().to_vec()).into()),
        Err(E::EncryptedPrivateKey(
            P::UnsupportedAlgorithm { .. } | P::NoPbes1CryptSupport | P::AlgorithmParametersInvalid { .. },
        )) => Err(ConfigError::new(
            Field::PrivateKey,
            format!("encrypted with an outdated algorithm: {CONVERT}"),
        )),
        // Bad padding, or with luck good padding around what is no key.
        Err(_) => Err(ConfigError::new(Field::KeyPassword, "wrong password for the private key")),
    }
}

/// Whether the key belongs to the first certificate.
fn check_match(certified: &CertifiedKey) -> Result<(), ConfigError> {
    let Some(public) = certified.key.public_key() else {
        return Ok(());
    };
    let belongs = |certificate: &CertificateDer<'_>| match ParsedCertificate::try_from(certificate) {
        Ok(certificate) => Ok(certificate.subject_public_key_info() == public),
        // X.509 version 1, which OpenSSL still makes by default and serves, is not parsed further. The key is in it
        // as it would be in version 3.
        Err(Error::InvalidCertificate(CertificateError::Other(_))) => {
            Ok(contains(certificate, public.as_ref()))
        }
        Err(error) => Err(error),
    };
    let mut chain = certified.cert.iter();
    match chain.next().map(belongs) {
        Some(Ok(true)) => Ok(()),
        Some(Ok(false)) => {
            let position = chain.position(|certificate| belongs(certificate) == Ok(true));
            let reason = match position {
                Some(i) => format!(
                    "the private key belongs to certificate {} of the chain; its own must be first",
                    i + 2
                ),
                None => "the private key does not belong to the certificate".to_owned(),
            };
            Err(ConfigError::new(Field::PrivateKey, reason))
        }
        Some(Err(error)) => {
            Err(ConfigError::new(Field::Certificate, format!("the first certificate is damaged ({error})")))
        }
        None => Err(ConfigError::new(Field::Certificate, "empty")),
    }
}

fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

/// The encrypted key in a PEM text, with the labels of a plain one so that the PEM reader takes it.
fn encrypted_section(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let start = text.find(ENCRYPTED_BEGIN)?;
    Some(
        text[start..]
            .replace(ENCRYPTED_BEGIN, "-----BEGIN PRIVATE KEY-----")
            .replace(ENCRYPTED_END, "-----END PRIVATE KEY-----"),
    )
}

/// What is in a PEM text instead, for the error.
fn found(bytes: &[u8]) -> &'static str {
    let holds = |kind: fn(&SectionKind) -> bool| {
        <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).flatten().any(|(section, _)| kind(&section))
    };
    if holds(|kind| {
        matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
    }) {
        "; it holds a private key"
    } else if holds(|kind| matches!(kind, SectionKind::Certificate)) {
        "; it holds a certificate"
    } else if holds(|kind| matches!(kind, SectionKind::Csr)) {
        "; it holds a certificate request"
    } else {
        ""
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
