//! The certificates that a client holds: issuers that it trusts, and others that lead to them.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::EndEntityCert;

use super::x509::{self, Certificate};

/// Issuers that a system trusts, read from their certificates.
#[derive(Debug)]
pub struct Roots {
    pub(super) store: Store,
    /// What was wrong with reading them, if it was all in vain.
    pub(super) problem: Option<String>,
}

impl Roots {
    /// From the certificates (DER) that a system trusts. Damaged ones are passed over, as everybody does: nobody
    /// can repair them here. `problem` is told to users who are left without any.
    pub fn of_system(certificates: impl IntoIterator<Item = Vec<u8>>, problem: Option<String>) -> Arc<Self> {
        let mut store = Store::default();
        for certificate in certificates {
            let _damaged = store.add(certificate.into());
        }
        let problem = store.is_empty().then(|| problem.unwrap_or_else(|| "there are none".to_owned()));
        Arc::new(Self { store, problem })
    }
}

/// Certificates as OpenSSL keeps them in a store: the self-signed are trusted; others only lead to those.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    /// What webpki wants to know of the trusted ones.
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// The trusted ones, in the same order.
    roots: Vec<CertificateDer<'static>>,
    /// The others.
    pub(super) intermediates: Vec<CertificateDer<'static>>,
}

impl Store {
    /// One more certificate; the error says what is wrong with it.
    pub(super) fn add(&mut self, certificate: CertificateDer<'static>) -> Result<(), String> {
        if is_self_issued(&certificate).ok_or("not a certificate in DER")? {
            let anchor = webpki::anchor_from_trusted_cert(&certificate).map_err(|error| error.to_string())?;
            self.anchors.push(anchor.to_owned());
            self.roots.push(certificate);
        } else {
            self.intermediates.push(certificate);
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The certificate of one of [`anchors`](Self::anchors).
    pub(super) fn root_of(&self, anchor: &TrustAnchor<'_>) -> Option<&CertificateDer<'static>> {
        let index = self.anchors.iter().position(|own| std::ptr::eq(own, anchor))?;
        self.roots.get(index)
    }

    /// The trusted certificates of the name (DER, without its own tag).
    pub(super) fn roots_named<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = Certificate<'a>> {
        self.anchors
            .iter()
            .zip(&self.roots)
            .filter(move |(anchor, _)| anchor.subject.as_ref() == name)
            .filter_map(|(_, root)| Certificate::parse(root))
    }
}

/// Whether it names itself as its issuer; `None` if it is no certificate. All of a system's are asked: webpki is fast, but
/// refuses some.
fn is_self_issued(certificate: &CertificateDer<'_>) -> Option<bool> {
    match EndEntityCert::try_from(certificate) {
        Ok(certificate) => Some(certificate.issuer() == certificate.subject()),
        Err(_) => x509::is_self_issued(certificate),
    }
}
