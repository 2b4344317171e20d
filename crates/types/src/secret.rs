//! Keeping passwords out of anything that people or programs read.

/// `url` with its password and secret-looking query values replaced by `***`. Text that is
/// no URL comes back unchanged. The user name stays: it helps to find the mistake.
///
/// ```
/// # use omma_types::redact_url;
/// assert_eq!(redact_url("rtsp://bob:pw@cam/1"), "rtsp://bob:***@cam/1");
/// assert_eq!(redact_url("http://cam/v?token=abc&w=1"), "http://cam/v?token=***&w=1");
/// ```
pub fn redact_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may itself hold a '/' or '@' that somebody forgot to escape: the last '@'
    // in front of the query ends the credentials.
    let query_start = rest.find('?').unwrap_or(rest.len());
    let credentials_end = rest.get(..query_start).and_then(|head| head.rfind('@'));
    let (credentials, tail) = match credentials_end {
        Some(at) if at < authority_end || rest.get(..at).is_some_and(|c| c.contains(':')) => {
            (rest.get(..at), rest.get(at + 1..).unwrap_or(""))
        }
        _ => (None, rest),
    };
    let mut out = format!("{scheme}://");
    if let Some(credentials) = credentials {
        match credentials.split_once(':') {
            Some((user, _)) => out.push_str(&format!("{user}:***@")),
            None => out.push_str(&format!("{credentials}@")),
        }
    }
    match tail.split_once('?') {
        Some((path, query)) => {
            let pairs: Vec<String> = query.split('&').map(redact_pair).collect();
            out.push_str(&format!("{path}?{}", pairs.join("&")));
        }
        None => out.push_str(tail),
    }
    out
}

fn redact_pair(pair: &str) -> String {
    const SECRET_WORDS: [&str; 7] = ["pass", "pwd", "token", "secret", "key", "auth", "sig"];
    match pair.split_once('=') {
        Some((name, _)) if SECRET_WORDS.iter().any(|w| name.to_lowercase().contains(w)) => {
            format!("{name}=***")
        }
        _ => pair.to_owned(),
    }
}

/// `text` with every URL in it redacted like [`redact_url`] does. For messages of foreign
/// libraries, which like to repeat the address that they were given.
pub fn redact_text(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| if word.contains("://") { redact_url(word) } else { word.to_owned() })
        .collect()
}

/// A text that must never be seen: it prints as `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_vanish_and_the_rest_stays() {
        let cases = [
            ("rtsp://u:p@h:554/s", "rtsp://u:***@h:554/s"),
            ("rtsp://u:p@ss@h/s", "rtsp://u:***@h/s"),
            ("rtsp://u:p/w@h/s", "rtsp://u:***@h/s"),
            ("rtsp://u@h/s", "rtsp://u@h/s"),
            ("rtsp://h/s", "rtsp://h/s"),
            ("clip.mp4", "clip.mp4"),
            ("sim:street?people=6", "sim:street?people=6"),
            ("rtmp://h/live?streamkey=1", "rtmp://h/live?streamkey=***"),
        ];
        for (url, expected) in cases {
            assert_eq!(redact_url(url), expected);
        }
        assert_eq!(redact_text("open rtsp://u:p@h/ failed"), "open rtsp://u:***@h/ failed");
    }

    proptest! {
        #[test]
        fn no_password_survives(user in "[a-z]{1,8}", password in "[A-Z0-9/@:]{3,12}") {
            let url = format!("rtsp://{user}:{password}@host/path");
            prop_assert!(!redact_url(&url).contains(&password));
        }
    }
}
