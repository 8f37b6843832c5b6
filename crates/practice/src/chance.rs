//! Randomness, and what is derived from the seed instead of it. Not for deciding faults.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// The one source of random values.
#[derive(Debug, Clone)]
pub(crate) struct Chance(SystemRandom);

impl Chance {
    #[expect(clippy::disallowed_methods, reason = "the one place where practice draws randomness")]
    pub fn system() -> Chance {
        Chance(SystemRandom::new())
    }

    /// For the library that makes and uses keys.
    pub fn source(&self) -> &SystemRandom {
        &self.0
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes).expect("invariant: the system has randomness");
        bytes
    }

    /// 256 random bits as text that is safe in addresses.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    pub fn guid(&self) -> String {
        guid_of(self.bytes())
    }
}

/// What the same seed gives again: ids of tenant and people, keys, UIDVALIDITY.
#[derive(Clone)]
pub(crate) struct Seed(hmac::Key);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

impl Seed {
    pub fn new(seed: &[u8; 32]) -> Seed {
        Seed(hmac::Key::new(hmac::HMAC_SHA256, seed))
    }

    pub fn bytes<const N: usize>(&self, label: &str) -> [u8; N] {
        let tag = hmac::sign(&self.0, label.as_bytes());
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        bytes
    }

    pub fn guid(&self, label: &str) -> String {
        guid_of(self.bytes(label))
    }

    /// A key of its own for one purpose.
    pub fn key(&self, label: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.bytes::<32>(label))
    }

    /// UIDVALIDITY: not zero, below 2^31 because some clients read it as signed.
    pub fn uid_validity(&self, label: &str) -> u32 {
        (u32::from_be_bytes(self.bytes(label)) >> 1).max(1)
    }
}

fn guid_of(mut b: [u8; 16]) -> String {
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_gives_others() {
        let (one, again, other) = (Seed::new(&[1; 32]), Seed::new(&[1; 32]), Seed::new(&[2; 32]));
        assert_eq!(one.guid("tenant"), again.guid("tenant"));
        assert_ne!(one.guid("tenant"), other.guid("tenant"));
        assert_ne!(one.guid("tenant"), one.guid("support"));
        assert_eq!(one.guid("tenant").len(), 36);
    }
}
