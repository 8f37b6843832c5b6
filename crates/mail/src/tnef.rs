//! winmail.dat (MS-OXTNEF): the files in it.  Bounded, and silent about what it cannot read.

/// A file inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: Option<String>,
    pub media_type: Option<String>,
    pub content_id: Option<String>,
    pub content: Vec<u8>,
}

/// Does it begin as TNEF does?
#[must_use]
pub fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x78, 0x9f, 0x3e, 0x22])
}

/// The files in it, as many as can be read.
#[must_use]
pub fn files(bytes: &[u8]) -> Vec<File> {
    let _ = bytes;
    todo!()
}
