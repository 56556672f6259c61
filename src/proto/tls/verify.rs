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
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, RootCertStore,
    SignatureScheme,
};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity};

use super::Trust;
use super::x509::{Certificate, date, unix_time};

/// Links of a chain that are looked at; longer ones webpki does not follow either.
const MAX_CHAIN: usize = 8;

/// Issuers to trust, read from their certificates.
#[derive(Debug)]
pub struct Roots {
    store: RootCertStore,
    /// What was wrong with reading them, if it was all in vain.
    problem: Option<String>,
}

impl Roots {
    /// From the certificates (DER) that a system trusts. Damaged ones are passed over, as everybody does: nobody
    /// can repair them here. `problem` is told to users who are left without any.
    pub fn of_system(certificates: impl IntoIterator<Item = Vec<u8>>, problem: Option<String>) -> Arc<Self> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.into_iter().map(CertificateDer::from));
        let problem = store.is_empty().then(|| problem.unwrap_or_else(|| "there are none".to_owned()));
        Arc::new(Self { store, problem })
    }
}

/// What the program itself gives for the verification.
pub(super) struct OwnCertificates {
    /// Issuers to trust.
    pub(super) issuers: RootCertStore,
    /// Certificates that servers may have left out.
    pub(super) intermediates: Vec<CertificateDer<'static>>,
}

/// Verifies servers' certificates under one [`Trust`].
///
/// rustls resumes a session only under the verifier that it was made under: one verifier for each trust.
pub(super) struct Verifier {
    own: OwnCertificates,
    /// Issuers that the system trusts.
    system: Option<Arc<Roots>>,
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    /// Why the certificate that was refused last was refused. rustls's own errors have no room for it.
    refusal: Mutex<Option<String>>,
}

/// What speaks against a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    kind: FaultKind,
    text: String,
}

/// Kinds of faults; the order is that in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FaultKind {
    /// It is none, or of a kind that cannot be used.
    Unfit,
    /// Self-signed, and not trusted itself.
    SelfSigned,
    /// The chain ends in a self-signed certificate that is not trusted.
    SelfSignedInChain,
    /// The issuer is neither trusted nor in the chain.
    UnknownIssuer,
    NotYetValid,
    Expired,
    HostName,
    IpAddress,
}

/// What webpki, or OpenSSL's rules in its place, make of a chain at a certain time.
enum Path {
    /// It leads to a trusted issuer, which may limit the names.
    Trusted { constrained: bool },
    /// It does not, perhaps because whoever is trusted under the issuer's name has not signed it.
    Untrusted { namesake: bool },
    /// A certificate in it was not valid at the time.
    BadTime(Fault),
    /// It is not to be used.
    Unfit(String),
}

impl Verifier {
    pub(super) fn new(
        own: OwnCertificates,
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
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Vec<Fault> {
        let all;
        let intermediates = if self.own.intermediates.is_empty() {
            intermediates
        } else {
            all = [intermediates, &self.own.intermediates].concat();
            &all
        };
        let now_path = self.path(leaf, intermediates, now);
        if let (Path::Trusted { .. }, Ok(certificate)) = (&now_path, EndEntityCert::try_from(leaf))
            && certificate.verify_is_valid_for_subject_name(name).is_ok()
        {
            return Vec::new();
        }
        let Some(certificate) = Certificate::parse(leaf) else {
            return vec![Fault::unfit("it cannot be read")];
        };
        let chain: Vec<Certificate<'_>> =
            intermediates.iter().take(MAX_CHAIN).filter_map(|der| Certificate::parse(der)).collect();
        let links = links(&certificate, &chain);
        let late = || links.iter().find_map(|link| bad_time(link, now));
        let (path, bad_time) = match now_path {
            // Whether it would do but for the time.
            Path::BadTime(fault) => {
                (self.path_at_another_time(leaf, intermediates, &links), late().or(Some(fault)))
            }
            // What is off the path does not matter.
            Path::Trusted { .. } => (now_path, None),
            path => (path, late()),
        };
        let mut faults = Vec::from_iter(bad_time);
        let constrained = match path {
            Path::Trusted { constrained } => constrained,
            Path::Untrusted { namesake } => {
                faults.push(self.untrusted(&links, namesake));
                // Whoever makes such a certificate chooses its names anyway.
                false
            }
            Path::BadTime(_) => {
                faults.push(Fault::unfit("there was never a time when all of its chain was valid"));
                true
            }
            Path::Unfit(text) => {
                faults.push(Fault { kind: FaultKind::Unfit, text });
                if EndEntityCert::try_from(leaf).is_err() {
                    // Its names cannot be judged, and need not be.
                    return faults;
                }
                true
            }
        };
        let constrained = constrained || chain.iter().any(Certificate::constrains_names);
        faults.extend(wrong_name(leaf, &certificate, name, constrained));
        faults.sort_by_key(|fault| fault.kind);
        faults
    }

    /// Where the chain leads at `time`.
    fn path(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>], time: UnixTime) -> Path {
        let stores = [Some(&self.own.issuers), self.system.as_ref().map(|system| &system.store)];
        let mut result = Path::Untrusted { namesake: false };
        for store in stores.into_iter().flatten() {
            let path = match EndEntityCert::try_from(leaf) {
                Ok(certificate) => self.webpki_path(&certificate, &store.roots, intermediates, time),
                Err(error) => Err(error),
            };
            let path = match path {
                Ok(path) => path,
                Err(webpki::Error::CaUsedAsEndEntity | webpki::Error::UnsupportedCertVersion) => {
                    self.direct_path(leaf, &store.roots, time)
                }
                Err(error) => Path::from(error),
            };
            match path {
                Path::Trusted { .. } => return path,
                // A store in which nobody knows it says nothing about it.
                Path::Untrusted { namesake: false } => {}
                _ => result = path,
            }
        }
        result
    }

