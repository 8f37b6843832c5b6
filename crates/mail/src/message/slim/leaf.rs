//! The body of a part while it passes: kept as it is, shortened, or handed over.

use std::io;

use super::Sink;
use crate::mime::Cut;
use crate::tnef;
use crate::transfer::Decoder;

pub(super) struct Leaf {
    /// Where it begins in what is left.
    body_at: usize,
    /// Bytes of it that may stay.
    most: usize,
    /// That many stay even where there is more.
    keeps_beginning: bool,
    decoder: Option<Decoder>,
    /// It is longer than what may stay: what follows goes to the sink, or nowhere.
    is_away: bool,
    decoded: Vec<u8>,
}

impl Leaf {
    /// All of it stays.
    pub(super) fn kept(body_at: usize) -> Leaf {
        Leaf {
            body_at,
            most: usize::MAX,
            keeps_beginning: true,
            decoder: None,
            is_away: false,
            decoded: Vec::new(),
        }
    }

    /// What is read of it stays, and the rest is dropped.
    pub(super) fn shortened(body_at: usize, most: usize) -> Leaf {
        Leaf { most, ..Leaf::kept(body_at) }
    }

    /// One that is longer goes to the sink.
    pub(super) fn handed_over(body_at: usize, most: usize, decoder: Decoder) -> Leaf {
        Leaf { most, keeps_beginning: false, decoder: Some(decoder), ..Leaf::kept(body_at) }
    }

    /// And its beginning stays too.
    pub(super) fn beginning_kept(self) -> Leaf {
        Leaf { keeps_beginning: true, ..self }
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away
    }

    /// The next bytes of it.
    pub(super) fn pass(&mut self, bytes: &[u8], left: &mut Vec<u8>, sink: &mut impl Sink) -> io::Result<()> {
        if self.is_away {
            return self.hand(bytes, sink);
        }
        left.extend_from_slice(bytes);
        let body = left.get(self.body_at..).unwrap_or_default();
        if body.len() <= self.most || (self.keeps_beginning && !ends_well(body)) {
            return Ok(());
        }
        if let Some(decoder) = &mut self.decoder {
            decoder.feed(body, &mut self.decoded);
            // A parcel is opened, which needs all of it. Of what decodes to nothing there is nothing to hand over.
            if self.decoded.len() < 4 || tnef::is_tnef(&self.decoded) {
                *self = Leaf::kept(self.body_at);
                return Ok(());
            }
            if !self.keeps_beginning {
                left.truncate(self.body_at);
            }
        }
        self.is_away = true;
        self.hand(&[], sink)
    }

    fn hand(&mut self, bytes: &[u8], sink: &mut impl Sink) -> io::Result<()> {
        if let Some(decoder) = &mut self.decoder {
            decoder.feed(bytes, &mut self.decoded);
            sink.write(&self.decoded)?;
            self.decoded.clear();
        }
        Ok(())
    }

    /// There is no more of it. What the sink has got, if it has.
    pub(super) fn end(mut self, sink: &mut impl Sink) -> io::Result<Option<Cut>> {
        let Some(mut decoder) = self.decoder.take().filter(|_| self.is_away) else { return Ok(None) };
        let trouble = decoder.end(&mut self.decoded);
        sink.write(&self.decoded)?;
        sink.end()?;
        Ok(Some(Cut { at: self.body_at, trouble }))
    }
}

/// Can something else follow here without becoming one with it? A line that is cut within could become a boundary, and a
/// CR the beginning of a line end.
fn ends_well(body: &[u8]) -> bool {
    let line = memchr::memrchr(b'\n', body).and_then(|end| body.get(end + 1..)).unwrap_or(body);
    !line.starts_with(b"--") && !line.ends_with(b"\r")
}
