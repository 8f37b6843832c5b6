//! Passwords of agents: Argon2id, 19 MiB and two passes (OWASP's first choice). It takes tens of milliseconds, so it
//! is never done within a transaction.
use crate::{Refusal, Result};
use anyhow::anyhow;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};

pub const LEAST_CHARACTERS: usize = 12;
pub const MOST_CHARACTERS: usize = 256;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Of no password that anybody knows, with the same cost: checked when there is no such agent, so that the time of
/// the answer does not tell who works here.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IG5vYm9keSE$\
                      qGDEWHh9ZIMJ0uJ1S1bP1Zk7ZDsXRkDTsbR0gPRj8Dw";

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("invariant: these parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Refuses what is shorter than 12 or longer than 256 characters.
pub fn hash_password(password: &SecretString, salt: [u8; 16]) -> Result<String> {
    match password.expose_secret().chars().count() {
        n if n < LEAST_CHARACTERS => return Err(Refusal::PasswordTooShort { least: LEAST_CHARACTERS }.into()),
        n if n > MOST_CHARACTERS => return Err(Refusal::PasswordTooLong { most: MOST_CHARACTERS }.into()),
        _ => {}
    }
    let hash = argon2().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
    Ok(hash.map_err(|e| anyhow!("hashing a password failed: {e}"))?.to_string())
}

/// Constant work whether or not there is a hash (no user enumeration by time).
pub fn check_password(password: &SecretString, hash: Option<&str>) -> bool {
    // What no hash can have been made of costs nothing, for everybody alike.
    if password.expose_secret().len() > MOST_CHARACTERS * 4 {
        return false;
    }
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let there = known.is_some();
    let hash = known.unwrap_or_else(|| PasswordHash::new(NOBODY).expect("invariant: it is a hash"));
    // Argon2 takes the cost from the hash, so a hash of other cost is still checked.
    let same = argon2().verify_password(password.expose_secret().as_bytes(), &hash).is_ok();
    same && there
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[test]
    fn a_password_is_taken_back_and_another_is_not() {
        let hash = hash_password(&secret("correct horse battery"), [3; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(check_password(&secret("correct horse battery"), Some(&hash)));
        assert!(!check_password(&secret("correct horse batterz"), Some(&hash)));
        assert!(!check_password(&secret(""), Some(&hash)));
        assert_ne!(hash, hash_password(&secret("correct horse battery"), [4; 16]).unwrap());
    }

    #[test]
    fn without_an_agent_the_same_work_is_done_and_nothing_is_let_in() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = hash_password(&secret("correct horse battery"), [3; 16]).unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!(
            (nobody.algorithm, nobody.version, &nobody.params),
            (real.algorithm, real.version, &real.params)
        );
        assert_eq!(nobody.hash.unwrap().len(), real.hash.unwrap().len());
        assert!(!check_password(&secret("correct horse battery"), None));
        assert!(!check_password(&secret("correct horse battery"), Some("not a hash")));
    }

    #[test]
    fn too_short_and_too_long_are_refused_in_characters() {
        let refused = |text: &str| hash_password(&secret(text), [0; 16]).map(drop).map_err(|e| e.to_string());
        assert_eq!(refused("elevenchars"), Err("Use at least 12 characters for the password.".into()));
        assert_eq!(refused(&"ü".repeat(12)), Ok(()));
        assert_eq!(refused(&"ü".repeat(256)), Ok(()));
        assert_eq!(refused(&"ü".repeat(257)), Err("Use at most 256 characters for the password.".into()));
    }
}
