//! Lines
