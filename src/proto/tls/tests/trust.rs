//! Which servers' certificates our client accepts, what it forgives, and what it says of the others.

use rcgen::{
    CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConnection, pki_types::PrivatePkcs8KeyDer};

use super::*;

const EC_KEY: &str = include_str!("pem/ec-sec1.key");
/// Made as `openssl req -x509` makes them: an authority, and a common name only.
const EC_CA: &str = include_str!("pem/ec-ca.crt");
/// As `openssl x509 -req` makes them: X.509 version 1.
const EC_V1: &str = include_str!("pem/ec-v1.crt");
const EC_V1_EXPIRED: &str = include_str!("pem/ec-v1-expired.crt");

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    /// It ends with a self-signed certificate.
    issuer: Option<&'static str>,
    /// It ends before that.
    unsent: Option<&'static str>,
    date: Option<&'static str>,
    name: Option<&'static str>,
    /// What nobody accepts.
    other: Option<&'static str>,
}

impl Wrong {
    /// The words of what is not forgiven; nothing if all is.
    fn under(&self, trust: Trust) -> Vec<&'static str> {
        [
            self.other,
            self.issuer.filter(|_| !trust.allow_selfsigned),
            self.unsent.filter(|_| !trust.allow_insecure),
            self.date.filter(|_| !trust.allow_expired),
            self.name.filter(|_| !trust.skip_hostname),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// All that can be asked to be forgiven.
fn trusts() -> impl Iterator<Item = Trust> {
    (0..16).map(|bits| Trust {
        allow_selfsigned: bits & 1 != 0,
        skip_hostname: bits & 2 != 0,
        allow_expired: bits & 4 != 0,
        allow_insecure: bits & 8 != 0,
    })
}

/// Certificates, the server's own first, and the key in PEM.
struct Server {
    what: &'static str,
    chain: Vec<CertificateDer<'static>>,
    key: String,
    wrong: Wrong,
}

impl Server {
    fn rustls_config(&self, version: &'static SupportedProtocolVersion) -> Arc<rustls::ServerConfig> {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        rustls_server(version, self.chain.clone(), &key)
    }
}

/// A server that shows `chain` and signs with `key`, whether they belong together or not.
fn rustls_server(
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Arc<rustls::ServerConfig> {
    let provider = rustls::crypto::ring::default_provider();
    let key = provider.key_provider.load_private_key(key.clone_key()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))));
    Arc::new(config)
}

/// Shakes hands; returns our error and the server's, if there are any.
fn shake_hands(
    client: &mut TlsClient,
    config: &Arc<rustls::ServerConfig>,
) -> (Result<(), TlsError>, Result<(), rustls::Error>) {
    let mut server = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut sink = BytesMut::new();
    loop {
        let mut up = Vec::new();
        client.write_to(&mut up).unwrap();
        let mut rest = &up[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            if let Err(error) = server.process_new_packets() {
                return (Ok(()), Err(error));
            }
        }
        let mut down = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut down).unwrap();
        }
        if up.is_empty() && down.is_empty() {
            assert!(!client.is_handshaking() && !server.is_handshaking());
            return (Ok(()), Ok(()));
        }
        if let Err(error) = client.receive_into(&mut down, &mut sink) {
            assert!(client.is_handshaking() || client.version() == Some("TLSv1.3"));
            assert_eq!(client.receive_into(&mut [0; 4], &mut sink).unwrap_err(), error, "errors are final");
            let mut alert = Vec::new();
            client.write_to(&mut alert).unwrap();
            let mut rest = &alert[..];
            server.read_tls(&mut rest).unwrap();
            return (Err(error), server.process_new_packets().map(drop));
        }
    }
}

fn connect(client: &ClientTls, name: &str, trust: Trust) -> TlsClient {
    client.connect(name, &[b"http/1.1"], trust, &Spares::default()).unwrap()
}

fn pem_certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = authority_params(name);
    change(&mut params);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2010, 1, 1), date_time_ymd(2011, 2, 3));
}

fn future(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(3000, 4, 5);
}

/// Every way in which a certificate may be wrong, for a client that asks for `localhost` and trusts
/// [`AUTHORITY`].
struct Servers {
    list: Vec<Server>,
}

