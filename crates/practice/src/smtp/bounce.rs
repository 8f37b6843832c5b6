//! A delivery report (RFC 3464) as Exchange sends it when a recipient does not exist. Not other reports.

use crate::clock::moment;
use crate::world::World;

pub(super) fn report(world: &World, sender: &str, recipient: &str, raw: &[u8]) -> Vec<u8> {
    let now = moment(world.clock.now_at()).strftime("%a, %d %b %Y %H:%M:%S +0000");
    let (id, boundary) = (world.chance.guid(), world.chance.guid());
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 2);
    let header = String::from_utf8_lossy(raw.get(..end).unwrap_or_default());
    let original = |name: &str| {
        header
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let message_id = original("message-id:").unwrap_or_default();
    let subject = original("subject:").unwrap_or_default();
    format!(
        "Return-Path: <>\r\n\
         From: Microsoft Outlook <postmaster@contoso.example>\r\n\
         To: <{sender}>\r\n\
         Date: {now}\r\n\
         Subject: Undeliverable: {subject}\r\n\
         Message-ID: <{id}@practice.contoso.example>\r\n\
         In-Reply-To: {message_id}\r\n\
         References: {message_id}\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"{boundary}\"\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         \r\n\
         Delivery has failed to these recipients or groups:\r\n\
         \r\n\
         {recipient}\r\n\
         The email address you entered couldn't be found. Check the address and try to resend the message.\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns; practice.contoso.example\r\n\
         Arrival-Date: {now}\r\n\
         \r\n\
         Final-Recipient: rfc822; {recipient}\r\n\
         Action: failed\r\n\
         Status: 5.1.10\r\n\
         Diagnostic-Code: smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: text/rfc822-headers\r\n\
         \r\n\
         {header}\r\n\
         --{boundary}--\r\n"
    )
    .into_bytes()
}
