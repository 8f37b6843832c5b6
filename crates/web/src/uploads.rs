//! Files that come with what an agent writes: how many and how large they may be, and into the store with
//! them before anything else, so that no refusal loses one.
use crate::form::File;
use crate::tickets::size;
use crate::{Error, State};
use desk::db::Tx;
use desk::files::attachment::NewAttachment;
use desk::files::blob;
use desk::intake::mending;
use desk::people::kept_form::KeptFile;
use desk::tickets::draft::DraftFile;

/// Together in one message: what the large providers accept, Base64 and the letter included, with room.
pub const FILES_BYTES_MAX: i64 = 24_000_000;
pub const FILES_MAX: usize = 20;
/// The form as a whole. Larger than the files may be, so that too much is told on the form, where the text
/// comes back.
pub const FORM_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What could be taken, and a sentence about what could not.
#[derive(Debug, Default)]
pub struct Taken {
    pub files: Vec<NewAttachment>,
    pub too_much: Option<String>,
}

/// Puts what fits beside `there` (files of the draft) durably into the store.
pub async fn take(state: &State, files: Vec<File>, there: &[DraftFile]) -> Result<Taken, Error> {
    let sizes: Vec<(String, i64)> = files.iter().map(|file| (safe_name(file), length(file))).collect();
    let (fits, too_much) = fit(there, &sizes);
    let files: Vec<File> =
        files.into_iter().zip(fits).filter(|(_, fits)| *fits).map(|(file, _)| file).collect();
    if files.is_empty() {
        return Ok(Taken { files: Vec::new(), too_much });
    }
    let now = state.courier.now();
    let files = state
        .courier
        .blocking(move |desk| {
            let contents: Vec<&[u8]> = files.iter().map(|file| file.bytes.as_ref()).collect();
            let stored = desk.store.put_all(&contents)?;
            mending::mend_contents(desk, &Vec::from_iter(&stored), now)?;
            Ok(files
                .iter()
                .zip(stored)
                .map(|(file, stored)| NewAttachment {
                    stored,
                    name: safe_name(file),
                    media_type: media_type(&file.media_type),
                    inline: false,
                    content_id: None,
                })
                .collect())
        })
        .await?;
    Ok(Taken { files, too_much })
}

/// New files as the draft keeps them. Blob ids are only ever made here, never read from a form: a form
/// that names a blob would read any file of the desk.
pub fn keep(tx: &mut Tx<'_>, files: &[NewAttachment]) -> desk::Result<Vec<DraftFile>> {
    files
        .iter()
        .map(|file| {
            Ok(DraftFile {
                blob_id: blob::name(tx, &file.stored)?,
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                size_bytes: i64::try_from(file.stored.size_bytes).unwrap_or(i64::MAX),
            })
        })
        .collect()
}

/// A file of a kept form, and back again.
pub fn for_later(file: DraftFile) -> KeptFile {
    let DraftFile { blob_id, name, media_type, size_bytes } = file;
    KeptFile { blob_id, name, media_type, size_bytes }
}
/// Kept files into those of a draft, as far as they fit, and a sentence about what does not. What the draft has
/// already is not added again.
pub fn give_back(there: &mut Vec<DraftFile>, kept: Vec<KeptFile>) -> Option<String> {
    let kept = kept.into_iter().map(|KeptFile { blob_id, name, media_type, size_bytes }| DraftFile {
        blob_id,
        name,
        media_type,
        size_bytes,
    });
    let new: Vec<DraftFile> = kept.filter(|file| !there.contains(file)).collect();
    let sizes: Vec<(String, i64)> = new.iter().map(|file| (file.name.clone(), file.size_bytes)).collect();
    let (fits, too_much) = fit(there, &sizes);
    there.extend(new.into_iter().zip(fits).filter(|(_, fits)| *fits).map(|(file, _)| file));
    too_much
}