impl Servers {
    fn issued(
        &mut self,
        what: &'static str,
        issuer: &CertifiedIssuer<'static, KeyPair>,
        above: &[&CertificateDer<'static>],
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
        wrong: Wrong,
    ) {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        change(&mut params);
        let leaf = params.signed_by(&key, issuer).unwrap();
        let chain = std::iter::once(leaf.der()).chain(above.iter().copied()).cloned().collect();
        self.list.push(Server { what, chain, key: key.serialize_pem(), wrong });
    }

    fn self_signed(
        &mut self,
        what: &'static str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
        wrong: Wrong,
    ) {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        params.distinguished_name.push(DnType::CommonName, "selfish");
        change(&mut params);
        let leaf = params.self_signed(&key).unwrap();
        self.list.push(Server { what, chain: vec![leaf.der().clone()], key: key.serialize_pem(), wrong });
    }

    fn made_by_openssl(&mut self, what: &'static str, pem: &str, wrong: Wrong) {
        let chain = vec![pem_certificate(pem)];
        self.list.push(Server { what, chain, key: EC_KEY.to_owned(), wrong });
    }
}

const SELF_SIGNED: Option<&str> = Some("X509_V_ERR = 18: self-signed certificate (CN=");
const SELF_SIGNED_ABOVE: Option<&str> =
    Some("X509_V_ERR = 19: self-signed certificate in certificate chain (CN=");
const UNKNOWN: Option<&str> =
    Some("X509_V_ERR = 20: unable to get local issuer certificate: unknown issuer CN=");
const EXPIRED: Option<&str> = Some("X509_V_ERR = 10: certificate has expired on 2011-02-03T00:00:00Z");
const OLD_AUTHORITY: Option<&str> =
    Some("X509_V_ERR = 10: certificate has expired (CN=old and strange) on 2011-02-03T00:00:00Z");
const FUTURE: Option<&str> =
    Some("X509_V_ERR = 9: certificate is not yet valid: only from 3000-04-05T00:00:00Z");
const WRONG_NAME: Option<&str> = Some(
    "X509_V_ERR = 62: hostname mismatch: the certificate is for a.example, 192.0.2.1, not for localhost",
);
const SIGNATURE: Option<&str> = Some("X509_V_ERR = 7: certificate signature failure");
const NO_AUTHORITY: Option<&str> = Some("X509_V_ERR = 79: invalid CA certificate: CN=");
const CLIENTS_ONLY: Option<&str> = Some("unsuitable certificate purpose");

fn servers() -> Vec<Server> {
    let trusted = &AUTHORITY.issuer;
    let strange = authority("stranger", |_| {});
    let none = Wrong::default();
    let other = &["a.example", "192.0.2.1"][..];
    let mut servers = Servers { list: Vec::new() };
    let s = &mut servers;
    s.issued("good", trusted, &[], &["localhost"], |_| {}, none);
    s.issued("good, with its root", trusted, &[trusted.der()], &["localhost"], |_| {}, none);
    s.issued("expired", trusted, &[], &["localhost"], expired, Wrong { date: EXPIRED, ..none });
    s.issued("future", trusted, &[], &["localhost"], future, Wrong { date: FUTURE, ..none });
    s.issued("other name", trusted, &[], other, |_| {}, Wrong { name: WRONG_NAME, ..none });
    let wrong = Wrong { date: EXPIRED, name: WRONG_NAME, ..none };
    s.issued("expired, other name", trusted, &[], other, expired, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED_ABOVE, ..none };
    s.issued("unknown issuer", &strange, &[strange.der()], &["localhost"], |_| {}, wrong);
    let wrong = Wrong { unsent: UNKNOWN, ..none };
    s.issued("unknown issuer not sent", &strange, &[], &["localhost"], |_| {}, wrong);
    let wrong = Wrong { unsent: UNKNOWN, date: EXPIRED, name: WRONG_NAME, ..none };
    s.issued("all but the purpose", &strange, &[], other, expired, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED_ABOVE, date: EXPIRED, name: WRONG_NAME, ..none };
    s.issued("all but the purpose, with its root", &strange, &[strange.der()], other, expired, wrong);

    let clients_only = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let wrong = Wrong { other: CLIENTS_ONLY, ..none };
    s.issued("for clients only", trusted, &[], &["localhost"], clients_only, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED, ..wrong };
    s.self_signed("self-signed for clients only", &["localhost"], clients_only, wrong);
    let wrong = Wrong { unsent: UNKNOWN, issuer: None, ..wrong };
    s.issued("of a stranger for clients only", &strange, &[], &["localhost"], clients_only, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED, unsent: None, ..wrong };
    let is_ca = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signs_only = |params: &mut CertificateParams| {
        is_ca(params);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    };
    s.self_signed("authority that only signs", &["localhost"], signs_only, wrong);
    s.issued("server that is an authority", trusted, &[], &["localhost"], is_ca, none);

    s.self_signed("self-signed", &["localhost"], |_| {}, Wrong { issuer: SELF_SIGNED, ..none });
    s.self_signed("self-signed authority", &["localhost"], is_ca, Wrong { issuer: SELF_SIGNED, ..none });
    let wrong = Wrong { issuer: SELF_SIGNED, date: EXPIRED, ..none };
    s.self_signed("self-signed, expired", &["localhost"], expired, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED, date: FUTURE, ..none };
    s.self_signed("self-signed, future", &["localhost"], future, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED, name: WRONG_NAME, ..none };
    s.self_signed("self-signed, other name", other, |_| {}, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED, date: EXPIRED, name: WRONG_NAME, ..none };
    let old_ca = |params: &mut CertificateParams| {
        is_ca(params);
        expired(params);
    };
    s.self_signed("self-signed authority, expired, other name", other, old_ca, wrong);

    let wrong = Wrong { issuer: SELF_SIGNED, ..none };
    s.made_by_openssl("openssl req -x509", EC_CA, wrong);
    s.made_by_openssl("X.509 version 1", EC_V1, wrong);
    let date = Some("X509_V_ERR = 10: certificate has expired on 2021-01-01T00:00:00Z");
    s.made_by_openssl("X.509 version 1, expired", EC_V1_EXPIRED, Wrong { date, ..wrong });

    intermediates_and_names(&mut servers);
    constrained_chains(&mut servers, &strange);
    spoilt_chains(&mut servers.list);
    servers.list
}

/// Chains with authorities between, and names other than those of the extension for them.
fn intermediates_and_names(s: &mut Servers) {
    let trusted = &AUTHORITY.issuer;
    let none = Wrong::default();
    let between = |name: &str, change: &dyn Fn(&mut CertificateParams)| {
        let mut params = authority_params(name);
        change(&mut params);
        CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), trusted).unwrap()
    };
    let middle = between("middle", &|_| {});
    s.issued("through an intermediate", &middle, &[middle.der()], &["localhost"], |_| {}, none);
    let wrong = Wrong { unsent: UNKNOWN, ..none };
    s.issued("intermediate not sent", &middle, &[], &["localhost"], |_| {}, wrong);
    let old = between("old", &expired);
    let date = Some("X509_V_ERR = 10: certificate has expired (CN=old) on 2011-02-03T00:00:00Z");
    s.issued("expired intermediate", &old, &[old.der()], &["localhost"], |_| {}, Wrong { date, ..none });
    let limited = between("limited", &|params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("a.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    let wrong = Wrong { other: Some("must not issue certificates for its names"), ..none };
    s.issued("name not permitted", &limited, &[limited.der()], &["localhost"], |_| {}, wrong);
    let common_name = |params: &mut CertificateParams| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "localhost");
    };
    let name = Some("hostname mismatch: the certificate is for no host at all, not for localhost");
    s.issued(
        "common name not permitted",
        &limited,
        &[limited.der()],
        &[],
        common_name,
        Wrong { name, ..none },
    );
    let named = |name: &'static str| {
        move |params: &mut CertificateParams| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
        }
    };
    let not_permitted = Some("X509_V_ERR = 47: permitted or excluded subtree violation: its issuer must not");
    let name = Some("hostname mismatch: the certificate is for no host at all, not for localhost");
    let wrong = Wrong { other: not_permitted, name, ..none };
    s.issued("host as common name not permitted", &limited, &[limited.der()], &[], named("b.example"), wrong);
    let wrong = Wrong { name, ..none };
    s.issued("host as common name permitted", &limited, &[limited.der()], &[], named("b.a.example"), wrong);
    s.issued("common name", trusted, &[], &[], common_name, none);
    s.issued("common name beside an address", trusted, &[], &["192.0.2.1"], common_name, none);
    let name = Some("hostname mismatch: the certificate is for a.example, not for localhost");
    s.issued("common name beside a name", trusted, &[], &["a.example"], common_name, Wrong { name, ..none });

    let namesake = authority("test authority", |_| {});
    let wrong = Wrong { other: SIGNATURE, ..none };
    s.issued("namesake of the trusted", &namesake, &[namesake.der()], &["localhost"], |_| {}, wrong);
    let key_named = |params: &mut CertificateParams| params.use_authority_key_identifier_extension = true;
    let issuer = Some("the trusted certificate of that name has not signed it");
    let wrong = Wrong { issuer, ..none };
    s.issued("namesake by another key", &namesake, &[namesake.der()], &["localhost"], key_named, wrong);
    let critical = |params: &mut CertificateParams| {
        let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    };
    let wrong = Wrong { other: Some("unhandled critical extension"), ..none };
    s.issued("strange critical extension", trusted, &[], &["localhost"], critical, wrong);
}

