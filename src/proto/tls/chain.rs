//! A server's chain of certificates as OpenSSL looks at it, and everything that speaks against it.
//!
//! webpki stops at the first fault and knows no forgiveness. What a program may ask to be forgiven (`LCCSCF_ALLOW_...`) are single
//! faults in OpenSSL's order of things, so that the others must be known.

use std::fmt;

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::store::Store;
use super::x509::{Certificate, unix_time};

/// Certificates of a server's that are looked at; webpki follows no more either.
const MAX_SENT: usize = 8;

/// What speaks against a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) text: String,
}

/// Kinds of faults; the order is that in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FaultKind {
    /// It is none, or of a kind that cannot be used.
    Unfit,
    /// It is not what its issuer has signed.
    Signature,
    /// It is not for servers, or its issuer not for issuers of servers' certificates.
    Purpose,
    /// It has an extension that must be understood, and is not.
    CriticalExtension,
    /// Its issuer is no authority.
    NoAuthority,
    /// More authorities follow each other than one of them allows.
    PathLength,
    /// An authority issued it that must not do so for its names.
    NamesNotPermitted,
    /// It leads to one of our own certificates that is not trusted itself, and no further.
    OwnIssuerUnknown,
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

impl FaultKind {
    /// The first that may be forgiven.
    pub(super) const FORGIVABLE: Self = Self::SelfSigned;
}

impl Fault {
    pub(super) fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// As lws words it, with OpenSSL's number for the fault.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = match self.kind {
            FaultKind::Unfit => ("tls=invalidcert", 1),
            FaultKind::Signature => ("tls=invalidcert", 7),
            FaultKind::Purpose => ("tls=invalidcert", 26),
            FaultKind::CriticalExtension => ("tls=invalidcert", 34),
            FaultKind::NoAuthority => ("tls=invalidca", 79),
            FaultKind::PathLength => ("tls=invalidca", 25),
            FaultKind::NamesNotPermitted => ("tls=invalidca", 47),
            FaultKind::OwnIssuerUnknown => ("tls=invalidca", 2),
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

/// A server's certificate and those above it as far as they are there.
pub(super) struct Chain<'a> {
    /// The server's own first.
    links: Vec<Certificate<'a>>,
    end: End,
    /// Whether a trusted certificate has the name of the issuer that is not trusted.
    namesake: bool,
}

/// Where a chain ends.
enum End {
    /// With a certificate that is trusted.
    Trusted,
    /// With a self-signed one that is not.
    SelfSigned,
    /// With one whose issuer is not there; `ours` if the server did not send it.
    Unknown { ours: bool },
}

/// A certificate that may be in a chain.
struct Candidate<'a> {
    certificate: Certificate<'a>,
    ours: bool,
}

impl<'a> Chain<'a> {
    /// The chain that OpenSSL makes of the server's certificate, the others that it `sent`, and our `stores`: each issuer is found by
    /// its name and key identifier, trusted ones before others. Of several, one is taken whose key fits, and one that is valid.
    pub(super) fn build(
        leaf: Certificate<'a>,
        sent: &'a [CertificateDer<'_>],
        stores: &[&'a Store],
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Self {
        let ours = stores.iter().flat_map(|store| &store.intermediates).map(|der| (der.as_ref(), true));
        let mut pool: Vec<Candidate<'a>> = sent
            .iter()
            .take(MAX_SENT)
            .map(|der| (der.as_ref(), false))
            .chain(ours)
            .filter_map(|(der, ours)| Some(Candidate { certificate: Certificate::parse(der)?, ours }))
            .collect();
        let mut chain = Self { links: Vec::new(), end: End::SelfSigned, namesake: false };
        let mut last = Candidate { certificate: leaf, ours: false };
        loop {
            let link = &last.certificate;
            let rank = |issuer: &Certificate<'_>| {
                (link.is_signed_by(issuer, algorithms), bad_time(issuer, now, true).is_none())
            };
            let name = link.issuer_name().unwrap_or_default();
            let roots = || stores.iter().flat_map(|store| store.roots_named(&name));
            if link.issued_itself() {
                if roots().any(|root| root.der() == link.der()) {
                    chain.end = End::Trusted;
                }
                chain.namesake = roots().next().is_some();
                chain.links.push(last.certificate);
                return chain;
            }
            if let Some(root) = roots().filter(|root| link.is_issued_by(root)).max_by_key(rank) {
                chain.end = End::Trusted;
                chain.links.extend([last.certificate, root]);
                return chain;
            }
            let issuers = pool.iter().enumerate().filter(|(_, other)| link.is_issued_by(&other.certificate));
            let Some((issuer, _)) = issuers.max_by_key(|(_, other)| rank(&other.certificate)) else {
                chain.end = End::Unknown { ours: last.ours };
                chain.namesake = roots().next().is_some();
                chain.links.push(last.certificate);
                return chain;
            };
            let issuer = pool.swap_remove(issuer);
            chain.links.push(last.certificate);
            last = issuer;
        }
    }

