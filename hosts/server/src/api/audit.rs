//! The audit trail. Reading it leaves a record, hence POST.

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zhengna_core::audit::AuditEntry;
use zhengna_core::{limits, operation};

use super::call::Call;
use super::route::{Documented, Routes};
use crate::body::Json;
use crate::problem::Problem;

pub(super) fn routes(routes: &mut Routes) {
    let reads = Documented::new(Method::POST, "/api/v1/audit-reads", &operation::READ_AUDIT);
    routes.add(reads.body::<AuditRead>().answer::<AuditPage>(), read);
}

/// Asks for sealed records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditRead {
    /// Behind this place in the chain; 0 for the beginning.
    after: u32,
    /// At most this many, 1 to 200.
    limit: Option<u32>,
}

/// Audit records, in order.
#[derive(Serialize, JsonSchema)]
struct AuditPage {
    /// The records.
    items: Vec<AuditEntry>,
}

async fn read(call: Call, Json(asked): Json<AuditRead>) -> Result<Json<AuditPage>, Problem> {
    let limit = asked.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT).clamp(1, limits::PAGE_ROWS_MAX);
    let page = call.session().audit().read(i64::from(asked.after), limit);
    Ok(Json(AuditPage { items: page.await? }))
}
