//! The tests of email as data, through its doors: a corpus of letters, and properties of all letters.

mod answers;
mod corpus;
mod cost;
mod errors;
mod properties;
mod providers;
