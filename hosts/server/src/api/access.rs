//! Sessions, and who the caller is.

use axum::http::{Method, StatusCode};
use zhengna_core::access::{Credentials, Me, SignedIn, SignedOut, TicketIssued};
use zhengna_core::operation;

use super::call::{Call, Created, Stranger};
use super::route::{Documented, Routes};
use crate::body::Json;
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let sessions = Documented::new(Method::POST, "/api/v1/sessions", &operation::SIGN_IN);
    routes.add(sessions.open().status(StatusCode::CREATED).body::<Credentials>().answer::<SignedIn>(), sign_in);
    routes.add(Documented::new(Method::DELETE, "/api/v1/sessions/current", &operation::SIGN_OUT).answer::<SignedOut>(), sign_out);
    routes.add(Documented::new(Method::GET, "/api/v1/me", &operation::ME).answer::<Me>(), me);
    let tickets = Documented::new(Method::POST, "/api/v1/socket-tickets", &operation::ISSUE_TICKET);
    routes.add(tickets.status(StatusCode::CREATED).answer::<TicketIssued>(), issue_ticket);
}

async fn sign_in(stranger: Stranger, Json(typed): Json<Credentials>) -> Result<Created<SignedIn>, Problem> {
    let Stranger { app, request } = stranger;
    app.sign_in(move |core| core.sign_in(&typed, &request)).await.map(Created)
}

async fn sign_out(call: Call) -> Result<Json<SignedOut>, Problem> {
    let ended = call.session().access().sign_out(&call.caller);
    Ok(Json(ended.await?))
}

async fn me(call: Call) -> Result<Json<Me>, Problem> {
    call.read(|s| s.access().me()).await.map(Json)
}

async fn issue_ticket(call: Call) -> Result<Created<TicketIssued>, Problem> {
    let issued = call.session().access().issue_ticket(&call.caller);
    Ok(Created(issued.await?))
}
