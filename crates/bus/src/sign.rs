//! Proof for the receiver that a message is ours and was not changed on its way.
//!
//! Both schemes sign with HMAC-SHA256 (RFC 2104, FIPS 180-4). The time is part of what is
//! signed: a receiver can refuse old messages, so that nobody plays them again.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use omma_types::{Secret, WallTime};
use sha2::Sha256;

/// How messages are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Two headers: `X-Omma-Timestamp`, seconds since 1970; `X-Omma-Signature`,
    /// `sha256=` and the HMAC of `timestamp.body` in hexadecimal.
    Omma {
        /// Shared with the receiver.
        secret: Secret,
    },
    /// As video-edge-ai-proxy signs its batches: `X-Chrys-Date`, whole seconds since 1970 in
    /// milliseconds; `Content-MD5`, the body's MD5 in hexadecimal; `X-ChrysEdge-Auth`,
    /// `key:` and the HMAC of date and MD5 in hexadecimal.
    Chrysalis {
        /// Names the sender.
        key: String,
        /// Shared with the receiver.
        secret: Secret,
    },
}

impl Signer {
    /// The headers that sign `body` at the time `now`.
    pub fn headers(&self, body: &[u8], now: WallTime) -> Vec<(&'static str, String)> {
        let seconds = now.as_millis().div_euclid(1000);
        match self {
            Self::Omma { secret } => {
                let time = seconds.to_string();
                let signature =
                    hmac_sha256(secret.reveal().as_bytes(), &[time.as_bytes(), b".", body]);
                vec![
                    ("X-Omma-Timestamp", time),
                    ("X-Omma-Signature", format!("sha256={signature}")),
                ]
            }
            Self::Chrysalis { key, secret } => {
                let date = seconds.saturating_mul(1000).to_string();
                let md5 = hex(&Md5::digest(body));
                let signature =
                    hmac_sha256(secret.reveal().as_bytes(), &[date.as_bytes(), md5.as_bytes()]);
                vec![
                    ("X-Chrys-Date", date),
                    ("Content-MD5", md5),
                    ("X-ChrysEdge-Auth", format!("{key}:{signature}")),
                ]
            }
        }
    }
}

/// In hexadecimal.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    // Keys longer than a block are hashed first, as HMAC wants it: any length is a key.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    for part in parts {
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 4231, section 4: test cases 1 to 4, 6 and 7 (5 is about shortened ones).
    #[test]
    fn hmac_of_the_rfc() {
        let counted: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 6] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &counted,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than \
                  block-size data. The key needs to be hashed before being used by the HMAC \
                  algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hmac_sha256(key, &[data]), expected);
            let (a, b) = data.split_at(3);
            assert_eq!(hmac_sha256(key, &[a, b]), expected);
        }
    }

    /// RFC 1321, appendix A.5.
    #[test]
    fn md5_of_the_rfc() {
        for (text, expected) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f",
            ),
            (
                "1234567890123456789012345678901234567890123456789012345678901234567890123456\
                 7890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(hex(&Md5::digest(text)), expected);
        }
    }

    /// The expected values were made with Python's `hmac` and `hashlib`.
    #[test]
    fn headers_are_what_another_program_computes() {
        let now = WallTime::from_millis(1_795_132_800_250);
        let body = br#"{"data":[]}"#;
        let secret = Secret::new("s3cret");
        let headers = Signer::Omma { secret: secret.clone() }.headers(body, now);
        assert_eq!(
            headers,
            [
                ("X-Omma-Timestamp", "1795132800".to_owned()),
                (
                    "X-Omma-Signature",
                    "sha256=f82bc90c12bbc51f219600380399a7a2186e9a69330d08e20ece09595b5d195d"
                        .to_owned()
                ),
            ]
        );
        let headers = Signer::Chrysalis { key: "edge".to_owned(), secret }.headers(body, now);
        assert_eq!(
            headers,
            [
                ("X-Chrys-Date", "1795132800000".to_owned()),
                ("Content-MD5", "e0234245cb00aa260ccfa99a9a0b235e".to_owned()),
                (
                    "X-ChrysEdge-Auth",
                    "edge:f638431fe7605194548caa9955a23beb48a9f3517ebae7a4b46a33ef085174dd"
                        .to_owned()
                ),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_change_changes_the_signature(
            body in proptest::collection::vec(any::<u8>(), 1..50),
            at in any::<proptest::sample::Index>(),
            flip in 1u8..,
            secret in ".{1,80}",
        ) {
            let now = WallTime::from_millis(5_000);
            let mut other = body.clone();
            other[at.index(body.len())] ^= flip;
            for signer in [
                Signer::Omma { secret: Secret::new(&secret) },
                Signer::Chrysalis { key: "k".to_owned(), secret: Secret::new(&secret) },
            ] {
                let signed = signer.headers(&body, now);
                prop_assert_ne!(&signed, &signer.headers(&other, now));
                prop_assert_ne!(&signed, &signer.headers(&body, WallTime::from_millis(6_000)));
            }
        }
    }
}
