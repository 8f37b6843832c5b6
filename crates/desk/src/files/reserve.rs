//! What is kept free on the disk: fetching stops before that is used up, so that agents can still work.
use std::fmt;

const MB: u64 = 1024 * 1024;
const GB: u64 = 1024 * MB;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserve {
    /// Five in a hundred, a gigabyte at least; of a small disk a quarter, or nothing could ever come.
    #[default]
    Usual,
    Percent(u8),
    Bytes(u64),
}
impl Reserve {
    /// `5%`, `500MB` or `2GB`; a number alone is none, since nobody would know of what.
    pub fn read(text: &str) -> Option<Reserve> {
        let text = text.trim();
        let number =
            |end: &str| text.strip_suffix(end).and_then(|number| number.trim_end().parse::<u32>().ok());
        if let Some(percent) = number("%") {
            let percent = u8::try_from(percent).ok()?;
            return (percent <= 90).then_some(Reserve::Percent(percent));
        }
        let megabytes = number("MB").map(|number| u64::from(number) * MB);
        megabytes.or_else(|| number("GB").map(|number| u64::from(number) * GB)).map(Reserve::Bytes)
    }

    /// Of a disk of this size.
    pub fn bytes_of(self, size: u64) -> u64 {
        match self {
            Reserve::Usual => (size / 20).max(GB).min(size / 4),
            Reserve::Percent(percent) => size / 100 * u64::from(percent),
            Reserve::Bytes(bytes) => bytes,
        }
    }
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Which, as a sentence begins.
    pub disk: &'static str,
    pub free: u64,
    pub reserve: u64,
}
impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortage { disk, free, reserve } = *self;
        write!(f, "{disk} has {} MB left, and {} MB are kept free", free / MB, reserve.div_ceil(MB))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_hundred_are_kept_and_a_gigabyte_at_least_but_no_disk_is_all_reserve() {
        for (size, reserve) in
            [(2000 * GB, 100 * GB), (100 * GB, 5 * GB), (10 * GB, GB), (2 * GB, GB / 2), (48 * MB, 12 * MB)]
        {
            assert_eq!(Reserve::Usual.bytes_of(size), reserve, "{size}");
        }
    }

    #[test]
    fn another_reserve_is_a_share_or_a_size() {
        for (text, reserve) in [
            ("5%", Some(Reserve::Percent(5))),
            ("0 %", Some(Reserve::Percent(0))),
            ("500MB", Some(Reserve::Bytes(500 * MB))),
            (" 2 GB ", Some(Reserve::Bytes(2 * GB))),
            ("95%", None),
            ("2", None),
            ("GB", None),
            ("-1%", None),
            ("", None),
        ] {
            assert_eq!(Reserve::read(text), reserve, "{text}");
        }
        assert_eq!(Reserve::Percent(3).bytes_of(200 * MB), 6 * MB);
    }
}
