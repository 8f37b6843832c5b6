//! The limit that the operating system may set on the size of a process's files (`ulimit -f`).
use rustix::process::{Resource, getrlimit};

/// What to do about it, where there is one.
pub(crate) fn remedy() -> Option<String> {
    let bytes = getrlimit(Resource::Fsize).current?;
    Some(format!(
        "no file of this process may grow past {bytes} bytes: raise that limit (ulimit -f, or LimitFSIZE of its \
         service) and start Postern again; nothing was lost"
    ))
}
