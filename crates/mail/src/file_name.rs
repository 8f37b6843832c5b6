//! A name that is safe to save under and to show, whatever a mail declares.

/// No path, no control or direction character, no leading dot, no device name, at most 255 bytes, never empty.
#[must_use]
pub fn safe(declared: Option<&str>, media_type: &str) -> String {
    let _ = (declared, media_type);
    todo!()
}