/// Chains with authorities that may not do all that they do.
fn constrained_chains(s: &mut Servers, strange: &CertifiedIssuer<'static, KeyPair>) {
    let trusted = &AUTHORITY.issuer;
    let none = Wrong::default();
    let below = |params: CertificateParams, issuer: &CertifiedIssuer<'static, KeyPair>| {
        CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
    };
    let between = |name: &str, change: &dyn Fn(&mut CertificateParams)| {
        let mut params = authority_params(name);
        change(&mut params);
        below(params, trusted)
    };
    let no_key_usage =
        |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let wrong = Wrong { other: CLIENTS_ONLY, ..none };
    s.issued("key that only signs certificates", trusted, &[], &["localhost"], no_key_usage, wrong);
    let weak = between("no signer", &|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let wrong = Wrong { other: NO_AUTHORITY, ..none };
    s.issued("issuer that must not sign", &weak, &[weak.der()], &["localhost"], |_| {}, wrong);
    let no_authority = between("no authority", &|params| params.is_ca = IsCa::ExplicitNoCa);
    s.issued("issuer that is none", &no_authority, &[no_authority.der()], &["localhost"], |_| {}, wrong);
    let mut none_below = authority_params("none below");
    none_below.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let none_below = below(none_below, strange);
    let too_low = below(authority_params("too low"), &none_below);
    let other_fault = Some("X509_V_ERR = 25: path length constraint exceeded: CN=none below");
    let wrong = Wrong { unsent: UNKNOWN, other: other_fault, ..none };
    let above = &[too_low.der(), none_below.der()];
    s.issued("path too long, unknown issuer", &too_low, above, &["localhost"], |_| {}, wrong);
    let mut strangely_limited = authority_params("strangely limited");
    strangely_limited.name_constraints = Some(NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: vec![GeneralSubtree::DnsName("localhost".to_owned())],
    });
    let limited = below(strangely_limited, strange);
    let not_permitted = Some("X509_V_ERR = 47: permitted or excluded subtree violation");
    let wrong = Wrong { unsent: UNKNOWN, other: not_permitted, ..none };
    s.issued("name excluded, unknown issuer", &limited, &[limited.der()], &["localhost"], |_| {}, wrong);
    let above = &[limited.der(), strange.der()];
    let wrong = Wrong { issuer: SELF_SIGNED_ABOVE, other: not_permitted, ..none };
    s.issued("name excluded, self-signed above", &limited, above, &["localhost"], |_| {}, wrong);

    // OpenSSL does not look at the dates of an authority that nobody stands for.
    let mut old = authority_params("old and strange");
    expired(&mut old);
    let old = below(old, strange);
    let wrong = Wrong { unsent: UNKNOWN, ..none };
    s.issued("expired authority, unknown issuer", &old, &[old.der()], &["localhost"], |_| {}, wrong);
    let wrong = Wrong { issuer: SELF_SIGNED_ABOVE, date: OLD_AUTHORITY, ..none };
    let above = &[old.der(), strange.der()];
    s.issued("expired authority, self-signed above", &old, above, &["localhost"], |_| {}, wrong);
}