/// Which of the new files still fit, in their order, and what to say when one does not.
fn fit(there: &[DraftFile], new: &[(String, i64)]) -> (Vec<bool>, Option<String>) {
    let (mut count, mut bytes) = (there.len(), there.iter().map(|file| file.size_bytes).sum::<i64>());
    let mut left_out = Vec::new();
    let fits = new
        .iter()
        .map(|(name, size_bytes)| {
            let fits = count < FILES_MAX && bytes.saturating_add(*size_bytes) <= FILES_BYTES_MAX;
            if fits {
                count += 1;
                bytes += size_bytes;
            } else {
                left_out.push(format!("“{name}” ({})", size::said(*size_bytes)));
            }
            fits
        })
        .collect();
    let sentence = (!left_out.is_empty()).then(|| {
        let (verb, them) = if left_out.len() == 1 { ("was", "it") } else { ("were", "them") };
        format!(
            "{} {verb} left out: one message takes {FILES_MAX} files of {} together. Send {them} another way, or in a second message.",
            left_out.join(", "),
            size::said(FILES_BYTES_MAX)
        )
    });
    (fits, sentence)
}

fn safe_name(file: &File) -> String {
    mail::file_name::safe(Some(&file.name), &media_type(&file.media_type))
}

fn length(file: &File) -> i64 {
    i64::try_from(file.bytes.len()).unwrap_or(i64::MAX)
}

/// `type/subtype` of RFC 2045 tokens, or what says nothing: it goes into a header of the letter.
fn media_type(said: &str) -> String {
    let said = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |text: &str| {
        !text.is_empty()
            && text.len() <= 100
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match said.split_once('/') {
        Some((kind, subtype))
            if token(kind) && token(subtype) && kind != "multipart" && kind != "message" =>
        {
            said
        }
        _ => "application/octet-stream".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(size_bytes: i64) -> DraftFile {
        DraftFile { blob_id: 1, name: "a".to_owned(), media_type: "text/plain".to_owned(), size_bytes }
    }

    #[test]
    fn a_file_too_many_is_named_and_the_others_stay() {
        let new = [
            ("a.pdf".to_owned(), 4_000_000),
            ("film.mp4".to_owned(), 31_000_000),
            ("b.pdf".to_owned(), 1_000),
        ];
        let (fits, sentence) = fit(&[there(1_000_000)], &new);
        assert_eq!(fits, [true, false, true]);
        let sentence = sentence.unwrap();
        assert!(
            sentence.starts_with(
                "“film.mp4” (31 MB) was left out: one message takes 20 files of 24 MB together."
            ),
            "{sentence}"
        );
    }

    #[test]
    fn files_of_the_draft_count_too() {
        assert_eq!(fit(&[there(FILES_BYTES_MAX)], &[("x".to_owned(), 1)]).0, [false]);
        let many: Vec<DraftFile> = (0..FILES_MAX).map(|_| there(1)).collect();
        assert_eq!(fit(&many, &[("x".to_owned(), 1)]).0, [false]);
        assert_eq!(fit(&[], &[("x".to_owned(), FILES_BYTES_MAX)]), (vec![true], None));
    }

    #[test]
    fn kept_files_are_added_to_those_of_the_draft_once_and_as_far_as_they_fit() {
        let kept = |blob_id, size_bytes| {
            for_later(DraftFile { blob_id, name: format!("{blob_id}.pdf"), ..there(size_bytes) })
        };
        let mut files = Vec::new();
        assert_eq!(give_back(&mut files, vec![kept(1, 5), kept(2, 6)]), None);
        assert_eq!(give_back(&mut files, vec![kept(2, 6), kept(3, 7)]), None);
        assert_eq!(files.iter().map(|file| file.blob_id).collect::<Vec<_>>(), [1, 2, 3]);
        let sentence = give_back(&mut files, vec![kept(4, FILES_BYTES_MAX)]).unwrap();
        assert!(sentence.starts_with("“4.pdf” (24 MB) was left out") && files.len() == 3, "{sentence}");
    }

    #[test]
    fn a_media_type_that_is_none_says_nothing() {
        assert_eq!(media_type("Image/PNG; name=x"), "image/png");
        for odd in ["", "text", "a/b\r\nX: y", "a b/c", "multipart/mixed", "message/rfc822", "/", "ü/x"] {
            assert_eq!(media_type(odd), "application/octet-stream", "{odd:?}");
        }
    }
}
