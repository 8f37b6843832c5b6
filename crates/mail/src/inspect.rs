//! A message as the JSON of `postern message inspect` and `postern message thread`.

use crate::message::Message;

/// The object of one file.
#[must_use]
pub fn inspect(file: &str, raw: &[u8]) -> serde_json::Value {
    let _ = (file, raw);
    todo!()
}

/// The object of all files, in their order of arrival.
#[must_use]
pub fn thread(messages: &[Message]) -> serde_json::Value {
    let _ = messages;
    todo!()
}

/// JSON on one line without any control character, also not DEL and C1, which terminals obey.
#[must_use]
pub fn line(value: &serde_json::Value) -> String {
    let _ = value;
    todo!()
}
