//! Numbers of Microsoft Entra ID (`AADSTS…`) that mailboxes meet, by what has to be mended.
//!
//! After Microsoft's list of *Microsoft Entra authentication and authorization error codes*.  Some numbers are not on
//! it and are known from reports only.

use super::{Place, Row};

/// Where a person can look a number up; the number is appended.
pub(super) const LOOKUP: &str = "https://login.microsoftonline.com/error?code=";

/// Numbers, who has to act, where; what happened; what to do.
macro_rules! rows {
    ($($($number:literal),+ => $class:ident, $place:ident, $cause:literal, $remedy:literal;)*) => {
        &[$((
            &[$($number),+],
            Row {
                class: crate::explain::Class::$class,
                place: Place::$place,
                cause: $cause,
                remedy: $remedy,
            },
        )),*]
    };
}

type Rows = &'static [(&'static [u32], Row)];

mod account;
mod permission;
mod policy;
mod registration;
mod service;

const TABLES: [Rows; 5] = [registration::ROWS, permission::ROWS, account::ROWS, policy::ROWS, service::ROWS];

/// Every row; a number stands in one of them.
pub(super) fn rows() -> impl Iterator<Item = &'static (&'static [u32], Row)> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// What a number means, if it is known.
pub(super) fn row_of(number: u32) -> Option<Row> {
    rows().find(|(numbers, _)| numbers.contains(&number)).map(|(_, row)| *row)
}
