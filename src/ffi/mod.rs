//! The C API: the only `extern "C"` of the crate. One file per area of the C header.
#![allow(non_camel_case_types, reason = "the C API's names are the C API's")]
#![allow(clippy::wildcard_imports, reason = "the types of the C API are one namespace, as in C")]

pub mod types;

mod callback;
mod config;
mod guard;
mod handle;
mod privileges;

pub mod address;
pub mod base64;
pub mod blob;
pub mod client;
pub mod clock;
pub mod cmdline;
pub mod conmon;
pub mod context;
pub mod date;
pub mod dll2;
pub mod headers;
pub mod http;
pub mod humanize;
pub mod log;
pub mod purify;
pub mod pvo;
pub mod retry;
pub mod ring;
pub mod serialize;
pub mod service;
pub mod state;
pub mod stats;
pub mod strings;
pub mod system;
pub mod timer;
pub mod tls;
pub mod uri;
pub mod variadic;
pub mod vhost;
pub mod write;
pub mod ws;
pub mod wsi;