/// Chains with damage.
fn spoilt_chains(list: &mut Vec<Server>) {
    let none = Wrong::default();
    // Whatever stands for a certificate, its signature must be right where there is an issuer to check it by.
    let spoilt = |list: &[Server], what: &'static str, from: &str, link: usize, wrong: Wrong| {
        let server = list.iter().find(|server| server.what == from).unwrap();
        let mut chain = server.chain.clone();
        let mut der = chain[link].to_vec();
        *der.last_mut().unwrap() ^= 1;
        chain[link] = der.into();
        Server { what, chain, key: server.key.clone(), wrong }
    };
    let signature = Wrong { other: SIGNATURE, ..none };
    let above = Wrong { issuer: SELF_SIGNED_ABOVE, ..signature };
    let all = Wrong { date: EXPIRED, ..signature };
    let spoilt = [
        spoilt(list, "spoilt", "good", 0, signature),
        spoilt(list, "spoilt and expired", "expired", 0, all),
        spoilt(list, "spoilt, unknown issuer", "unknown issuer", 0, above),
        spoilt(list, "spoilt self-signature", "self-signed", 0, Wrong { issuer: SELF_SIGNED, ..none }),
        spoilt(
            list,
            "spoilt, issuer not sent",
            "unknown issuer not sent",
            0,
            Wrong { unsent: UNKNOWN, ..none },
        ),
        spoilt(list, "spoilt intermediate", "through an intermediate", 1, signature),
    ];
    list.extend(spoilt);
}

