//! Hostile HTML → HTML that may be shown in the agent's page.

/// Rises with every change of the rules: cached results of an older version are made anew.
pub const VERSION: u32 = 1;

/// HTML that may be shown, and what was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clean {
    pub html: String,
    /// Remote loads taken out (pictures, backgrounds, fonts…).
    pub remote_images: u32,
}

/// Cleans `html`.  `cid` gives the address to load an inline picture from (its Content-ID without `cid:`);
/// `None` leaves the picture without a source.
#[must_use]
pub fn sanitize(html: &str, cid: &dyn Fn(&str) -> Option<String>) -> Clean {
    let _ = (html, cid);
    todo!()
}
