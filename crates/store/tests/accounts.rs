//! Users, sessions, tokens and who did what.

use std::time::Duration;

use omma_store::{
    AuditEntry, AuditQuery, MAX_SESSIONS, MAX_TOKENS, NewSession, NewUserToken, Role, Store,
    UserChange, UserSettings,
};
use omma_types::{CameraId, WallTime};

const NOW: WallTime = WallTime::from_millis(1_795_132_800_000);

fn settings(role: Role) -> UserSettings {
    UserSettings { role, cameras: None, disabled: false }
}

fn session(number: u8, user: i64) -> NewSession<'static> {
    let expires = NOW + Duration::from_secs(3600);
    NewSession { digest: [number; 32], user, expires, address: "192.0.2.1", agent: "test" }
}

#[tokio::test]
async fn the_first_user_comes_alone_and_names_are_taken_once() {
    let store = Store::in_memory().await.unwrap();
    assert!(!store.has_users().await.unwrap());
    let anna = store.add_first_user("Anna", "hash", NOW).await.unwrap();
    assert!(anna.is_some() && store.has_users().await.unwrap());
    assert_eq!(store.add_first_user("eve", "hash", NOW).await.unwrap(), None, "too late");
    let viewer = settings(Role::Viewer);
    assert_eq!(store.add_user("ANNA", "hash", &viewer, NOW).await.unwrap(), None);
    let cameras = Some(vec![CameraId::new("door").unwrap()]);
    let viewer = UserSettings { cameras: cameras.clone(), ..viewer };
    assert!(store.add_user("ben", "other", &viewer, NOW).await.unwrap() > anna);
    let (ben, hash) = store.user("BEN").await.unwrap().unwrap();
    assert_eq!((ben.name.as_str(), ben.role, hash.as_str()), ("ben", Role::Viewer, "other"));
    assert_eq!((ben.cameras, ben.created), (cameras, NOW));
    assert_eq!(store.user("' OR 1=1").await.unwrap(), None);
    let names: Vec<String> = store.users().await.unwrap().into_iter().map(|u| u.name).collect();
    assert_eq!(names, ["Anna", "ben"]);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let store = Store::in_memory().await.unwrap();
    store.add_first_user("anna", "hash", NOW).await.unwrap();
    store.add_user("ben", "hash", &settings(Role::Operator), NOW).await.unwrap();
    let off = UserSettings { disabled: true, ..settings(Role::Admin) };
    let last = UserChange::LastAdmin;
    let change = async |name, to: UserSettings| {
        store.change_user(name, &to, None, |_now| true).await.unwrap()
    };
    assert_eq!(store.remove_user("anna").await.unwrap(), last);
    assert_eq!(change("anna", off.clone()).await, last);
    assert_eq!(change("anna", settings(Role::Viewer)).await, last);
    assert_eq!(store.user("anna").await.unwrap().unwrap().0.role, Role::Admin, "unchanged");
    assert_eq!(store.remove_user("carl").await.unwrap(), UserChange::NoUser);
    // One who is kept out manages nothing.
    assert_eq!(change("ben", off).await, UserChange::Done);
    assert_eq!(store.remove_user("anna").await.unwrap(), last);
    change("ben", settings(Role::Admin)).await;
    assert_eq!(store.remove_user("anna").await.unwrap(), UserChange::Done);
    assert_eq!(store.remove_user("ben").await.unwrap(), last);
}

#[tokio::test]
async fn a_user_is_changed_as_expected_or_not_at_all() {
    let store = Store::in_memory().await.unwrap();
    store.add_first_user("anna", "hash", NOW).await.unwrap();
    let ben = store.add_user("ben", "hash", &settings(Role::Viewer), NOW).await.unwrap().unwrap();
    store.begin_session(&session(1, ben), NOW).await.unwrap();
    let operator = settings(Role::Operator);
    // Somebody else was there first.
    let change = store.change_user("ben", &operator, Some("new"), |now| now.disabled).await;
    assert_eq!(change.unwrap(), UserChange::Unexpected);
    let (now, hash) = store.user("ben").await.unwrap().unwrap();
    assert_eq!((now.role, hash.as_str()), (Role::Viewer, "hash"));
    assert!(store.session(&[1; 32]).await.unwrap().is_some(), "nothing was touched");
    let change = store.change_user("BEN", &operator, Some("new"), |now| now.role == Role::Viewer);
    assert_eq!(change.await.unwrap(), UserChange::Done);
    let (now, hash) = store.user("ben").await.unwrap().unwrap();
    assert_eq!((now.role, hash.as_str()), (Role::Operator, "new"));
    assert!(store.session(&[1; 32]).await.unwrap().is_none(), "the old password's session");
    let nobody = store.change_user("carl", &operator, None, |_now| true).await;
    assert_eq!(nobody.unwrap(), UserChange::NoUser);
}

