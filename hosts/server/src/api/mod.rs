//! The HTTP API, version 1. Every route is declared once, with its operation, its types and its handler: the
//! router and the OpenAPI document are both made from the declaration, so they cannot differ.

mod access;
mod appeal;
mod approval;
mod audit;
mod calendar;
mod call;
mod canned;
mod control;
mod events;
mod grid;
mod identity;
mod import;
mod interaction;
mod lines;
mod page;
mod pages;
mod probe;
mod provider;
mod rating;
mod route;

use axum::Router;

pub use call::{Call, Keyed};
pub use route::{Documented, Param, Routes};

use crate::app::App;

/// Every documented route.
pub fn routes() -> Routes {
    let mut routes = Routes::default();
    access::routes(&mut routes);
    provider::routes(&mut routes);
    grid::routes(&mut routes);
    identity::routes(&mut routes);
    import::routes(&mut routes);
    interaction::routes(&mut routes);
    appeal::routes(&mut routes);
    canned::routes(&mut routes);
    rating::routes(&mut routes);
    calendar::routes(&mut routes);
    approval::routes(&mut routes);
    control::routes(&mut routes);
    events::routes(&mut routes);
    audit::routes(&mut routes);
    routes
}

/// The router of the whole host.
pub fn router(app: App) -> Router {
    routes()
        .into_router()
        .merge(probe::router())
        .merge(pages::router())
        .merge(crate::web::router())
        .layer(axum::Extension(app.clone()))
        .with_state(app)
}
