//! Certificates and keys in the forms that programs have them; the files in `pem/` are made by OpenSSL.

use super::*;

const EC_CRT: &str = include_str!("pem/ec.crt");
const EC_KEY: &str = include_str!("pem/ec-sec1.key");
const EC_ENCRYPTED: &str = include_str!("pem/ec-encrypted.key");
const EC_SCRYPT: &str = include_str!("pem/ec-encrypted-scrypt.key");
const EC_OUTDATED: &str = include_str!("pem/ec-encrypted-outdated.key");
const EC_TRADITIONAL: &str = include_str!("pem/ec-encrypted-traditional.key");
const RSA_V1_CRT: &str = include_str!("pem/rsa-v1.crt");
const RSA_KEY: &str = include_str!("pem/rsa-pkcs1.key");
const PASSWORD: Option<&str> = Some("open sesame");

fn load(
    chain: impl AsRef<[u8]>,
    key: impl AsRef<[u8]>,
    password: Option<&str>,
) -> Result<Arc<ServerConfig>, ConfigError> {
    server_config(&ServerOptions::new(Credentials {
        cert_chain: chain.as_ref(),
        private_key: key.as_ref(),
        key_password: password,
    }))
}

fn refused(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>, password: Option<&str>) -> (Field, String) {
    let error = load(chain, key, password).unwrap_err();
    let text = error.to_string();
    assert_eq!(text, format!("{}: {}", error.field, error.reason));
    assert!(!text.contains('\n'), "one line: {text}");
    (error.field, error.reason)
}

/// The content of the first section of a PEM text, whatever its label.
fn der(pem: &str) -> Vec<u8> {
    let start = pem.rfind("-----BEGIN").unwrap();
    let label = pem[start..].lines().next().unwrap();
    let body = &pem[start..].replace(label, "-----BEGIN CERTIFICATE-----");
    let body = body.replace(&label.replace("BEGIN", "END"), "-----END CERTIFICATE-----");
    CertificateDer::from_pem_slice(body.as_bytes()).unwrap().to_vec()
}

#[test]
fn keys_of_every_form_are_read() {
    let pkcs8 = AUTHORITY.issue("x");
    for (what, chain, key, password) in [
        ("PKCS#8", &pkcs8.chain[..], &pkcs8.key[..], None),
        ("SEC 1 behind EC PARAMETERS", EC_CRT, EC_KEY, None),
        ("unneeded password", EC_CRT, EC_KEY, PASSWORD),
        ("PKCS#1, certificate version 1", RSA_V1_CRT, RSA_KEY, None),
        ("encrypted, PBKDF2", EC_CRT, EC_ENCRYPTED, PASSWORD),
        ("encrypted, scrypt", EC_CRT, EC_SCRYPT, PASSWORD),
    ] {
        load(chain, key, password).unwrap_or_else(|error| panic!("{what}: {error}"));
        load(chain, der(key), password).unwrap_or_else(|error| panic!("{what} DER: {error}"));
    }
    load(der(EC_CRT), EC_KEY, None).unwrap();
    load(der(RSA_V1_CRT), der(RSA_KEY), None).unwrap();
    // One file with both, Windows line ends, and text around the sections.
    let both = format!("made by hand\n{EC_KEY}\n{EC_CRT}").replace('\n', "\r\n");
    load(&both, &both, None).unwrap();
    let both = format!("{EC_ENCRYPTED}{EC_CRT}\0");
    load(&both, &both, PASSWORD).unwrap();
}

#[test]
fn keys_sign_what_the_certificate_says() {
    for (key, password) in [(EC_KEY, None), (EC_ENCRYPTED, PASSWORD)] {
        let config = load(EC_CRT, key, password).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(der(EC_CRT))).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[TLS13, TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Pair::new(client, &config).exchange();
    }
}

#[test]
fn passwords() {
    assert_eq!(
        refused(EC_CRT, EC_ENCRYPTED, None),
        (Field::KeyPassword, "the private key is encrypted and no password is given".to_owned())
    );
    for key in [EC_ENCRYPTED, EC_SCRYPT] {
        for guess in ["", "open sesame "] {
            let wrong = "wrong password for the private key".to_owned();
            let expected = (Field::KeyPassword, wrong);
            assert_eq!(refused(EC_CRT, key, Some(guess)), expected);
        }
    }
    for key in [EC_OUTDATED, EC_TRADITIONAL] {
        let (field, reason) = refused(EC_CRT, key, PASSWORD);
        assert_eq!(field, Field::PrivateKey);
        assert!(reason.contains("openssl pkcs8 -topk8"), "{reason}");
    }
}

#[test]
fn key_and_certificate_must_belong_together() {
    for (chain, key) in [(EC_CRT, RSA_KEY), (RSA_V1_CRT, EC_KEY)] {
        assert_eq!(
            refused(chain, key, None),
            (Field::PrivateKey, "the private key does not belong to the certificate".to_owned())
        );
    }
    for (chain, key) in
        [(format!("{RSA_V1_CRT}{EC_CRT}"), EC_KEY), (format!("{EC_CRT}{RSA_V1_CRT}"), RSA_KEY)]
    {
        let (field, reason) = refused(chain, key, None);
        assert_eq!(field, Field::PrivateKey);
        assert!(reason.contains("certificate 2 of the chain"), "{reason}");
    }
}

#[test]
fn wrong_files_are_named() {
    let cut = EC_CRT.len() / 2;
    for (chain, key, field, text) in [
        ("", EC_KEY, Field::Certificate, "empty"),
        (EC_CRT, "", Field::PrivateKey, "empty"),
        (EC_KEY, EC_KEY, Field::Certificate, "holds a private key"),
        (EC_CRT, EC_CRT, Field::PrivateKey, "holds a certificate"),
        (&EC_CRT[..cut], EC_KEY, Field::Certificate, "damaged PEM"),
        (EC_CRT, &EC_KEY[..200], Field::PrivateKey, "damaged PEM"),
        ("hello", EC_KEY, Field::Certificate, "neither PEM nor"),
        (EC_CRT, "hello", Field::PrivateKey, "neither PEM nor"),
        (
            EC_CRT,
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            Field::PrivateKey,
            "OpenSSH",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            EC_KEY,
            Field::Certificate,
            "damaged",
        ),
        (
            EC_CRT,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            Field::PrivateKey,
            "damaged",
        ),
        (
            EC_CRT,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            Field::PrivateKey,
            "damaged",
        ),
    ] {
        let (wrong, reason) = refused(chain, key, PASSWORD);
        assert_eq!(wrong, field, "{reason}");
        assert!(reason.contains(text), "{reason}");
    }
    let (field, reason) = refused(EC_CRT, der(EC_CRT), None);
    assert_eq!(field, Field::PrivateKey);
    assert!(reason.contains("a certificate where"), "{reason}");
}

#[test]
fn other_options_are_checked() {
    let refused = |options: ServerOptions<'_>| server_config(&options).unwrap_err();
    let long = "x".repeat(256);
    assert_eq!(
        refused(ServerOptions { alpn: &long, ..options() }).to_string(),
        "ALPN list: a protocol name has 256 bytes, at most 255 are possible"
    );
    assert_eq!(refused(ServerOptions { tls12: false, tls13: false, ..options() }).field, Field::Versions);
    for ca in [&b""[..], b"nonsense", EC_KEY.as_bytes()] {
        for client_auth in [ClientAuth::Optional { ca }, ClientAuth::Required { ca }] {
            let error = refused(ServerOptions { client_auth, ..options() });
            assert_eq!(error.field, Field::ClientCa, "{error}");
        }
    }
}
