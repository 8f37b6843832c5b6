//! Scopes as people paste them, and as one token request may carry them: one resource at a time.

/// The mail protocol a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Imap,
    Pop,
    Smtp,
}

/// Splits at spaces, commas and line ends, takes doubles out, and gives bare Microsoft mail permissions (which
/// would mean Graph) the Outlook resource: `IMAP.AccessAsUser.All` and its Graph form become
/// `{outlook}/IMAP.AccessAsUser.All`. `outlook` is the cloud's resource, `https://outlook.office.com` in the
/// global one; a resource that another scope of the text already names wins.
pub fn correct(pasted: &str, outlook: &str) -> String {
    let _ = (pasted, outlook);
    todo!()
}

/// The scopes for one token request: OpenID's, and those of the resource that serves `protocol`. A text without
/// a Microsoft mail permission is of another provider and stays as it is.
pub fn narrow(scopes: &str, protocol: Protocol) -> String {
    let _ = (scopes, protocol);
    todo!()
}
