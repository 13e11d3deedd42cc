//! The routes over a core. A stand-in: only `/healthz`.

use axum::Router;
use axum::routing::get;
use zhengna_core::Core;

use crate::config::Config;
use crate::listener::Lifecycle;
use crate::stack::layered;

/// The router of a whole host. Call inside a tokio runtime.
pub fn start(core: Core, config: &Config, lifecycle: Lifecycle) -> Router {
    let _until_there_are_routes = core;
    let routes = Router::new().route("/healthz", get(async || "ok"));
    let body_read = std::time::Duration::from_secs(config.limits.body_seconds);
    layered(routes, config.json_limits(), body_read, &lifecycle)
}