    fn webpki_path(
        &self,
        leaf: &EndEntityCert<'_>,
        anchors: &[TrustAnchor<'_>],
        intermediates: &[CertificateDer<'_>],
        time: UnixTime,
    ) -> Result<Path, webpki::Error> {
        let usage = KeyUsage::server_auth();
        let path =
            leaf.verify_for_usage(self.algorithms.all, anchors, intermediates, time, usage, None, None)?;
        Ok(Path::Trusted { constrained: path.anchor().name_constraints.is_some() })
    }

    /// The path of a certificate that webpki takes for none of a server, but OpenSSL does: an authority's that
    /// is trusted itself, or one of X.509 version 1. Only a trusted issuer's own signature is good enough.
    fn direct_path(&self, leaf: &CertificateDer<'_>, anchors: &[TrustAnchor<'_>], time: UnixTime) -> Path {
        let Some(certificate) = Certificate::parse(leaf) else {
            return Path::Unfit("it cannot be read".to_owned());
        };
        if let Some(text) = certificate.unfit_for_server() {
            return Path::Unfit(text.to_owned());
        }
        if let Some(fault) = bad_time(&certificate, time) {
            return Path::BadTime(fault);
        }
        match anchors.iter().find(|anchor| certificate.is_signed_by(anchor, self.algorithms.all)) {
            Some(anchor) => Path::Trusted { constrained: anchor.name_constraints.is_some() },
            None => Path::Untrusted { namesake: false },
        }
    }

    /// The path at a time when all of the chain was valid. If there was one, it began with one of its
    /// certificates.
    fn path_at_another_time(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        links: &[&Certificate<'_>],
    ) -> Path {
        let mut result = Path::BadTime(Fault::unfit(""));
        for link in links {
            match self.path(leaf, intermediates, unix_time(link.not_before())) {
                Path::BadTime(_) => {}
                path @ Path::Trusted { .. } => return path,
                path => result = path,
            }
        }
        result
    }

    /// Says who is not trusted.
    fn untrusted(&self, links: &[&Certificate<'_>], namesake: bool) -> Fault {
        let hint = match self.system.as_deref() {
            Some(Roots { problem: Some(problem), .. }) if self.own.issuers.is_empty() => {
                format!("; no trusted certificates were found on this system: {problem}")
            }
            _ if namesake => "; the trusted certificate of that name has not signed it".to_owned(),
            _ => String::new(),
        };
        let (kind, text) = match links {
            [leaf] if leaf.is_self_issued() => {
                (FaultKind::SelfSigned, format!("self-signed certificate ({})", leaf.subject()))
            }
            [.., last] if last.is_self_issued() => (
                FaultKind::SelfSignedInChain,
                format!("self-signed certificate in certificate chain ({})", last.subject()),
            ),
            [.., last] => (
                FaultKind::UnknownIssuer,
                format!("unable to get local issuer certificate: unknown issuer {}", last.issuer()),
            ),
            [] => (FaultKind::UnknownIssuer, "unable to get local issuer certificate".to_owned()),
        };
        Fault { kind, text: text + &hint }
    }

    fn forgives(&self, kind: FaultKind) -> bool {
        let trust = self.trust;
        trust.allow_insecure
            || match kind {
                FaultKind::Unfit => false,
                FaultKind::SelfSigned | FaultKind::SelfSignedInChain | FaultKind::UnknownIssuer => {
                    trust.allow_selfsigned
                }
                FaultKind::NotYetValid | FaultKind::Expired => trust.allow_expired,
                FaultKind::HostName | FaultKind::IpAddress => trust.skip_hostname,
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
        if self.trust.allow_insecure {
            return Ok(ServerCertVerified::assertion());
        }
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

impl Fault {
    fn unfit(text: &str) -> Self {
        Self { kind: FaultKind::Unfit, text: text.to_owned() }
    }

    fn expired(whose: &str, on: impl fmt::Display) -> Self {
        Self { kind: FaultKind::Expired, text: format!("certificate has expired{whose} on {on}") }
    }

    fn not_yet(whose: &str, before: impl fmt::Display) -> Self {
        let text = format!("certificate is not yet valid{whose}: only from {before}");
        Self { kind: FaultKind::NotYetValid, text }
    }
}

/// As lws words it, with OpenSSL's number for the fault.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = match self.kind {
            FaultKind::Unfit => ("tls=invalidcert", 1),
            FaultKind::SelfSigned => ("tls=invalidca", 18),
            FaultKind::SelfSignedInChain => ("tls=invalidca", 19),
            FaultKind::UnknownIssuer => ("tls=invalidca", 20),
            FaultKind::NotYetValid => ("tls=notyetvalid", 9),
            FaultKind::Expired => ("tls=expired", 10),
            FaultKind::HostName => ("tls=hostname", 62),
            FaultKind::IpAddress => ("tls=hostname", 64),
        };
        write!(f, "{name} X509_V_ERR = {number}: {}", self.text)
    }
}

/// What the server is told by its alert.
impl From<FaultKind> for CertificateError {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Unfit => Self::Other(OtherError(Arc::new(fmt::Error))),
            FaultKind::SelfSigned | FaultKind::SelfSignedInChain | FaultKind::UnknownIssuer => {
                Self::UnknownIssuer
            }
            FaultKind::NotYetValid => Self::NotValidYet,
            FaultKind::Expired => Self::Expired,
            FaultKind::HostName | FaultKind::IpAddress => Self::NotValidForName,
        }
    }
}

impl From<webpki::Error> for Path {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error as E;
        match error {
            E::UnknownIssuer | E::EndEntityUsedAsCa => Self::Untrusted { namesake: false },
            // As when a test authority has been made anew under the old name.
            E::InvalidSignatureForPublicKey | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                Self::Untrusted { namesake: true }
            }
            E::CertExpired { not_after, .. } => Self::BadTime(Fault::expired("", date(not_after))),
            E::CertNotValidYet { not_before, .. } => Self::BadTime(Fault::not_yet("", date(not_before))),
            E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
                Self::Unfit("unsuitable certificate purpose: it is not for servers".to_owned())
            }
            E::UnsupportedCriticalExtension => Self::Unfit("unhandled critical extension".to_owned()),
            E::NameConstraintViolation => {
                Self::Unfit("its issuer must not issue certificates for its names".to_owned())
            }
            other => Self::Unfit(format!("it is damaged or of an unsupported kind ({other})")),
        }
    }
}

