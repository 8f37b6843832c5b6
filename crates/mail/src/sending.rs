//! What a domain says of its own mail to other servers, in TXT records: who may send it (`spf`), how it is signed
//! (`dkim`), and what becomes of what is neither (`dmarc`). Records in, values out: nothing is looked up here.

pub mod dkim;
pub mod dmarc;
pub mod spf;

/// `tag=value; tag=value` (RFC 6376 §3.2), names in lower case, in their order.
fn tags(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
}

fn tag<'a>(tags: &'a [(String, String)], name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
