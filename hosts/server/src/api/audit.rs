//! The audit trail. Reading it leaves a record, hence POST.

use axum::http::Method;
use zhengna_core::audit::{AuditAsked, AuditFound, Verification};
use zhengna_core::operation;

use super::call::Call;
use super::route::{Documented, Routes};
use crate::body::Json;
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let reads = Documented::new(Method::POST, "/api/v1/audit-reads", &operation::READ_AUDIT);
    routes.add(reads.body::<AuditAsked>().answer::<AuditFound>(), read);
    let verification = Documented::new(Method::GET, "/api/v1/audit-verification", &operation::AUDIT_VERIFICATION);
    routes.add(verification.answer::<Verification>(), verification_now);
}

async fn read(call: Call, Json(asked): Json<AuditAsked>) -> Result<Json<AuditFound>, Problem> {
    Ok(Json(call.session().audit().read(asked).await?))
}

async fn verification_now(call: Call) -> Result<Json<Verification>, Problem> {
    call.glance(|s| s.audit().verification()).await.map(Json)
}