/// The chain from `leaf` upwards as far as it is there.
fn links<'a, 'b>(leaf: &'a Certificate<'b>, chain: &'a [Certificate<'b>]) -> Vec<&'a Certificate<'b>> {
    let mut links = vec![leaf];
    let mut last = leaf;
    while links.len() <= chain.len() && !last.is_self_issued() {
        let Some(issuer) = chain.iter().find(|issuer| last.is_issued_by(issuer)) else { break };
        links.push(issuer);
        last = issuer;
    }
    links
}

fn bad_time(certificate: &Certificate<'_>, now: UnixTime) -> Option<Fault> {
    let whose = if certificate.is_authority() && !certificate.is_self_issued() {
        format!(" ({})", certificate.subject())
    } else {
        String::new()
    };
    if now < unix_time(certificate.not_before()) {
        Some(Fault::not_yet(&whose, certificate.not_before()))
    } else if unix_time(certificate.not_after()) < now {
        Some(Fault::expired(&whose, certificate.not_after()))
    } else {
        None
    }
}

/// `constrained`: an issuer may limit names, which says nothing of common names, so that these do not count.
fn wrong_name(
    leaf: &CertificateDer<'_>,
    certificate: &Certificate<'_>,
    expected: &ServerName<'_>,
    constrained: bool,
) -> Option<Fault> {
    if let Ok(leaf) = EndEntityCert::try_from(leaf)
        && leaf.verify_is_valid_for_subject_name(expected).is_ok()
    {
        return None;
    }
    let names = certificate.names();
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
