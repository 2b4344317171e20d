//! Footage over HTTP: whole, or the part that a player asks for (RFC 9110, section 14).
//!
//! Files are read when the connection has room for more, a piece at a time, so a client that
//! stops reading holds one piece. A file that can't be read to its end breaks the connection
//! off: what was promised by `Content-Length` never ends short in silence.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use omma_engine::{Footage, FootageReader, RedactedFilm};
use omma_types::WallTime;
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// When time zero of a film, or a picture, was taken, in milliseconds since 1970.
pub(crate) const TIME_HEADER: HeaderName = HeaderName::from_static("x-omma-time-ms");

/// The bytes of a film or a picture.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only there to describe the answer")]
pub(crate) struct Film(Bytes);

/// What of something a client asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// Nothing of it is there.
    Behind,
}

/// The answer to a GET or HEAD for `footage`.
pub(crate) fn answer(footage: Footage, asked: &HeaderMap) -> ApiResult<Response> {
    let len = footage.len();
    let tag = format!("\"{}\"", footage.tag());
    let text = |name: HeaderName| asked.get(name).and_then(|value| value.to_str().ok());
    // With `If-Range`, a part makes sense only of the same bytes that the rest was of.
    let same = text(header::IF_RANGE).is_none_or(|known| known.trim() == tag);
    let range = text(header::RANGE).filter(|_| same);
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (status, range) = match range.map_or(Wanted::All, |range| wanted(range, len)) {
        Wanted::All => (StatusCode::OK, 0..len),
        Wanted::Part(part) => {
            let told = format!("bytes {}-{}/{len}", part.start, part.end.saturating_sub(1));
            put(&mut headers, header::CONTENT_RANGE, &told);
            (StatusCode::PARTIAL_CONTENT, part)
        }
        Wanted::Behind => {
            put(&mut headers, header::CONTENT_RANGE, &format!("bytes */{len}"));
            let error = ApiError::invalid(
                "the part that was asked for lies behind the end",
                format!("it is {len} bytes long"),
            );
            return Ok(
                (headers, error.with_status(StatusCode::RANGE_NOT_SATISFIABLE)).into_response()
            );
        }
    };
    put(&mut headers, header::ETAG, &tag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    let disposition = format!("inline; filename=\"{}\"", footage.file_name());
    put(&mut headers, header::CONTENT_DISPOSITION, &disposition);
    headers.insert(TIME_HEADER, HeaderValue::from(footage.start().as_millis()));
    Ok((status, headers, body(footage.read(range))).into_response())
}

/// The answer with a film in which people are hidden. How long it will be is not known: one that
/// can't be made to its end breaks the connection off.
pub(crate) async fn redacted(mut film: RedactedFilm) -> ApiResult<Response> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    let disposition = format!("inline; filename=\"{}\"", film.file_name());
    put(&mut headers, header::CONTENT_DISPOSITION, &disposition);
    headers.insert(TIME_HEADER, HeaderValue::from(film.start().as_millis()));
    // What fails at once is told as a failure.
    let first = match film.next().await {
        Some(first) => first?,
        None => return Err(ApiError::internal("a film ended before it began; see the log")),
    };
    let pieces = futures_util::stream::unfold((Some(first), film), async |(first, mut film)| {
        let piece = match first {
            Some(first) => Ok(first),
            None => film.next().await?,
        };
        let piece = piece.map(Bytes::from).map_err(std::io::Error::other);
        Some((piece, (None, film)))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The answer with a picture, taken at `taken`.
pub(crate) fn picture(bytes: Vec<u8>, taken: Option<WallTime>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    if let Some(taken) = taken {
        headers.insert(TIME_HEADER, HeaderValue::from(taken.as_millis()));
    }
    (headers, bytes).into_response()
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn body(reader: FootageReader) -> Body {
    let chunks = futures_util::stream::unfold(Some(reader), async |reader| {
        let mut reader = reader?;
        let reading = tokio::task::spawn_blocking(move || {
            let chunk = reader.next_chunk();
            (chunk, reader)
        });
        let failed = match reading.await {
            Ok((Ok(Some(chunk)), reader)) => return Some((Ok(Bytes::from(chunk)), Some(reader))),
            Ok((Ok(None), _)) => return None,
            Ok((Err(error), _)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        // The asker only sees the connection end too early.
        tracing::error!(error = failed, "footage could not be read to its end");
        Some((Err(std::io::Error::other(failed)), None))
    });
    Body::from_stream(chunks)
}

/// Whether a request asks for the rest of what its sender has begun to fetch.
pub(crate) fn goes_on(asked: &HeaderMap) -> bool {
    let range = asked.get(header::RANGE).and_then(|value| value.to_str().ok());
    matches!(range.map(|range| wanted(range, u64::MAX)), Some(Wanted::Part(part)) if part.start > 0)
}

/// What a `Range` header asks for. What is not understood, or asks for several parts, is
/// answered with everything, as section 14.2 allows.
fn wanted(range: &str, len: u64) -> Wanted {
    let Some((unit, spec)) = range.split_once('=') else { return Wanted::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::All;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::All };
    // More digits than fit are beyond every end.
    let number = |text: &str| -> Option<u64> {
        let text = text.trim();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.trim().is_empty() => first..len,
        (None, Some(count)) if first.trim().is_empty() => len.saturating_sub(count)..len,
        _ => return Wanted::All,
    };
    if part.start >= part.end { Wanted::Behind } else { Wanted::Part(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_from_the_beginning_does_not_go_on() {
        let asks = |range: &'static str| {
            goes_on(&HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]))
        };
        assert!(asks("bytes=1-") && asks("bytes=500-999") && asks("bytes=-10"));
        assert!(!asks("bytes=0-") && !asks("bytes=0-99") && !asks("nonsense"));
        assert!(!goes_on(&HeaderMap::new()));
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-", Wanted::Part(0..100)),
            ("bytes=10-19", Wanted::Part(10..20)),
            ("Bytes = 10 - 19", Wanted::Part(10..20)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=99-", Wanted::Part(99..100)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Behind),
            ("bytes=100-200", Wanted::Behind),
            ("bytes=-0", Wanted::Behind),
            ("bytes=20-10", Wanted::All),
            ("bytes=0-1,5-6", Wanted::All),
            ("bytes=", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=+1-5", Wanted::All),
            ("seconds=0-5", Wanted::All),
            ("", Wanted::All),
        ];
        for (range, expected) in cases {
            assert_eq!(wanted(range, 100), expected, "{range}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Behind);
    }
}
