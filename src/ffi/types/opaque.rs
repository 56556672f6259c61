//! Types that C programs hold by pointer only.

use std::marker::{PhantomData, PhantomPinned};

/// What makes a type opaque: no size to rely on, not movable, not shareable between threads.
type Opaque = (PhantomData<(*mut u8, PhantomPinned)>, [u8; 0]);

/// A connection, a listening socket, an h2 stream: anything that a callback is about.
///
/// Valid from the first callback that shows it until `LWS_CALLBACK_WSI_DESTROY` returned.
pub struct lws(#[allow(dead_code, reason = "opaque")] Opaque);
/// The library instance: threads' service state, virtual hosts, timers.
pub struct lws_context(#[allow(dead_code, reason = "opaque")] Opaque);
/// A virtual host: a name on a port with its own protocols, mounts and certificate.
pub struct lws_vhost(#[allow(dead_code, reason = "opaque")] Opaque);
/// State of a context's system state machine attachment.
pub struct lws_attach_item(#[allow(dead_code, reason = "opaque")] Opaque);
/// Bytes that the parts of a program share through the context.
pub struct lws_system_blob(#[allow(dead_code, reason = "opaque")] Opaque);
/// A ring buffer with one head and any number of tails, of `lws_ring_create()`.
pub struct lws_ring(#[allow(dead_code, reason = "opaque")] Opaque);
/// A chunked allocator whose pieces are freed at once.
pub struct lwsac(#[allow(dead_code, reason = "opaque")] Opaque);
/// A sequencer; not provided.
pub struct lws_sequencer(#[allow(dead_code, reason = "opaque")] Opaque);
/// A metric; not provided.
pub struct lws_metric_pub(#[allow(dead_code, reason = "opaque")] Opaque);
/// OpenSSL's `SSL_CTX`. TLS is not OpenSSL here: pointers to it are NULL or refused.
pub struct ssl_ctx_st(#[allow(dead_code, reason = "opaque")] Opaque);
/// OpenSSL's `SSL`. TLS is not OpenSSL here: pointers to it are NULL or refused.
pub struct ssl_st(#[allow(dead_code, reason = "opaque")] Opaque);