#[test]
fn each_relaxation_forgives_what_it_says_and_nothing_else() {
    let client = trusting_client();
    let servers = servers();
    for (server, version) in servers.iter().flat_map(|server| [(server, TLS13), (server, TLS12)]) {
        let config = server.rustls_config(version);
        for trust in trusts() {
            let unforgiven = server.wrong.under(trust);
            let (result, at_server) = shake_hands(&mut connect(&client, "localhost", trust), &config);
            match result {
                Ok(()) => assert_eq!(unforgiven, [""; 0], "{}: accepted under {trust:?}", server.what),
                Err(error) => {
                    let text = error.to_string();
                    assert_ne!(unforgiven, [""; 0], "{}: {text} under {trust:?}", server.what);
                    assert_eq!(error.kind(), ErrorKind::PeerCertificate, "{text}");
                    assert!(text.starts_with("server's cert didn't look good, tls="), "{text}");
                    assert_eq!(text.matches("X509_V_ERR").count(), unforgiven.len(), "{text}");
                    for words in unforgiven {
                        assert!(text.contains(words), "{}: {words} is not in {text}", server.what);
                    }
                    assert!(!text.contains('\n'), "one line: {text}");
                    assert!(matches!(at_server, Err(rustls::Error::AlertReceived(_))), "{at_server:?}");
                }
            }
        }
    }
}

#[test]
fn the_alert_tells_the_server_what_is_wrong() {
    use rustls::AlertDescription as A;
    let client = trusting_client();
    let servers = servers();
    for (what, alert) in [
        ("expired", A::CertificateExpired),
        ("future", A::CertificateExpired),
        ("other name", A::BadCertificate),
        ("self-signed", A::UnknownCA),
        ("unknown issuer", A::UnknownCA),
    ] {
        let server = servers.iter().find(|server| server.what == what).unwrap();
        let mut tls = connect(&client, "localhost", Trust::default());
        let (_, at_server) = shake_hands(&mut tls, &server.rustls_config(TLS13));
        assert_eq!(at_server, Err(rustls::Error::AlertReceived(alert)), "{what}");
    }
}

#[test]
fn a_certificate_without_its_key_is_never_accepted() {
    let client = trusting_client();
    let thief = KeyPair::generate().unwrap();
    let thief = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(thief.serialize_der()));
    let good = pem_certificate(&LOCALHOST.chain);
    for chain in [good, pem_certificate(EC_CA), pem_certificate(EC_V1)] {
        for version in [TLS12, TLS13] {
            let config = rustls_server(version, vec![chain.clone()], &thief);
            for trust in trusts().filter(|trust| trust.allow_selfsigned) {
                let (result, at_server) = shake_hands(&mut connect(&client, "localhost", trust), &config);
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::PeerCertificate, "{error}");
                assert!(error.to_string().contains("BadSignature"), "{error}");
                assert!(at_server.is_err());
            }
        }
    }
}

