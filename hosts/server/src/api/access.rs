//! Sessions, passwords, second factors, and who the caller is.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::access::{
    AddOfficer, AuthorityPage, EndGrant, GrantEnded, GrantView, Granted, LeaveRecorded, MyPermission, OfficerAdded, OfficerView, PostView,
    ProposeChange, RecordLeave, SeparationView, TakeEmergencyPost,
};
use zhengna_core::access::{
    Credentials, FactorCode, FactorConfirmed, FactorEnrolled, FactorReset, Me, PasswordChange, PasswordSet, SecondStep, SignedIn,
    SignedOut, TicketIssued,
};
use zhengna_core::approval::Opened;
use zhengna_core::id::{GrantId, OfficerId};
use zhengna_core::identity::AuthorityCode;
use zhengna_core::{Timestamp, operation};

use super::call::{Call, Created, Keyed, Stranger};
use super::page::{CURSOR, LIMIT, page_at, rows, written};
use super::route::{Documented, Param, Routes};
use crate::body::{Json, Path, Query};
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let sessions = Documented::new(Method::POST, "/api/v1/sessions", &operation::SIGN_IN);
    routes.add(sessions.open().status(StatusCode::CREATED).body::<Credentials>().answer::<SignedIn>(), sign_in);
    let confirmation = Documented::new(Method::POST, "/api/v1/sessions/confirm", &operation::CONFIRM_SIGN_IN);
    routes.add(confirmation.open().status(StatusCode::CREATED).body::<SecondStep>().answer::<SignedIn>(), confirm_sign_in);
    routes.add(Documented::new(Method::DELETE, "/api/v1/sessions/current", &operation::SIGN_OUT).answer::<SignedOut>(), sign_out);
    routes.add(Documented::new(Method::GET, "/api/v1/me", &operation::ME).answer::<Me>(), me);
    let own_password = Documented::new(Method::PUT, "/api/v1/me/password", &operation::CHANGE_PASSWORD);
    routes.add(own_password.body::<PasswordChange>().answer::<SignedIn>(), change_password);
    let enrolment = Documented::new(Method::POST, "/api/v1/me/second-factor", &operation::ENROL_FACTOR);
    routes.add(enrolment.status(StatusCode::CREATED).answer::<FactorEnrolled>(), enrol_factor);
    let factor = |tail, operation| Documented::new(Method::POST, tail, operation).body::<FactorCode>();
    let confirmed = factor("/api/v1/me/second-factor/confirm", &operation::CONFIRM_FACTOR);
    routes.add(confirmed.answer::<FactorConfirmed>(), confirm_factor);
    let removed = factor("/api/v1/me/second-factor/remove", &operation::REMOVE_FACTOR);
    routes.add(removed.answer::<SignedIn>(), remove_factor);
    let given = Documented::new(Method::PUT, "/api/v1/officers/{officer}/password", &operation::GIVE_PASSWORD);
    routes.add(given.body::<NewPassword>().answer::<PasswordSet>(), give_password);
    let reset = Documented::new(Method::DELETE, "/api/v1/officers/{officer}/second-factor", &operation::RESET_FACTOR);
    routes.add(reset.answer::<FactorReset>(), reset_factor);
    routes.add(
        Documented::new(Method::GET, "/api/v1/me/permissions", &operation::ME).named("access.me.permissions").answer::<MyPermissions>(),
        my_permissions,
    );
    let tree = Documented::new(Method::GET, "/api/v1/authorities", &operation::AUTHORITIES);
    routes.add(tree.query(AUTHORITIES).answer::<AuthorityPage>(), list_authorities);
    let officers = Documented::new(Method::GET, "/api/v1/officers", &operation::OFFICERS);
    routes.add(officers.query(FOUND).answer::<Officers>(), list_officers);
    let added = Documented::new(Method::POST, "/api/v1/officers", &operation::ADD_OFFICER).keyed().status(StatusCode::CREATED);
    routes.add(added.body::<AddOfficer>().answer::<OfficerAdded>(), add_officer);
    let left = Documented::new(Method::POST, "/api/v1/officers/{officer}/leave", &operation::RECORD_LEAVE).keyed();
    routes.add(left.body::<Leave>().answer::<LeaveRecorded>(), record_leave);
    let grants = Documented::new(Method::GET, "/api/v1/officers/{officer}/grants", &operation::GRANTS);
    routes.add(grants.answer::<Grants>(), list_grants);
    routes.add(Documented::new(Method::GET, "/api/v1/posts", &operation::POSTS).answer::<Posts>(), list_posts);
    let emergency = Documented::new(Method::GET, "/api/v1/emergency-posts", &operation::EMERGENCY_POSTS);
    routes.add(emergency.answer::<Posts>(), list_emergency_posts);
    routes.add(Documented::new(Method::GET, "/api/v1/separations", &operation::SEPARATIONS).answer::<Separations>(), list_separations);
    let proposed = Documented::new(Method::POST, "/api/v1/access-changes", &operation::PROPOSE_CHANGE).keyed();
    routes.add(proposed.status(StatusCode::CREATED).body::<ProposeChange>().answer::<Opened>(), propose_change);
    let ended = Documented::new(Method::POST, "/api/v1/grants/{grant}/end", &operation::END_GRANT).keyed();
    routes.add(ended.body::<Ending>().answer::<GrantEnded>(), end_grant);
    let taken = Documented::new(Method::POST, "/api/v1/emergency-grants", &operation::TAKE_EMERGENCY_POST).keyed();
    routes.add(taken.status(StatusCode::CREATED).body::<TakeEmergencyPost>().answer::<Granted>(), take_emergency_post);
    let tickets = Documented::new(Method::POST, "/api/v1/socket-tickets", &operation::ISSUE_TICKET);
    routes.add(tickets.status(StatusCode::CREATED).answer::<TicketIssued>(), issue_ticket);
}