#[tokio::test]
async fn sessions_end_with_their_user_password_and_number() {
    let store = Store::in_memory().await.unwrap();
    let anna = store.add_first_user("anna", "hash", NOW).await.unwrap().unwrap();
    let ben = store.add_user("ben", "hash", &settings(Role::Viewer), NOW).await.unwrap().unwrap();
    let alive = async |number: u8| store.session(&[number; 32]).await.unwrap().is_some();
    for number in 1..=3 {
        store.begin_session(&session(number, anna), NOW).await.unwrap();
    }
    store.begin_session(&session(9, ben), NOW).await.unwrap();
    let found = store.session(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.user.name.as_str(), found.seen), ("anna", NOW));
    let later = NOW + Duration::from_secs(60);
    store.session_seen(&[1; 32], later).await.unwrap();
    store.session_seen(&[1; 32], NOW).await.unwrap();
    assert_eq!(store.session(&[1; 32]).await.unwrap().unwrap().seen, later, "never back");

    store.end_session(&[3; 32]).await.unwrap();
    assert!(!alive(3).await && alive(2).await);
    assert!(store.set_password(anna, "new", Some(&[2; 32])).await.unwrap());
    assert!(!alive(1).await && alive(2).await && alive(9).await, "others' and the one kept stay");
    let off = UserSettings { disabled: true, ..settings(Role::Viewer) };
    store.change_user("ben", &off, None, |_now| true).await.unwrap();
    assert!(!alive(9).await);

    for number in 10..10 + u8::try_from(MAX_SESSIONS).unwrap() {
        store.begin_session(&session(number, anna), later).await.unwrap();
    }
    assert!(!alive(2).await && alive(10).await, "the one that was longest silent went");
    let after = NOW + Duration::from_secs(3600);
    let next = NewSession { expires: after + Duration::from_secs(1), ..session(99, anna) };
    store.begin_session(&next, after).await.unwrap();
    assert!(!alive(10).await && alive(99).await, "those that have ended go");
}

#[tokio::test]
async fn tokens_are_found_by_digest_and_go_with_their_user() {
    let store = Store::in_memory().await.unwrap();
    let anna = store.add_first_user("anna", "hash", NOW).await.unwrap().unwrap();
    let ben = store.add_user("ben", "hash", &settings(Role::Viewer), NOW).await.unwrap().unwrap();
    let door = [CameraId::new("door").unwrap()];
    let token = |number: u8, user| NewUserToken {
        digest: [number; 32],
        user,
        name: "backup",
        scopes: &["read", "metrics"],
        cameras: Some(&door),
        expires: None,
    };
    let id = store.add_user_token(&token(1, ben), NOW).await.unwrap().unwrap();
    store.user_token_used(id, NOW).await.unwrap();
    let (found, owner) = store.user_token(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.id, owner.name.as_str(), found.used), (id, "ben", Some(NOW)));
    assert_eq!(
        (found.scopes.join("+"), found.cameras.clone()),
        ("read+metrics".into(), Some(door.to_vec()))
    );
    assert_eq!(store.user_token(&[2; 32]).await.unwrap(), None);
    let same = Some((found.clone(), owner.clone()));
    assert_eq!(store.user_token_with_id(id).await.unwrap(), same);
    assert_eq!(store.user_token_with_id(id + 1).await.unwrap(), None);
    assert_eq!(store.all_user_tokens().await.unwrap(), [(ben, found.clone())]);
    assert!(!store.remove_user_token(anna, id).await.unwrap(), "of somebody else");
    assert!(store.remove_user_token(ben, id).await.unwrap());
    assert_eq!(store.user_token(&[1; 32]).await.unwrap(), None);
    for number in 0..u8::try_from(MAX_TOKENS).unwrap() {
        assert!(store.add_user_token(&token(number, ben), NOW).await.unwrap().is_some());
    }
    assert_eq!(store.add_user_token(&token(200, ben), NOW).await.unwrap(), None);
    store.remove_user("ben").await.unwrap();
    assert_eq!(store.user_token(&[5; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn the_audit_is_paged_filtered_and_bounded() {
    let store = Store::in_memory().await.unwrap();
    let entry = |second: u64, who: &str, what: &str| AuditEntry {
        at: NOW + Duration::from_secs(second),
        who: who.to_owned(),
        what: what.to_owned(),
        target: "door".to_owned(),
        address: "192.0.2.1".to_owned(),
    };
    let entries: Vec<_> =
        (0..1200).map(|n| entry(n, if n % 3 == 0 { "anna" } else { "ben" }, "watched")).collect();
    store.add_audit(&entries).await.unwrap();
    store.add_audit(&[entry(5000, "anna", "login")]).await.unwrap();
    let mut query =
        AuditQuery { who: Some("anna".to_owned()), limit: 150, ..AuditQuery::default() };
    let mut seen = 0;
    loop {
        let (page, next) = store.audit(&query).await.unwrap();
        assert!(page.windows(2).all(|pair| pair[0].seq > pair[1].seq));
        assert!(page.iter().all(|stored| stored.entry.who == "anna"));
        seen += page.len();
        let Some(next) = next else { break };
        query.before_seq = Some(next);
    }
    assert_eq!(seen, 401);
    let logins = AuditQuery { what: Some("login".to_owned()), limit: 10, ..AuditQuery::default() };
    assert_eq!(store.audit(&logins).await.unwrap().0[0].entry, entry(5000, "anna", "login"));
    assert!(store.audit(&AuditQuery::default()).await.is_err(), "a limit of 0");

    assert_eq!(store.forget_audit(NOW + Duration::from_secs(100), 5000).await.unwrap(), 100);
    assert_eq!(store.forget_audit(NOW, 10).await.unwrap(), 1091);
    let all = AuditQuery { limit: 100, ..AuditQuery::default() };
    assert_eq!(store.audit(&all).await.unwrap().0.len(), 10);
}
