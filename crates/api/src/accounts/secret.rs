//! Tokens that are handed out, and what is kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

/// 256 bits that nobody can guess.
///
/// # Errors
/// When the system has no randomness to give.
pub(crate) fn random() -> Result<[u8; 32], ApiError> {
    let mut bytes = [0; 32];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that nobody can guess.
///
/// # Errors
/// When the system has no randomness to give.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), ApiError> {
    getrandom::fill(bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random numbers");
        ApiError::internal("no random numbers can be had from the system; see the log")
    })
}

/// A new token, which begins with `prefix` so that one recognises it.
pub(crate) fn token(prefix: &str) -> Result<String, ApiError> {
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random()?)))
}

/// What is kept of a token. A fast hash is enough: there is nothing to guess.
pub(crate) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