async fn sign_in(stranger: Stranger, Json(typed): Json<Credentials>) -> Result<Created<SignedIn>, Problem> {
    let Stranger { app, request } = stranger;
    app.sign_in(move |core| core.sign_in(&typed, &request)).await.map(Created)
}

async fn confirm_sign_in(stranger: Stranger, Json(typed): Json<SecondStep>) -> Result<Created<SignedIn>, Problem> {
    let outcome = stranger.app.core().confirm_sign_in(typed, &stranger.request)?.await?;
    Ok(Created(outcome.into_result()?))
}

async fn sign_out(call: Call) -> Result<Json<SignedOut>, Problem> {
    let ended = call.session().access().sign_out(&call.caller);
    Ok(Json(ended.await?))
}

async fn me(call: Call) -> Result<Json<Me>, Problem> {
    call.glance(|s| s.access().me()).await.map(Json)
}

async fn change_password(call: Call, Json(typed): Json<PasswordChange>) -> Result<Json<SignedIn>, Problem> {
    let session = call.session();
    call.app.sign_in(move |_| session.access().change_password(&typed)).await.map(Json)
}

async fn enrol_factor(call: Call) -> Result<Created<FactorEnrolled>, Problem> {
    let enrolled = call.session().access().enrol_factor();
    Ok(Created(enrolled.await?))
}

async fn confirm_factor(call: Call, Json(typed): Json<FactorCode>) -> Result<Json<FactorConfirmed>, Problem> {
    let confirmed = call.session().access().confirm_factor(typed)?;
    Ok(Json(confirmed.await?))
}

async fn remove_factor(call: Call, Json(typed): Json<FactorCode>) -> Result<Json<SignedIn>, Problem> {
    let removed = call.session().access().remove_factor(typed)?;
    Ok(Json(removed.await?.into_result()?))
}

/// A password for somebody else.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password: to be changed at the next sign-in.
    password: String,
}

async fn give_password(call: Call, Path(officer): Path<OfficerId>, Json(new): Json<NewPassword>) -> Result<Json<PasswordSet>, Problem> {
    let session = call.session();
    call.app.sign_in(move |_| session.access().give_password(officer, &new.password)).await.map(Json)
}

async fn reset_factor(call: Call, Path(officer): Path<OfficerId>) -> Result<Json<FactorReset>, Problem> {
    let reset = call.session().access().reset_factor(officer);
    Ok(Json(reset.await?))
}

async fn issue_ticket(call: Call) -> Result<Created<TicketIssued>, Problem> {
    let issued = call.session().access().issue_ticket(&call.caller);
    Ok(Created(issued.await?))
}

/// What the caller may do.
#[derive(Serialize, JsonSchema)]
struct MyPermissions {
    /// In the order of the operation table.
    items: Vec<MyPermission>,
}

