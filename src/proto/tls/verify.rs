//! Whether a server's certificate is accepted: what webpki says, what OpenSSL would say where webpki says no on
//! principle, and what the program has asked to be forgiven.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, VerifiedPath};

use super::Trust;
use super::chain::{Chain, Fault, FaultKind, bad_time};
use super::store::{Roots, Store};
use super::x509::{Certificate, Names};

/// A way to a trusted issuer.
struct Path {
    /// Names are limited on it.
    constrained: bool,
    /// These limits, if any, allow the common name, if that is a host's and counts.
    permits_common_name: bool,
}

/// Verifies servers' certificates under one [`Trust`].
///
/// rustls resumes a session only under the verifier that it was made under: one verifier for each trust.
pub(super) struct Verifier {
    /// What the program itself gives for the verification.
    own: Store,
    /// Issuers that the system trusts.
    system: Option<Arc<Roots>>,
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    /// Why the certificate that was refused last was refused. rustls's own errors have no room for it.
    refusal: Mutex<Option<String>>,
}

impl Verifier {
    pub(super) fn new(
        own: Store,
        system: Option<Arc<Roots>>,
        trust: Trust,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { own, system, trust, algorithms, refusal: Mutex::new(None) }
    }

    /// Why the last certificate was refused, once.
    pub(super) fn take_refusal(&self) -> Option<String> {
        self.refusal.lock().take()
    }

    /// Whether nothing at all speaks against a chain, the server's own certificate first; an empty one is not faultless.
    pub(super) fn is_faultless(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        chain.split_first().is_some_and(|(leaf, rest)| self.faults(leaf, rest, name, now).is_empty())
    }