#[test]
fn a_certificate_that_is_trusted_itself_may_be_the_servers() {
    for pem in [EC_CA, EC_V1, include_str!("pem/ec.crt")] {
        let client = ClientTls::new(&ClientOptions::new(pem.as_bytes())).unwrap();
        for version in [TLS12, TLS13] {
            let key = PrivateKeyDer::from_pem_slice(EC_KEY.as_bytes()).unwrap();
            let config = rustls_server(version, vec![pem_certificate(pem)], &key);
            // One of the three is of the day it was made, which the clock of a test machine may not have reached.
            let trust = Trust { allow_expired: pem == include_str!("pem/ec.crt"), ..Trust::default() };
            shake_hands(&mut connect(&client, "localhost", trust), &config).0.unwrap();
            let (result, _) = shake_hands(&mut connect(&client, "other.example", trust), &config);
            assert!(result.unwrap_err().to_string().contains("hostname mismatch"));
        }
    }
    // Expired, though trusted.
    let client = ClientTls::new(&ClientOptions::new(EC_V1_EXPIRED.as_bytes())).unwrap();
    let key = PrivateKeyDer::from_pem_slice(EC_KEY.as_bytes()).unwrap();
    let config = rustls_server(TLS13, vec![pem_certificate(EC_V1_EXPIRED)], &key);
    let (result, _) = shake_hands(&mut connect(&client, "localhost", Trust::default()), &config);
    let text = result.unwrap_err().to_string();
    assert!(text.contains("has expired on 2021-01-01") && !text.contains("self-signed"), "{text}");
    let trust = Trust { allow_expired: true, ..Trust::default() };
    shake_hands(&mut connect(&client, "localhost", trust), &config).0.unwrap();
}

#[test]
fn addresses_are_matched_with_addresses() {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&[]);
    params.subject_alt_names = vec![
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::IpAddress("2001:db8::1".parse::<core::net::IpAddr>().unwrap()),
        SanType::DnsName("192.0.2.1".try_into().unwrap()),
    ];
    params.distinguished_name.push(DnType::CommonName, "192.0.2.2");
    let leaf = params.signed_by(&key, &AUTHORITY.issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls_server(TLS13, vec![leaf.der().clone()], &key);
    let client = trusting_client();
    for (name, good) in [
        ("127.0.0.1", true),
        ("2001:db8::1", true),
        ("[2001:db8::1]", true),
        ("2001:db8:0:0::1", true),
        ("2001:db8::1%eth0", true),
        ("127.0.0.2", false),
        ("::1", false),
        ("192.0.2.1", false),
        ("192.0.2.2", false),
    ] {
        let (result, _) = shake_hands(&mut connect(&client, name, Trust::default()), &config);
        match result {
            Ok(()) => assert!(good, "{name}"),
            Err(error) => {
                let text = error.to_string();
                assert!(!good && text.contains("X509_V_ERR = 64: IP address mismatch"), "{name}: {text}");
                assert!(text.contains("is for 127.0.0.1, 2001:db8::1, 192.0.2.1, not for"), "{text}");
                let trust = Trust { skip_hostname: true, ..Trust::default() };
                shake_hands(&mut connect(&client, name, trust), &config).0.unwrap();
            }
        }
    }
}

