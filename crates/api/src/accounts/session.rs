//! Sessions of browsers: the cookie, when it ends, and the number that pages must send along.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use omma_engine::config::AccountsConfig;
use omma_store::Session;
use omma_types::WallTime;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The cookie's name.
const COOKIE: &str = "omma_session";

/// Where a page says that it is one of ours: no other site can read what belongs in here, and
/// none can send the header without being asked first.
pub(crate) const CSRF_HEADER: &str = "x-omma-csrf";

/// How exactly it is kept when a session was last used.
const NOTE_EVERY: Duration = Duration::from_mins(1);

/// The token in the cookie that came with a request.
pub(crate) fn sent(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|p| p.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| value.trim())
}

/// What makes a browser keep `token`; `encrypted`: and never send it in the clear.
pub(crate) fn cookie(token: &str, longest: Duration, encrypted: bool) -> Option<HeaderValue> {
    let secure = if encrypted { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={}{secure}",
        longest.as_secs()
    );
    HeaderValue::from_str(&text).ok()
}

/// What makes a browser forget it.
pub(crate) fn no_cookie(encrypted: bool) -> Option<HeaderValue> {
    cookie("", Duration::ZERO, encrypted)
}

/// The number that belongs to a session: whoever has the cookie can compute it, whoever can
/// only make a browser send the cookie can't.
pub(crate) fn csrf(token: &str) -> String {
    let digest = Sha256::new().chain_update(b"omma csrf\0").chain_update(token).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

/// Whether the request carries the number of the session `token`.
pub(crate) fn is_from_our_page(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(CSRF_HEADER).map_or(&[][..], HeaderValue::as_bytes);
    csrf(token).as_bytes().ct_eq(given).into()
}

/// Whether a session still counts.
pub(crate) fn is_alive(session: &Session, config: &AccountsConfig, now: WallTime) -> bool {
    // The configuration may have become stricter since it began.
    now < session.expires
        && now < session.created + config.longest
        && now < session.seen + config.idle
        && !session.user.disabled
}

/// Whether it is to be noted that the session is used.
pub(crate) fn is_to_note(last: Option<WallTime>, now: WallTime) -> bool {
    last.is_none_or(|last| now.since(last) >= NOTE_EVERY)
}

#[cfg(test)]
mod tests {
    use omma_store::{Role, User};
    use proptest::prelude::*;

    use super::*;

    const NOW: WallTime = WallTime::from_millis(1_795_132_800_000);

    fn session(seen: u64) -> Session {
        let user = User {
            id: 1,
            name: "anna".to_owned(),
            role: Role::Viewer,
            cameras: None,
            disabled: false,
            created: NOW,
        };
        let expires = NOW + Duration::from_secs(1000);
        Session { user, created: NOW, seen: NOW + Duration::from_secs(seen), expires }
    }

    #[test]
    fn a_session_ends_when_nobody_asks_and_in_any_case() {
        let config = AccountsConfig {
            idle: Duration::from_secs(100),
            longest: Duration::from_secs(900),
            ..AccountsConfig::default()
        };
        let alive = |seen, now| is_alive(&session(seen), &config, NOW + Duration::from_secs(now));
        assert!(alive(0, 99) && !alive(0, 100));
        assert!(alive(850, 899) && !alive(850, 900), "the longest that is now configured");
        let lasting = AccountsConfig { longest: Duration::from_secs(5000), ..config };
        assert!(!is_alive(&session(999), &lasting, NOW + Duration::from_secs(1000)), "its own end");
        let mut kept_out = session(0);
        kept_out.user.disabled = true;
        assert!(!is_alive(&kept_out, &lasting, NOW));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for (value, token) in [
            ("omma_session=abc", Some("abc")),
            ("a=b; omma_session=abc; c=d", Some("abc")),
            ("omma_session_old=x;omma_session=abc", Some("abc")),
            ("xomma_session=abc", None),
            ("omma_session", None),
            ("", None),
        ] {
            let headers =
                HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(value).unwrap())]);
            assert_eq!(sent(&headers), token, "{value}");
        }
        let value = cookie("t", Duration::from_secs(9), true).unwrap();
        assert_eq!(value, "omma_session=t; HttpOnly; SameSite=Strict; Path=/; Max-Age=9; Secure");
        assert!(!cookie("t", Duration::ZERO, false).unwrap().to_str().unwrap().contains("Secure"));
    }

    proptest! {
        /// The number of one session opens no other.
        #[test]
        fn the_number_belongs_to_one_session(a in "[A-Za-z0-9_-]{1,43}", b in "[A-Za-z0-9_-]{1,43}") {
            let headers =
                HeaderMap::from_iter([(CSRF_HEADER.parse().unwrap(), csrf(&a).parse().unwrap())]);
            prop_assert!(is_from_our_page(&headers, &a));
            prop_assert_eq!(is_from_our_page(&headers, &b), a == b);
            prop_assert!(!is_from_our_page(&HeaderMap::new(), &a));
        }
    }
}
