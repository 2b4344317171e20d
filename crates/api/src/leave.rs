//! Whether somebody may go on: what is answered for long (live pictures, films, WebSockets) ends
//! soon after whoever began it may no longer ask for it.
//!
//! The same question as at the beginning is asked again and again, so it does not matter what
//! ended: the session, the user, a token of any kind, or the right to see this camera.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::timeout;

use crate::access::{Access, Ask, Need, Refusal};
use crate::accounts::Caller;
use crate::accounts::rules::Rule;
use crate::accounts::session::CSRF_HEADER;
use crate::error::{ApiError, ApiResult};
use crate::port::Peer;

/// The question is asked again so often, and at once where users or sessions have changed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What shows who somebody is.
const TELLING: [HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, HeaderName::from_static(CSRF_HEADER)];

/// A question that was let through, to be asked again.
#[derive(Clone)]
pub(crate) struct Leave(Arc<Asked>);

struct Asked {
    access: Arc<Access>,
    method: Method,
    path: String,
    headers: HeaderMap,
    need: Need,
    rule: Rule,
    stream_token: Option<String>,
    browsers: bool,
    /// Who it was then.
    caller: Caller,
}

impl Leave {
    /// What `ask` was answered with `caller`.
    pub(crate) fn new(access: &Arc<Access>, ask: Ask<'_>, caller: &Caller) -> Self {
        let mut headers = HeaderMap::new();
        for name in TELLING {
            for value in ask.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        Self(Arc::new(Asked {
            access: Arc::clone(access),
            method: ask.method.clone(),
            path: ask.path.to_owned(),
            headers,
            need: ask.need,
            rule: ask.rule,
            stream_token: ask.stream_token.map(str::to_owned),
            browsers: ask.browsers,
            caller: caller.clone(),
        }))
    }

    /// What the request asked of users.
    pub(crate) fn rule(&self) -> Rule {
        self.0.rule
    }

    /// Returns when it is over. Who waits for other things too keeps the future: a new one
    /// begins to wait anew.
    pub(crate) async fn over(self) {
        let mut changes = self.0.access.changes();
        loop {
            // Without a sender there is nobody who could change anything but time.
            drop(timeout(AGAIN_AFTER, changes.changed()).await);
            if !self.0.holds().await {
                return;
            }
        }
    }

    /// The answer, which breaks off when it is over.
    pub(crate) fn limit(self, response: Response) -> Response {
        response.map(|body| Body::new(Limited { body, over: Box::pin(self.over()) }))
    }
}

impl Asked {
    async fn holds(&self) -> bool {
        let ask = Ask {
            method: &self.method,
            path: &self.path,
            headers: &self.headers,
            peer: None::<Peer>,
            need: self.need,
            rule: self.rule,
            stream_token: self.stream_token.as_deref(),
            browsers: self.browsers,
        };
        match self.access.who(ask).await {
            // Whoever may do less, or sees other cameras, asks anew.
            Ok(now) => now.role >= self.caller.role && now.cameras == self.caller.cameras,
            // A store that is busy for a moment is no reason to end anything.
            Err(Refusal::Unavailable(_)) => true,
            Err(_) => false,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Leave {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        let leave = parts.extensions.get::<Self>().cloned();
        leave.ok_or_else(|| ApiError::internal("nobody has looked who is asking"))
    }
}

/// The body of an answer that breaks off when it is over.
struct Limited {
    body: Body,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.over.as_mut().poll(context).is_ready() {
            // It is not to look whole.
            self.over = Box::pin(std::future::ready(()));
            let reason = "whoever asked may no longer see this";
            return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::other(reason)))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