#[test]
fn wildcards() {
    for (names, common) in [(&["*.a.example"][..], "x"), (&[], "*.a.example")] {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        params.distinguished_name.push(DnType::CommonName, common);
        let leaf = params.signed_by(&key, &AUTHORITY.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = rustls_server(TLS13, vec![leaf.der().clone()], &key);
        let client = trusting_client();
        for (name, good) in [
            ("www.a.example", true),
            ("WWW.A.Example", true),
            ("a.example", false),
            ("b.www.a.example", false),
            ("www.b.example", false),
        ] {
            let (result, _) = shake_hands(&mut connect(&client, name, Trust::default()), &config);
            assert_eq!(result.is_ok(), good, "{name} by {names:?}, {common}: {result:?}");
        }
    }
}

#[test]
fn the_systems_issuers_are_trusted_when_they_are_asked_for() {
    fn system() -> Arc<Roots> {
        Roots::of_system([vec![1, 2, 3], AUTHORITY.issuer.der().to_vec()], None)
    }
    fn empty() -> Arc<Roots> {
        Roots::of_system([], Some("no such directory".to_owned()))
    }
    let good = &servers()[0];
    let config = good.rustls_config(TLS13);
    let with = |ca, system_roots| {
        let client = ClientTls::new(&ClientOptions { system_roots, ..ClientOptions::new(ca) }).unwrap();
        shake_hands(&mut connect(&client, "localhost", Trust::default()), &config).0
    };
    with(b"", Some(system)).unwrap();
    with(EC_CA.as_bytes(), Some(system)).unwrap();
    let text = with(b"", Some(empty)).unwrap_err().to_string();
    assert!(text.contains("no trusted certificates were found on this system: no such directory"), "{text}");
    let text = with(EC_CA.as_bytes(), None).unwrap_err().to_string();
    assert!(text.contains("unknown issuer CN=test authority"), "{text}");
}

#[test]
fn what_is_trusted_must_be_an_authority_itself_and_valid() {
    let bad = |change: &dyn Fn(&mut CertificateParams)| authority("bad root", change);
    let none = Wrong::default();
    let date = Some("X509_V_ERR = 10: certificate has expired (CN=bad root) on 2011-02-03");
    let no_authority = Wrong { other: NO_AUTHORITY, ..none };
    let path = Some("X509_V_ERR = 25: path length constraint exceeded: CN=bad root");
    let signs_nothing = |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let clients_only = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let lowest = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    for (root, between, wrong) in [
        (bad(&expired), false, Wrong { date, ..none }),
        (bad(&|params| params.is_ca = IsCa::ExplicitNoCa), false, no_authority),
        (bad(&|params| params.is_ca = IsCa::NoCa), false, no_authority),
        (bad(&signs_nothing), false, no_authority),
        (bad(&clients_only), false, Wrong { other: CLIENTS_ONLY, ..none }),
        (bad(&lowest), false, none),
        (bad(&lowest), true, Wrong { other: path, ..none }),
    ] {
        let client = ClientTls::new(&ClientOptions::new(root.der())).unwrap();
        let mut servers = Servers { list: Vec::new() };
        if between {
            let params = authority_params("middle");
            let middle = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
            servers.issued("", &middle, &[middle.der()], &["localhost"], |_| {}, wrong);
        } else {
            servers.issued("", &root, &[], &["localhost"], |_| {}, wrong);
        }
        let config = servers.list[0].rustls_config(TLS13);
        for trust in trusts() {
            let (result, _) = shake_hands(&mut connect(&client, "localhost", trust), &config);
            let text = result.err().map(|error| error.to_string()).unwrap_or_default();
            let unforgiven = wrong.under(trust);
            assert_eq!(text.is_empty(), unforgiven.is_empty(), "{text} under {trust:?}");
            assert!(unforgiven.iter().all(|words| text.contains(words)), "{text}, not {unforgiven:?}");
        }
    }
}

#[test]
fn an_intermediate_among_the_trusted_is_not_trusted() {
    let params = authority_params("middle");
    let middle = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &AUTHORITY.issuer).unwrap();
    let client = ClientTls::new(&ClientOptions::new(middle.der())).unwrap();
    let mut servers = Servers { list: Vec::new() };
    let none = Wrong::default();
    servers.issued("", &middle, &[], &["localhost"], |_| {}, none);
    servers.issued("", &middle, &[middle.der()], &["localhost"], |_| {}, none);
    let text = |trust, server: &Server| {
        let config = server.rustls_config(TLS13);
        let (result, _) = shake_hands(&mut connect(&client, "localhost", trust), &config);
        result.map_err(|error| error.to_string())
    };
    for trust in trusts() {
        let error = text(trust, &servers.list[0]).unwrap_err();
        assert!(error.contains("X509_V_ERR = 2: unable to get issuer certificate"), "{error}");
        assert!(text(trust, &servers.list[1]).is_err());
    }
    client.add_certificate(AUTHORITY.issuer.der()).unwrap();
    for server in &servers.list {
        text(Trust::default(), server).unwrap();
    }
}

