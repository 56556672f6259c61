//! What HTTP/1.1 and HTTP/2 share: the header table ("ah"), tokens, URIs, mounts, response headers.

pub mod cache;
pub mod cookie;
pub mod cookie_jar;
pub mod header;
pub mod lines;
pub mod method;
pub mod mime;
pub mod mount;
pub mod request;
pub mod response;
pub mod status;
pub mod token;
pub mod uri;
pub mod url;
