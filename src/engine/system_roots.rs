//! The issuers of certificates that the system trusts.

use std::sync::{Arc, OnceLock};

use crate::proto::tls::Roots;

/// Reads them when first asked, once for the process: where OpenSSL keeps them, or where `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` say.
pub fn system_roots() -> Arc<Roots> {
    static ROOTS: OnceLock<Arc<Roots>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let problem = found.errors.first().map(ToString::to_string);
        Roots::of_system(found.certs.into_iter().map(|certificate| certificate.to_vec()), problem)
    }))
}