    /// Whether an authority in it limits the names below it.
    pub(super) fn constrains_names(&self) -> bool {
        self.links.iter().skip(1).any(Certificate::constrains_names)
    }

    /// Whether the limits in it allow the server to be called `host`.
    pub(super) fn permits_common_name(&self, host: &str) -> bool {
        self.links.iter().skip(1).all(|link| link.permits_common_name(host))
    }

    /// Everything that speaks against it, but for the names it is for. `hint` is added for whom nobody here trusts.
    pub(super) fn faults(
        &self,
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        hint: &str,
    ) -> Vec<Fault> {
        let [leaf, issuers @ ..] = &self.links[..] else { return Vec::new() };
        let mut faults: Vec<Fault> =
            self.untrusted(hint).into_iter().chain(leaf.unfit_for_server()).collect();
        let mut below = 0;
        for (i, (link, issuer)) in self.links.iter().zip(issuers).enumerate() {
            faults.extend(issuer.unfit_for_issuing(below, i + 1 == issuers.len()));
            below += usize::from(!issuer.issued_itself());
            if !link.is_signed_by(issuer, algorithms) {
                let text = format!("certificate signature failure: not by {}", issuer.subject());
                faults.push(Fault::new(FaultKind::Signature, text));
            }
        }
        // OpenSSL lets the last of several alone if nobody stands for it.
        let dated = match self.end {
            End::Unknown { .. } => (self.links.len() - 1).max(1),
            End::Trusted | End::SelfSigned => self.links.len(),
        };
        let mut dated = self.links.iter().take(dated).enumerate();
        faults.extend(dated.find_map(|(i, link)| bad_time(link, now, i > 0)));
        if self.constrains_names() {
            faults.extend(self.names_not_permitted(now, algorithms));
        }
        faults
    }

    /// Says who is not trusted.
    fn untrusted(&self, hint: &str) -> Option<Fault> {
        let last = self.links.last()?;
        let hint =
            if self.namesake { "; the trusted certificate of that name has not signed it" } else { hint };
        let (kind, text) = match self.end {
            End::Trusted => return None,
            End::SelfSigned if self.links.len() == 1 => {
                (FaultKind::SelfSigned, format!("self-signed certificate ({})", last.subject()))
            }
            End::SelfSigned => (
                FaultKind::SelfSignedInChain,
                format!("self-signed certificate in certificate chain ({})", last.subject()),
            ),
            End::Unknown { ours: false } => (
                FaultKind::UnknownIssuer,
                format!("unable to get local issuer certificate: unknown issuer {}", last.issuer()),
            ),
            End::Unknown { ours: true } => (
                FaultKind::OwnIssuerUnknown,
                format!("unable to get issuer certificate: unknown issuer {}", last.issuer()),
            ),
        };
        Some(Fault { kind, text: text + hint })
    }

    /// Whether the limits of its authorities forbid its names: webpki's judgement, as if the last of the chain were trusted.
    fn names_not_permitted(
        &self,
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Option<Fault> {
        let not_permitted = |why: &str| {
            let text = format!("permitted or excluded subtree violation: {why}");
            Some(Fault::new(FaultKind::NamesNotPermitted, text))
        };
        let [leaf, between @ .., last] = &self.links[..] else { return None };
        let (leaf, last) = (CertificateDer::from(leaf.der()), CertificateDer::from(last.der()));
        let between: Vec<CertificateDer<'_>> = between.iter().map(|link| link.der().into()).collect();
        let (Ok(leaf), Ok(anchor)) =
            (EndEntityCert::try_from(&leaf), webpki::anchor_from_trusted_cert(&last))
        else {
            return not_permitted("its names cannot be judged");
        };
        // If there was a time when all of it was valid, it began with one of its certificates.
        let begins = self.links.iter().map(|link| unix_time(link.not_before()));
        for time in std::iter::once(now).chain(begins) {
            let usage = KeyUsage::server_auth();
            let anchors = std::slice::from_ref(&anchor);
            match leaf.verify_for_usage(algorithms, anchors, &between, time, usage, None, None) {
                Ok(_) => return None,
                Err(webpki::Error::NameConstraintViolation) => {
                    return not_permitted("its issuer must not issue certificates for its names");
                }
                Err(_) => {}
            }
        }
        not_permitted("its issuers' limits cannot be judged")
    }
}

/// `named`: not the server's own, so that it must be said which one it is.
pub(super) fn bad_time(certificate: &Certificate<'_>, now: UnixTime, named: bool) -> Option<Fault> {
    let whose = if named { format!(" ({})", certificate.subject()) } else { String::new() };
    if now < unix_time(certificate.not_before()) {
        let text = format!("certificate is not yet valid{whose}: only from {}", certificate.not_before());
        Some(Fault::new(FaultKind::NotYetValid, text))
    } else if unix_time(certificate.not_after()) < now {
        let text = format!("certificate has expired{whose} on {}", certificate.not_after());
        Some(Fault::new(FaultKind::Expired, text))
    } else {
        None
    }
}
