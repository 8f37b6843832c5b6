//! Carries mail between servers and the desk: network and desk, and no transaction that waits.
//!
//! No SQL text is here, and no decision about a ticket: those are the desk's. A conversation with a server
//! ends in one short call of the desk, which stores what came of it.
mod alias;
mod ask;
pub mod authorize;
mod board;
pub mod clock;
mod connect;
mod desk_door;
pub mod doctor;
pub mod fetch;
mod file;
mod graph;
mod hold;
mod left;
mod letter;
pub mod lmtp;
pub mod pipe;
mod points;
pub mod probe;
mod process;
pub mod random;
mod refresh;
mod refused;
mod registration;
pub mod rehearse;
pub mod replay;
pub mod rounds;
mod send;
mod subscription;
mod trouble;
mod who;

/// What Microsoft Graph takes of a message in one request.
pub const GRAPH_MESSAGE_BYTES_MAX: usize = wire::graph::MESSAGE_BYTES_MAX;

pub use clock::Clock;
pub use desk_door::{Courier, Parts};
pub use process::Process;
pub use random::Random;
pub use subscription::PATH as NOTIFICATIONS_PATH;
