//! Who asks, once the guard has let a request through: handlers show and change no more than
//! this.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use omma_engine::Handle;
use omma_store::{Role, User};
use omma_types::CameraId;

use crate::error::{ApiError, ApiResult};
use crate::params::all_cameras;

/// How somebody has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Nobody is asked: there are neither accounts nor tokens, or the route is open to all.
    Nothing,
    /// A token of the configuration; SHA-256 of it.
    ConfigToken([u8; 32]),
    /// A browser's session; with what is kept of its token, and the number that its pages send
    /// along.
    Session {
        /// SHA-256 of the token.
        digest: [u8; 32],
        /// See [`super::session::csrf`].
        csrf: String,
    },
    /// A token that a user has made; its number.
    UserToken(i64),
    /// A token for what one camera shows.
    StreamToken,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// As it stands in the audit log.
    pub(crate) name: String,
    /// The user's number; 0 where it is no user.
    pub(crate) user: i64,
    pub(crate) role: Role,
    /// The cameras that there are for this caller; none: all.
    pub(crate) cameras: Option<Arc<BTreeSet<CameraId>>>,
    pub(crate) via: Via,
}

impl Caller {
    /// Where nobody is asked who they are.
    pub(crate) fn anybody() -> Self {
        Self {
            name: "anybody".to_owned(),
            user: 0,
            role: Role::Admin,
            cameras: None,
            via: Via::Nothing,
        }
    }

    /// Whoever has the configuration's token `name`; its scopes were looked at.
    pub(crate) fn config_token(name: &str, digest: [u8; 32]) -> Self {
        Self { name: format!("token {name}"), via: Via::ConfigToken(digest), ..Self::anybody() }
    }

    /// A user.
    pub(crate) fn user(user: &User, via: Via) -> Self {
        let (name, role) = (user.name.clone(), user.role);
        Self { name, user: user.id, role, cameras: None, via }.only(user.cameras.as_deref())
    }

    /// The same, with no more cameras than `only`. Administrators see all cameras, and much of
    /// what they may do is about no camera in particular: whoever sees only some is none.
    pub(crate) fn only(self, only: Option<&[CameraId]>) -> Self {
        let Some(only) = only else { return self };
        let both = only.iter().filter(|camera| self.may_see(camera)).cloned().collect();
        Self { cameras: Some(Arc::new(both)), role: self.role.min(Role::Operator), ..self }
    }

    /// Whether there is this camera for the caller.
    pub(crate) fn may_see(&self, camera: &CameraId) -> bool {
        self.cameras.as_ref().is_none_or(|cameras| cameras.contains(camera))
    }

    /// The configured cameras that there are for the caller.
    pub(crate) fn known(&self, handle: &Handle) -> Vec<CameraId> {
        all_cameras(handle).into_iter().filter(|camera| self.may_see(camera)).collect()
    }

    /// The cameras that a list is about: `wanted`, or where that names none, all that there are
    /// for the caller. None: the list is empty for this caller.
    pub(crate) fn among(&self, wanted: Vec<CameraId>) -> Option<Vec<CameraId>> {
        match &self.cameras {
            Some(cameras) if wanted.is_empty() => {
                (!cameras.is_empty()).then(|| cameras.iter().cloned().collect())
            }
            _ => Some(wanted),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        // A route without a guard in front of it must not take that for "everybody".
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::internal("nobody has looked who is asking"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> Vec<CameraId> {
        names.iter().map(|name| CameraId::new(name).unwrap()).collect()
    }

    #[test]
    fn a_token_sees_what_both_it_and_its_user_see() {
        let door = &names(&["door"])[0];
        let limited = Caller::anybody().only(Some(&names(&["door", "yard"])));
        assert!(limited.may_see(door));
        assert!(!limited.clone().only(Some(&names(&["yard", "attic"]))).may_see(door));
        assert!(!limited.clone().only(Some(&names(&["attic"]))).may_see(&names(&["attic"])[0]));
        assert!(limited.clone().only(None).may_see(door));
        assert_eq!(limited.role, Role::Operator, "an administrator sees all");
        assert_eq!(Caller::anybody().only(None).role, Role::Admin);
    }

    #[test]
    fn a_list_without_names_is_about_what_one_sees() {
        assert_eq!(Caller::anybody().among(Vec::new()), Some(Vec::new()), "all");
        let limited = Caller::anybody().only(Some(&names(&["door"])));
        assert_eq!(limited.among(Vec::new()), Some(names(&["door"])));
        // An empty list of cameras means all of them to the store.
        assert_eq!(Caller::anybody().only(Some(&[])).among(Vec::new()), None);
    }

    proptest! {
        /// However often it is narrowed, nobody gets more.
        #[test]
        fn narrowing_never_widens(
            lists in prop::collection::vec(prop::collection::vec("[a-d]", 0..4), 1..5),
            camera in "[a-d]",
        ) {
            let camera = CameraId::new(&camera).unwrap();
            let mut caller = Caller::anybody();
            let mut seen = true;
            for list in lists {
                let list: Vec<_> = list.iter().map(|name| CameraId::new(name).unwrap()).collect();
                caller = caller.only(Some(&list));
                prop_assert!(seen || !caller.may_see(&camera));
                seen = caller.may_see(&camera);
                prop_assert_eq!(seen, seen && list.contains(&camera));
            }
        }
    }
}