#[test]
fn issuers_may_be_added_later() {
    let client = ClientTls::new(&ClientOptions::new(b"")).unwrap();
    let good = &servers()[0];
    let config = good.rustls_config(TLS13);
    let try_it = || shake_hands(&mut connect(&client, "localhost", Trust::default()), &config).0;
    assert!(try_it().is_err());
    assert_eq!(client.add_certificate(b"nonsense").unwrap_err().field, Field::ServerCa);
    assert!(try_it().is_err());
    client.add_certificate(AUTHORITY.issuer.der()).unwrap();
    try_it().unwrap();
}

#[test]
fn intermediates_that_servers_leave_out_may_be_added() {
    let middle = {
        let params = authority_params("middle");
        CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &AUTHORITY.issuer).unwrap()
    };
    let key = KeyPair::generate().unwrap();
    let leaf = params(&["localhost"]).signed_by(&key, &middle).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls_server(TLS13, vec![leaf.der().clone()], &key);
    let stranger = ClientTls::new(&ClientOptions::new(EC_CA.as_bytes())).unwrap();
    let client = trusting_client();
    assert!(shake_hands(&mut connect(&client, "localhost", Trust::default()), &config).0.is_err());
    for client in [&client, &stranger] {
        client.add_certificate(middle.der()).unwrap();
    }
    shake_hands(&mut connect(&client, "localhost", Trust::default()), &config).0.unwrap();
    let (result, _) = shake_hands(&mut connect(&stranger, "localhost", Trust::default()), &config);
    assert!(result.is_err(), "an intermediate alone is not trusted");
}

#[test]
fn whether_anything_was_forgiven_can_be_asked() {
    let now = std::time::Duration::from_hours(500_000);
    let client = trusting_client();
    let everything = trusts().last().unwrap();
    for server in servers().into_iter().filter(|server| server.wrong.other.is_none()) {
        let mut tls = connect(&client, "localhost", everything);
        assert!(!tls.is_verified(now), "there is no certificate yet");
        shake_hands(&mut tls, &server.rustls_config(TLS13)).0.unwrap();
        let faultless = server.wrong.under(Trust::default()).is_empty();
        assert_eq!(tls.is_verified(now), faultless, "{}", server.what);
    }
}

#[test]
fn certificates_are_described_as_openssl_does() {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&["a.example"]);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 2), date_time_ymd(2120, 3, 4));
    params.distinguished_name.push(DnType::CountryName, "SE");
    params.distinguished_name.push(DnType::CommonName, "caf\u{e9}");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::DecipherOnly];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&key, &AUTHORITY.issuer).unwrap();
    let info = CertificateInfo::read(leaf.der()).unwrap();
    assert_eq!((info.valid_from, info.valid_to), (1_577_923_200, 4_738_953_600));
    assert_eq!(info.common_name, "caf\u{e9}");
    assert!(info.issuer.ends_with("/CN=test authority"), "{}", info.issuer);
    assert_eq!(info.usage, 0x8080);
    let public = rcgen::PublicKeyData::subject_public_key_info(&key);
    assert_eq!(info.public_key, public);
    let authority = CertificateInfo::read(AUTHORITY.issuer.der()).unwrap();
    assert!(info.authority_key_id.is_some());
    assert_eq!(info.authority_key_id, authority.subject_key_id);
    assert_eq!((info.authority_key_issuer, info.authority_key_serial), (None, None));

    let info = CertificateInfo::read(&pem_certificate(EC_V1)).unwrap();
    assert_eq!((info.common_name.as_str(), info.issuer.as_str()), ("localhost", "/CN=localhost"));
    assert_eq!((info.usage, info.authority_key_id, info.subject_key_id), (u32::MAX, None, None));
    let info = CertificateInfo::read(&pem_certificate(EC_CA)).unwrap();
    assert_eq!(info.authority_key_id, info.subject_key_id);
    assert_eq!(info.subject_key_id.unwrap().len(), 20);
    assert_eq!(CertificateInfo::read(b"nonsense"), None);
}