    /// Everything that speaks against the certificate, forgiven or not.
    fn faults(
        &self,
        leaf: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Vec<Fault> {
        let Some(certificate) = Certificate::parse(leaf) else {
            return vec![Fault::new(FaultKind::Unfit, "it cannot be read")];
        };
        let names = certificate.names();
        let error = match self.trusted_path(leaf, &certificate, &names, sent, now) {
            Ok(path) => {
                let not_permitted = (!path.permits_common_name).then(|| name_not_permitted(&names));
                return not_permitted
                    .into_iter()
                    .chain(wrong_name(leaf, names, name, path.constrained))
                    .collect();
            }
            Err(error) => error,
        };
        let stores: Vec<&Store> = self.stores().collect();
        let chain = Chain::build(certificate, sent, &stores, now, self.algorithms.all);
        let mut faults = chain.faults(now, self.algorithms.all, &self.no_roots_hint());
        if names.common_host().is_some_and(|host| !chain.permits_common_name(host)) {
            faults.push(name_not_permitted(&names));
        }
        // OpenSSL takes those of X.509 version 1.
        let readable =
            matches!(EndEntityCert::try_from(leaf), Ok(_) | Err(webpki::Error::UnsupportedCertVersion));
        let refused = !readable || refuses_alone(&error, faults.is_empty());
        if refused && faults.iter().all(|fault| fault.kind >= FaultKind::FORGIVABLE) {
            let text = format!("it is damaged or of an unsupported kind ({error})");
            faults.push(Fault::new(FaultKind::Unfit, text));
        }
        if readable {
            faults.extend(wrong_name(leaf, names, name, chain.constrains_names()));
        }
        faults.sort_by_key(|fault| fault.kind);
        faults
    }

    /// The certificates to look for issuers in.
    fn stores(&self) -> impl Iterator<Item = &Store> {
        [Some(&self.own), self.system.as_ref().map(|system| &system.store)].into_iter().flatten()
    }

    /// webpki's path to a trusted issuer that OpenSSL would accept as well.
    fn trusted_path(
        &self,
        leaf: &CertificateDer<'_>,
        certificate: &Certificate<'_>,
        names: &Names,
        sent: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Path, webpki::Error> {
        let end_entity = EndEntityCert::try_from(leaf)?;
        if certificate.unfit_for_server().is_some() {
            return Err(webpki::Error::UnknownIssuer);
        }
        let ours = self.stores().flat_map(|store| &store.intermediates);
        let others: Vec<CertificateDer<'_>> = sent.iter().chain(ours).cloned().collect();
        let mut result = Err(webpki::Error::UnknownIssuer);
        for store in self.stores() {
            let usage = KeyUsage::server_auth();
            let accept = |path: &VerifiedPath<'_>| accept(path, store, certificate, now);
            let all = self.algorithms.all;
            match end_entity.verify_for_usage(all, &store.anchors, &others, now, usage, None, Some(&accept)) {
                Ok(path) => {
                    let links = path.intermediate_certificates().map(webpki::Cert::der);
                    let links: Vec<_> = links.chain(store.root_of(path.anchor()).cloned()).collect();
                    let links: Vec<_> = links.iter().filter_map(|der| Certificate::parse(der)).collect();
                    let host = names.common_host();
                    return Ok(Path {
                        constrained: links.iter().any(Certificate::constrains_names),
                        permits_common_name: host
                            .is_none_or(|host| links.iter().all(|link| link.permits_common_name(host))),
                    });
                }
                // A store in which nobody knows it says nothing about it.
                Err(webpki::Error::UnknownIssuer) => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// For the user of a system that trusts nobody.
    fn no_roots_hint(&self) -> String {
        match self.system.as_deref() {
            Some(Roots { problem: Some(problem), .. }) if self.own.is_empty() => {
                format!("; no trusted certificates were found on this system: {problem}")
            }
            _ => String::new(),
        }
    }

    /// Exactly what upstream forgives, which is narrower than the flags' names may suggest.
    fn forgives(&self, kind: FaultKind) -> bool {
        match kind {
            FaultKind::SelfSigned | FaultKind::SelfSignedInChain => self.trust.allow_selfsigned,
            FaultKind::UnknownIssuer => self.trust.allow_insecure,
            FaultKind::NotYetValid | FaultKind::Expired => self.trust.allow_expired,
            FaultKind::HostName | FaultKind::IpAddress => self.trust.skip_hostname,
            FaultKind::Unfit
            | FaultKind::Signature
            | FaultKind::Purpose
            | FaultKind::CriticalExtension
            | FaultKind::NoAuthority
            | FaultKind::PathLength
            | FaultKind::NamesNotPermitted
            | FaultKind::OwnIssuerUnknown => false,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut faults = self.faults(end_entity, intermediates, server_name, now);
        faults.retain(|fault| !self.forgives(fault.kind));
        let Some(first) = faults.first() else {
            return Ok(ServerCertVerified::assertion());
        };
        let words: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let text = format!("server's cert didn't look good, {}", words.join("; "));
        *self.refusal.lock() = Some(text);
        Err(Error::InvalidCertificate(first.kind.into()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if EndEntityCert::try_from(cert).is_ok() {
            return verify_tls12_signature(message, cert, dss, &self.algorithms);
        }
        let key = public_key(cert)?;
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let candidates = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
        let (_, candidates) = candidates.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        if candidates
            .iter()
            .any(|algorithm| key.verify_signature(*algorithm, message, dss.signature()).is_ok())
        {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if EndEntityCert::try_from(cert).is_ok() {
            return verify_tls13_signature(message, cert, dss, &self.algorithms);
        }
        verify_tls13_signature_with_raw_key(message, &public_key(cert)?, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// What the server is told by its alert.
impl From<FaultKind> for CertificateError {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Unfit
            | FaultKind::Purpose
            | FaultKind::CriticalExtension
            | FaultKind::PathLength
            | FaultKind::NamesNotPermitted => Self::Other(OtherError(Arc::new(fmt::Error))),
            FaultKind::Signature => Self::BadSignature,
            FaultKind::SelfSigned
            | FaultKind::SelfSignedInChain
            | FaultKind::UnknownIssuer
            | FaultKind::OwnIssuerUnknown
            | FaultKind::NoAuthority => Self::UnknownIssuer,
            FaultKind::NotYetValid => Self::NotValidYet,
            FaultKind::Expired => Self::Expired,
            FaultKind::HostName | FaultKind::IpAddress => Self::NotValidForName,
        }
    }
}

/// What webpki does not look at, but OpenSSL does.
fn accept(
    path: &VerifiedPath<'_>,
    store: &Store,
    leaf: &Certificate<'_>,
    now: UnixTime,
) -> Result<(), webpki::Error> {
    // What speaks against it, if nothing better is found, is looked for anew.
    const REFUSED: webpki::Error = webpki::Error::UnknownIssuer;
    let der = store.root_of(path.anchor()).ok_or(REFUSED)?;
    let root = Certificate::parse(der).ok_or(REFUSED)?;
    if bad_time(&root, now, true).is_some() {
        return Err(REFUSED);
    }
    if leaf.issued_itself() {
        return if root.der() == leaf.der() { Ok(()) } else { Err(REFUSED) };
    }
    let mut below = 0;
    for link in path.intermediate_certificates() {
        let der = link.der();
        let link = Certificate::parse(&der).ok_or(REFUSED)?;
        if link.unfit_for_issuing(below, false).is_some() {
            return Err(REFUSED);
        }
        below += usize::from(!link.issued_itself());
    }
    if root.unfit_for_issuing(below, true).is_some() { Err(REFUSED) } else { Ok(()) }
}

/// Whether webpki's word alone is enough; `faultless`: OpenSSL would find nothing, as with servers' certificates that are also
/// authorities', and with those of X.509 version 1.
fn refuses_alone(error: &webpki::Error, faultless: bool) -> bool {
    use webpki::Error as E;
    match error {
        E::CertDistrusted => true,
        E::CaUsedAsEndEntity | E::UnsupportedCertVersion => false,
        _ => faultless,
    }
}

fn name_not_permitted(names: &Names) -> Fault {
    let name = names.common.as_deref().unwrap_or_default();
    let text =
        format!("permitted or excluded subtree violation: its issuer must not issue certificates for {name}");
    Fault::new(FaultKind::NamesNotPermitted, text)
}

/// `constrained`: an issuer may limit names, which says nothing of common names, so that these do not count.
fn wrong_name(
    leaf: &CertificateDer<'_>,
    names: Names,
    expected: &ServerName<'_>,
    constrained: bool,
) -> Option<Fault> {
    if let Ok(leaf) = EndEntityCert::try_from(leaf)
        && leaf.verify_is_valid_for_subject_name(expected).is_ok()
    {
        return None;
    }
    let (kind, what) = match expected {
        ServerName::DnsName(host) if !constrained && names.common_name_covers(host.as_ref()) => return None,
        ServerName::IpAddress(_) => (FaultKind::IpAddress, "IP address mismatch"),
        _ => (FaultKind::HostName, "hostname mismatch"),
    };
    let mut shown = names.shown;
    shown.extend(names.common.filter(|_| !constrained));
    if shown.is_empty() {
        shown.push("no host at all".to_owned());
    }
    let shown = shown.join(", ");
    let text = format!("{what}: the certificate is for {shown}, not for {}", expected.to_str());
    Some(Fault { kind, text })
}

fn public_key(
    certificate: &CertificateDer<'_>,
) -> Result<rustls::pki_types::SubjectPublicKeyInfoDer<'static>, Error> {
    Certificate::parse(certificate)
        .and_then(|certificate| certificate.public_key())
        .ok_or_else(|| CertificateError::BadEncoding.into())
}
