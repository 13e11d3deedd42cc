//! Taxpayers.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use zhengna_core::approval::Opened;
use zhengna_core::id::{ApprovalId, ConversationId, TaxpayerId};
use zhengna_core::identity::{Disclose, Disclosed, RequestDisclosure};
use zhengna_core::identity::{
    OfficerCard, PersonalField, RelationReleased, RelationView, ReleaseRelation, RevealOnCard, RevealTaxpayer, Revealed, Role, TaxpayerCard,
};
use zhengna_core::operation;

use super::call::{Call, Created, Keyed};
use super::route::{Documented, Routes};
use crate::body::{Json, Path};
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Documented::new(Method::GET, "/api/v1/taxpayers/{taxpayer}", &operation::VIEW_TAXPAYER).answer::<TaxpayerCard>(), view);
    let reveal_route = Documented::new(Method::POST, "/api/v1/taxpayers/{taxpayer}/reveal", &operation::REVEAL_TAXPAYER);
    routes.add(reveal_route.body::<Reveal>().answer::<Revealed>(), reveal);
    let of = Documented::new(Method::GET, "/api/v1/taxpayers/{taxpayer}/relations", &operation::RELATIONS);
    routes.add(of.answer::<Relations>(), relations);
    let released = Documented::new(Method::POST, "/api/v1/taxpayers/{taxpayer}/relations/release", &operation::RELEASE_RELATION).keyed();
    routes.add(released.body::<Release>().answer::<RelationReleased>(), release);
    let card_route = Documented::new(Method::GET, "/api/v1/conversations/{conversation}/card", &operation::CARD);
    routes.add(card_route.answer::<OfficerCard>(), card);
    let revealed = Documented::new(Method::POST, "/api/v1/conversations/{conversation}/card/reveal", &operation::REVEAL_ON_CARD);
    routes.add(revealed.body::<OnCard>().answer::<Revealed>(), reveal_on_card);
    let asked = Documented::new(Method::POST, "/api/v1/disclosures", &operation::REQUEST_DISCLOSURE).keyed();
    routes.add(asked.status(StatusCode::CREATED).body::<RequestDisclosure>().answer::<Opened>(), request_disclosure);
    let disclosed = Documented::new(Method::POST, "/api/v1/disclosures/{approval}", &operation::DISCLOSE);
    routes.add(disclosed.answer::<Disclosed>(), disclose);
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

/// Relations.
#[derive(Serialize, JsonSchema)]
struct Relations {
    /// Them: of an enterprise by role, of a person newest first.
    items: Vec<RelationView>,
}

/// Ends a relation of the enterprise in the path.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// As what the person acts.
    role: Role,
    /// Who.
    person: TaxpayerId,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Asks for one field of somebody on the card.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OnCard {
    /// Whose, as the card names them.
    taxpayer: TaxpayerId,
    /// Which field.
    field: PersonalField,
    /// Why; kept in the audit trail.
    reason: String,
}

async fn relations(call: Call, Path(taxpayer): Path<TaxpayerId>) -> Result<Json<Relations>, Problem> {
    call.glance(move |s| s.identity().relations(taxpayer)).await.map(|items| Json(Relations { items }))
}

async fn release(call: Keyed, Path(enterprise): Path<TaxpayerId>, Json(asked): Json<Release>) -> Result<Json<RelationReleased>, Problem> {
    let cmd = ReleaseRelation { enterprise, role: asked.role, person: asked.person, reason: asked.reason };
    Ok(Json(call.session()?.identity().release_relation(cmd).await?))
}

async fn card(call: Call, Path(conversation): Path<ConversationId>) -> Result<Json<OfficerCard>, Problem> {
    call.glance(move |s| s.identity().card(conversation)).await.map(Json)
}

async fn reveal_on_card(
    call: Call,
    Path(conversation): Path<ConversationId>,
    Json(asked): Json<OnCard>,
) -> Result<Json<Revealed>, Problem> {
    let cmd = RevealOnCard { conversation, taxpayer: asked.taxpayer, field: asked.field, reason: asked.reason };
    Ok(Json(call.session().identity().reveal_on_card(cmd).await?))
}

async fn view(call: Call, Path(taxpayer): Path<TaxpayerId>) -> Result<Json<TaxpayerCard>, Problem> {
    call.glance(move |s| s.identity().view(taxpayer)).await.map(Json)
}

async fn reveal(call: Call, Path(taxpayer): Path<TaxpayerId>, Json(asked): Json<Reveal>) -> Result<Json<Revealed>, Problem> {
    let revealed = call.session().identity().reveal(RevealTaxpayer { taxpayer, field: asked.field, reason: asked.reason });
    Ok(Json(revealed.await?))
}

async fn request_disclosure(call: Keyed, Json(asked): Json<RequestDisclosure>) -> Result<Created<Opened>, Problem> {
    let opened = call.session()?.identity().request_disclosure(asked);
    Ok(Created(opened.await?))
}

async fn disclose(call: Call, Path(approval): Path<ApprovalId>) -> Result<Json<Disclosed>, Problem> {
    let disclosed = call.session().identity().disclose(Disclose { approval });
    Ok(Json(disclosed.await?))
}
