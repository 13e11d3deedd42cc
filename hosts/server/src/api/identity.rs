//! Taxpayers.

use axum::http::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{PersonalField, RevealTaxpayer, Revealed, TaxpayerCard};
use zhengna_core::operation;

use super::call::Call;
use super::route::{Documented, Routes};
use crate::body::{Json, Path};
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Documented::new(Method::GET, "/api/v1/taxpayers/{taxpayer}", &operation::VIEW_TAXPAYER).answer::<TaxpayerCard>(), view);
    let reveal_route = Documented::new(Method::POST, "/api/v1/taxpayers/{taxpayer}/reveal", &operation::REVEAL_TAXPAYER);
    routes.add(reveal_route.body::<Reveal>().answer::<Revealed>(), reveal);
}

/// Asks for one field unmasked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reveal {
    /// Which field.
    field: PersonalField,
    /// Why; kept in the audit trail.
    reason: String,
}

async fn view(call: Call, Path(taxpayer): Path<TaxpayerId>) -> Result<Json<TaxpayerCard>, Problem> {
    call.read(move |s| s.identity().view(taxpayer)).await.map(Json)
}

async fn reveal(call: Call, Path(taxpayer): Path<TaxpayerId>, Json(asked): Json<Reveal>) -> Result<Json<Revealed>, Problem> {
    let revealed = call.session().identity().reveal(RevealTaxpayer { taxpayer, field: asked.field, reason: asked.reason });
    Ok(Json(revealed.await?))
}
