//! The host's own pages: where to go, and how the interface is called. The applications are in `web.rs`.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;

macro_rules! pages {
    ($($path:literal $file:literal $kind:literal;)*) => {
        /// Path, content type, content.
        const PAGES: &[(&str, &str, &str)] = &[$(($path, $kind, include_str!(concat!("../../web/", $file)))),*];
    };
}

pages! {
    "/" "index.html" "text/html; charset=utf-8";
    "/api/docs" "docs.html" "text/html; charset=utf-8";
    "/assets/page.js" "assets/page.js" "text/javascript; charset=utf-8";
    "/assets/docs.js" "assets/docs.js" "text/javascript; charset=utf-8";
    "/assets/start.js" "assets/start.js" "text/javascript; charset=utf-8";
    "/assets/icon.svg" "assets/icon.svg" "image/svg+xml";
    "/assets/style.css" "assets/style.css" "text/css; charset=utf-8";
}

pub(super) fn router() -> Router<App> {
    PAGES.iter().fold(Router::new(), |router, (path, kind, content)| router.route(path, get(async move || page(kind, content))))
}

fn page(kind: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], content).into_response()
}