const FOUND: &[Param] = &[
    Param {
        name: "find",
        about: "Where it has a digit, how their number begins; else what is in their name. All if absent.",
        number: false,
    },
    LIMIT,
    CURSOR,
];

const AUTHORITIES: &[Param] = &[LIMIT, Param { name: "after", about: "Those behind this code; the first if absent.", number: false }];

/// From which authority on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Behind {
    after: Option<AuthorityCode>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    find: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Officers.
#[derive(Serialize, JsonSchema)]
struct Officers {
    /// Newest first; those found by number, in the order of numbers. A page may be short, or empty, and still go on.
    items: Vec<OfficerView>,
    /// Goes on from here; absent at the end.
    cursor: Option<String>,
}

/// An officer leaves.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Leave {
    /// When; now if absent.
    left_at: Option<Timestamp>,
}

/// Grants.
#[derive(Serialize, JsonSchema)]
struct Grants {
    /// Newest first, those that are over too.
    items: Vec<GrantView>,
}

/// Posts.
#[derive(Serialize, JsonSchema)]
struct Posts {
    /// Every one that was asked for.
    items: Vec<PostView>,
}

/// Permissions that do not go together.
#[derive(Serialize, JsonSchema)]
struct Separations {
    /// Every pair.
    items: Vec<SeparationView>,
}

/// Ends a grant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ending {
    /// Why; kept in the audit trail.
    reason: String,
}

async fn my_permissions(call: Call) -> Result<Json<MyPermissions>, Problem> {
    let items = call.glance(|s| s.access().permissions()).await?;
    Ok(Json(MyPermissions { items }))
}

async fn list_authorities(call: Call, Query(query): Query<Behind>) -> Result<Json<AuthorityPage>, Problem> {
    let limit = rows(query.limit)?;
    call.read(move |s| s.access().authorities(query.after, limit)).await.map(Json)
}

async fn list_officers(call: Call, Query(asked): Query<Asked>) -> Result<Json<Officers>, Problem> {
    let page = page_at(asked.cursor.as_deref(), asked.limit)?;
    let found = call.read(move |s| s.access().officers(asked.find.as_deref(), page)).await?;
    Ok(Json(Officers { items: found.items, cursor: found.after.map(written) }))
}

async fn list_grants(call: Call, Path(officer): Path<OfficerId>) -> Result<Json<Grants>, Problem> {
    let items = call.read(move |s| s.access().grants(officer)).await?;
    Ok(Json(Grants { items }))
}

async fn list_posts(call: Call) -> Result<Json<Posts>, Problem> {
    let items = call.read(|s| s.access().posts()).await?;
    Ok(Json(Posts { items }))
}

async fn list_emergency_posts(call: Call) -> Result<Json<Posts>, Problem> {
    let items = call.read(|s| s.access().emergency_posts()).await?;
    Ok(Json(Posts { items }))
}

async fn list_separations(call: Call) -> Result<Json<Separations>, Problem> {
    let items = call.read(|s| s.access().separations()).await?;
    Ok(Json(Separations { items }))
}

async fn add_officer(call: Keyed, Json(body): Json<AddOfficer>) -> Result<Created<OfficerAdded>, Problem> {
    let added = call.session()?.access().add_officer(body);
    Ok(Created(added.await?))
}

async fn record_leave(call: Keyed, Path(officer): Path<OfficerId>, Json(body): Json<Leave>) -> Result<Json<LeaveRecorded>, Problem> {
    let recorded = call.session()?.access().record_leave(RecordLeave { officer, left_at: body.left_at });
    Ok(Json(recorded.await?))
}

async fn propose_change(call: Keyed, Json(cmd): Json<ProposeChange>) -> Result<Created<Opened>, Problem> {
    let opened = call.session()?.access().propose_change(cmd);
    Ok(Created(opened.await?))
}

async fn end_grant(call: Keyed, Path(grant): Path<GrantId>, Json(body): Json<Ending>) -> Result<Json<GrantEnded>, Problem> {
    let ended = call.session()?.access().end_grant(EndGrant { grant, reason: body.reason });
    Ok(Json(ended.await?))
}

async fn take_emergency_post(call: Keyed, Json(body): Json<TakeEmergencyPost>) -> Result<Created<Granted>, Problem> {
    let granted = call.session()?.access().take_emergency_post(body);
    Ok(Created(granted.await?))
}
