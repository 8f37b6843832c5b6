//! The only place that draws randomness: from the system, or from a seed in tests.
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::{Arc, Mutex, PoisonError};

/// Clones of a seeded source share its sequence.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Random(system)",
            Source::Seeded(_) => "Random(seeded)",
        })
    }
}

impl Random {
    /// A generator fit for keys, seeded by the operating system.
    pub fn system() -> Random {
        Random(Source::System)
    }

    /// Always the same sequence: never outside tests and rehearsals.
    pub fn seeded(seed: u64) -> Random {
        Random(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => rand::rng().fill_bytes(&mut bytes),
            Source::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }

    /// For what draws by itself: a generator fit for keys, seeded from here.
    pub(crate) fn generator(&self) -> StdRng {
        StdRng::from_seed(self.bytes())
    }

    /// Evenly from 0 up to, and not including, `below` (0 when that is 0).
    pub fn below(&self, below: u64) -> u64 {
        let drawn = u64::from_le_bytes(self.bytes());
        drawn.checked_rem(below).unwrap_or(0)
    }
}
