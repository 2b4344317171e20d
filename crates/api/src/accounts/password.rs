//! Passwords: which are good enough, how they are hashed, and how many at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use omma_types::ErrorKind;
use tokio::sync::Semaphore;

use super::secret;
use crate::error::{ApiError, ApiResult};

/// Shorter ones are in every list of guesses.
const SHORTEST: usize = 10;

/// Longer ones only cost time.
const LONGEST: usize = 256;

/// Hashes at a time: each takes 19 MiB and some tens of milliseconds of one core, which the
/// cameras need too.
const AT_ONCE: usize = 2;

/// Who waits for a hash; more are turned away.
const MAX_WAITING: usize = 32;

/// A hash of nothing that anybody knows, to be compared with where there is no such user: the
/// answer takes as long as for one that there is.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$b21tYS1ub2JvZHktaGVyZQ$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes passwords, a few at a time.
#[derive(Debug)]
pub(crate) struct Passwords {
    waiting: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

impl Passwords {
    /// Nobody waits yet.
    pub(crate) fn new() -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            working: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Hashes a new password with argon2id; refuses one that is easily guessed.
    pub(crate) async fn hash(&self, name: &str, password: String) -> ApiResult<String> {
        check(name, &password)?;
        let salt = secret::random()?;
        self.work(move || {
            let salt = salt.first_chunk::<16>().copied().unwrap_or_default();
            let hash: Result<PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| {
                ApiError::internal(format!("the password could not be hashed: {error}"))
            })
        })
        .await?
    }

    /// Whether `password` is the one behind `hash`. Without a hash: no, after the same work.
    pub(crate) async fn is_right(&self, hash: Option<String>, password: String) -> ApiResult<bool> {
        self.work(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let right = PasswordHash::new(&hash).is_ok_and(|hash| {
                password.len() <= LONGEST * 4
                    && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            });
            known && right
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> ApiResult<T> {
        let busy =
            || ApiError::unavailable(ErrorKind::Busy, "too many passwords are being checked");
        let _place = self.waiting.try_acquire().map_err(|_full| busy())?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_closed| busy())?;
        let working = tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that goes away does not make room for more.
            let _turn = turn;
            work()
        });
        working.await.map_err(|_panic| ApiError::internal("checking a password panicked"))
    }
}

fn check(name: &str, password: &str) -> ApiResult<()> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(ApiError::invalid(
            format!("a password has {SHORTEST} to {LONGEST} characters"),
            "three or four words that have nothing to do with each other make a good one",
        ));
    }
    let first = password.chars().next();
    if password.to_lowercase().contains(&name.to_lowercase())
        || password.chars().all(|letter| Some(letter) == first)
    {
        return Err(ApiError::invalid(
            "this password is easily guessed",
            "take one without the name in it and with more than one letter",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let passwords = Passwords::new();
        let hash = passwords.hash("anna", "correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let again = passwords.hash("anna", "correct horse".to_owned()).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
        for (given, hash, right) in [
            ("correct horse", Some(hash.clone()), true),
            ("correct horse ", Some(hash.clone()), false),
            ("", Some(hash), false),
            ("correct horse", None, false),
            ("correct horse", Some("no hash".to_owned()), false),
        ] {
            assert_eq!(passwords.is_right(hash, given.to_owned()).await.unwrap(), right, "{given}");
        }
    }

    /// Where it could not be read, asking for somebody unknown would take no time.
    #[test]
    fn the_hash_of_nobody_costs_what_others_cost() {
        let hash = PasswordHash::new(NOBODY).unwrap();
        let real: PasswordHash = Argon2::default().hash_password_with_salt(b"x", &[1; 16]).unwrap();
        assert_eq!(
            (hash.algorithm, hash.params.to_string()),
            (real.algorithm, real.params.to_string())
        );
        assert!(Argon2::default().verify_password(b"x", &hash).is_err());
    }

    #[test]
    fn what_is_easily_guessed_is_refused() {
        for bad in ["", "short", "aaaaaaaaaaaaa", "my-name-is-ANNA", &"long".repeat(65)] {
            assert!(check("anna", bad).is_err(), "{bad}");
        }
        assert!(check("anna", "korrekt äpfel 7").is_ok());
    }
}
