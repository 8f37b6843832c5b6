//! winmail.dat opened: what a person was sent, in place of the parcel it came in.
use super::{Attachment, Message};
use crate::{body, file_name, tnef};

/// Files of one letter that are taken out of parcels; a parcel that would bring more stays as it came.
const FILES_MAX: usize = 500;

/// Puts what is in every winmail.dat in its place, and takes the letter's words from there where it has none of its
/// own.  What cannot be opened, and a parcel within a parcel, stays as it came.
pub fn unpack(message: &mut Message) {
    let parcels = message.attachments.iter().any(|attachment| tnef::is_tnef(&attachment.content));
    if !parcels {
        return;
    }
    let mut room = FILES_MAX;
    for attachment in std::mem::take(&mut message.attachments) {
        if !tnef::is_tnef(&attachment.content) {
            message.attachments.push(attachment);
            continue;
        }
        let inside = tnef::read(&attachment.content);
        let is_read = inside.text.is_some() || inside.html.is_some();
        if inside.is_cut || inside.files.len() > room || (inside.files.is_empty() && !is_read) {
            message.attachments.push(attachment);
            continue;
        }
        room -= inside.files.len();
        if message.html.is_none() && message.text.trim().is_empty() && is_read {
            let read = body::of_texts(inside.text, inside.html, &mut message.defects);
            (message.text, message.text_from) = (read.text, read.text_from);
            (message.reply_text, message.html) = (read.reply_text, read.html);
        }
        message.attachments.extend(inside.files.into_iter().map(of_file));
    }
    message.defects.sort_unstable();
    message.defects.dedup();
    let referred = message.html.as_deref().map(body::content_ids).unwrap_or_default();
    for attachment in &mut message.attachments {
        attachment.inline |= attachment.content_id.as_ref().is_some_and(|id| referred.contains(id));
    }
}

fn of_file(file: tnef::File) -> Attachment {
    let media_type = file.media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    Attachment {
        name: file_name::safe(file.name.as_deref(), &media_type),
        declared_name: file.name,
        media_type,
        content: file.content,
        handed_over: None,
        inline: false,
        content_id: file.content_id,
    }
}
