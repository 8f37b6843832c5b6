//! Email as data: bytes in, values out.
//!
//! Nothing here opens a socket, reads a clock or draws a random number, and nothing here fails on a
//! message: [`message::parse`] gives the message *and* its [`message::Defect`]s, whatever the bytes are.
//!
//! The structure of a message (fields, parts, boundaries) is read by this crate itself, in one pass with a
//! bound on depth, parts, fields and sizes: a library parser that hides its limits can neither name the
//! defects nor promise the bounds.  Character sets come from `encoding_rs` and `mail-parser`, HTML entities from
//! `html5ever`, the last word on safe HTML from `ammonia`.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod address;
mod body;
mod charset;
pub mod compose;
pub mod date;
pub mod explain;
pub mod file_name;
pub mod header;
mod hidden;
pub mod html;
pub mod inspect;
pub mod message;
mod mime;
pub mod nature;
pub mod provider;
pub mod quote;
pub mod report;
pub mod sanitize;
pub mod sending;
pub mod thread;
pub mod tnef;
mod transfer;
mod word;

pub use address::Address;
pub use hidden::{is_hidden, one_line};
pub use message::Message;
