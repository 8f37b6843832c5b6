//! Delivery reports: who was not reached, and why (RFC 3464, RFC 6533, and the words of mail servers).

/// What became of one recipient (RFC 3464 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

/// Why, in the classes an agent can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoSuchUser,
    Host,
    MailboxFull,
    TooBig,
    Blocked,
    Spam,
    Suspended,
    Expired,
    Server,
    Unknown,
}

/// One recipient of a delivery report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Bounce {
    pub recipient: Option<String>,
    pub action: Action,
    pub status: Option<String>,
    pub smtp_code: Option<u16>,
    pub reason: Reason,
    /// Of the message that was not delivered, without `<>`.
    pub original_message_id: Option<String>,
    pub diagnostic: String,
}
