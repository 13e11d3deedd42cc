//! Sign-in through identity providers, and the caller's accounts there.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::access::{LinkedProvider, Proof, Provider, SignedIn, Unlinked};
use zhengna_core::identity::PhoneTaken;
use zhengna_core::operation;

use super::call::{Call, Created, Stranger};
use super::route::{Documented, Routes};
use crate::body::{Json, Path};
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let sessions = Documented::new(Method::POST, "/api/v1/providers/{provider}/sessions", &operation::SIGN_IN_WITH_PROVIDER);
    routes.add(sessions.open().status(StatusCode::CREATED).body::<Proof>().answer::<SignedIn>(), sign_in);
    let mine = Documented::new(Method::GET, "/api/v1/me/identities", &operation::LINKED_IDENTITIES);
    routes.add(mine.answer::<Identities>(), identities);
    let one = Documented::new(Method::DELETE, "/api/v1/me/identities/{provider}", &operation::UNLINK_IDENTITY);
    routes.add(one.answer::<Unlinked>(), unlink);
    let phone = Documented::new(Method::POST, "/api/v1/me/phone", &operation::TAKE_PHONE);
    routes.add(phone.body::<PhoneCode>().answer::<PhoneTaken>(), take_phone);
}

/// Accounts at identity providers.
#[derive(Serialize, JsonSchema)]
struct Identities {
    /// Them, newest first.
    items: Vec<LinkedProvider>,
}

/// What WeChat gives for a tap on "allow".
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PhoneCode {
    /// The code of `getPhoneNumber`. The phone itself is never taken from a client.
    code: String,
}

async fn sign_in(stranger: Stranger, Path(provider): Path<Provider>, Json(typed): Json<Proof>) -> Result<Created<SignedIn>, Problem> {
    let Stranger { app, request } = stranger;
    let asked = app.providers().find(provider)?;
    app.outside(provider, move |core| core.sign_in_with(&*asked, &typed, &request)).await.map(Created)
}

async fn identities(call: Call) -> Result<Json<Identities>, Problem> {
    call.glance(|s| s.access().linked_identities()).await.map(|items| Json(Identities { items }))
}

async fn unlink(call: Call, Path(provider): Path<Provider>) -> Result<Json<Unlinked>, Problem> {
    let unlinked = call.session().access().unlink_identity(provider);
    Ok(Json(unlinked.await?))
}

async fn take_phone(call: Call, Json(typed): Json<PhoneCode>) -> Result<Json<PhoneTaken>, Problem> {
    let (phones, session) = (call.app.providers().phones()?, call.session());
    call.app.outside(Provider::MiniProgram, move |_| session.identity().take_phone(&*phones, &typed.code)).await.map(Json)
}
