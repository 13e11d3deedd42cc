//! Sessions, passwords, second factors, and who the caller is.

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use zhengna_core::access::{
    Credentials, FactorCode, FactorConfirmed, FactorEnrolled, FactorReset, Me, PasswordChange, PasswordSet, SecondStep, SignedIn,
    SignedOut, TicketIssued,
};
use zhengna_core::id::OfficerId;
use zhengna_core::operation;

use super::call::{Call, Created, Stranger};
use super::route::{Documented, Routes};
use crate::body::{Json, Path};
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
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password: to be changed at the next sign-in.
    password: String,
}

async fn give_password(call: Call, Path(officer): Path<OfficerId>, Json(new): Json<NewPassword>) -> Result<Json<PasswordSet>, Problem> {
    let session = call.session();
    call.app.sign_in(move |_| session.access().give_password(officer, &new.password)).await.map(|()| Json(PasswordSet {}))
}

async fn reset_factor(call: Call, Path(officer): Path<OfficerId>) -> Result<Json<FactorReset>, Problem> {
    let reset = call.session().access().reset_factor(officer);
    Ok(Json(reset.await?))
}

async fn issue_ticket(call: Call) -> Result<Created<TicketIssued>, Problem> {
    let issued = call.session().access().issue_ticket(&call.caller);
    Ok(Created(issued.await?))
}
