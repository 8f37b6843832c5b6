//! Sizes of files as people say them.

/// `412 kB`, `1.4 MB`; decimal, as file managers count.
pub fn said(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{} B", bytes.max(0)),
        1_000..1_000_000 => format!("{} kB", (bytes + 500) / 1_000),
        _ => {
            let tenths = (bytes + 50_000) / 100_000;
            if tenths % 10 == 0 {
                format!("{} MB", tenths / 10)
            } else {
                format!("{}.{} MB", tenths / 10, tenths % 10)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn a_size_is_short() {
        assert_eq!(said(-1), "0 B");
        assert_eq!(said(999), "999 B");
        assert_eq!(said(411_820), "412 kB");
        assert_eq!(said(1_440_000), "1.4 MB");
        assert_eq!(said(24_000_000), "24 MB");
    }
}
