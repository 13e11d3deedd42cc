//! Declaring routes.

use std::convert::Infallible;

use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn;
use axum::routing::{MethodFilter, MethodRouter};
use axum::{Extension, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use zhengna_core::operation::Operation;

use crate::app::App;

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// A query parameter.
#[derive(Clone, Copy)]
pub struct Param {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it is a whole number; else text.
    pub number: bool,
}

/// A route as the API document shows it. None can be declared without the row of its operation, which says who may call:
///
/// ```compile_fail,E0061
/// use axum::http::Method;
/// use zhengna_server::api::Documented;
/// let route = Documented::new(Method::POST, "/api/v1/everything");
/// ```
/// ```compile_fail,E0308
/// use zhengna_server::api::Routes;
/// let mut routes = Routes::default();
/// routes.add("/api/v1/everything", async || "done"); // nor served without a declaration
/// ```
pub struct Documented {
    /// Method.
    pub method: Method,
    /// Path with `{parameters}`.
    pub path: &'static str,
    /// The operation it calls.
    pub operation: &'static Operation,
    /// Operation id, where it is not the operation's name: two routes may call one operation.
    pub id: &'static str,
    /// Status of success.
    pub status: StatusCode,
    /// Query parameters.
    pub query: &'static [Param],
    /// Whether it asks for an `Idempotency-Key`.
    pub keyed: bool,
    /// Whether it can be called without a session.
    pub open: bool,
    /// Schema of the body.
    pub body: Option<MakeSchema>,
    /// Media type of the text that is taken in its place.
    pub text: Option<&'static str>,
    /// Whether its body is a file.
    pub upload: bool,
    /// Schema of the answer.
    pub answer: Option<MakeSchema>,
    /// Schema of one line, where it answers in lines while it goes on.
    pub lines: Option<MakeSchema>,
}

impl Documented {
    /// A route without body, answering 200 and nothing.
    pub fn new(method: Method, path: &'static str, operation: &'static Operation) -> Self {
        Self {
            method,
            path,
            operation,
            id: operation.name,
            status: StatusCode::OK,
            query: &[],
            keyed: false,
            open: false,
            body: None,
            text: None,
            upload: false,
            answer: None,
            lines: None,
        }
    }

    /// It has an operation id of its own.
    pub fn named(mut self, id: &'static str) -> Self {
        self.id = id;
        self
    }

    /// It answers with `status`.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// It takes these query parameters.
    pub fn query(mut self, query: &'static [Param]) -> Self {
        self.query = query;
        self
    }

    /// It asks for an `Idempotency-Key`.
    pub fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// It can be called without a session.
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// It takes a `T`.
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|g| g.subschema_for::<T>());
        self
    }

    /// It takes text of this media type too.
    pub fn or_text(mut self, media_type: &'static str) -> Self {
        self.text = Some(media_type);
        self
    }

    /// It takes a file.
    pub fn upload(mut self) -> Self {
        self.upload = true;
        self
    }

    /// It answers in lines of JSON while it goes on, each a `T`.
    pub fn lines<T: JsonSchema>(mut self) -> Self {
        self.lines = Some(|g| g.subschema_for::<T>());
        self
    }

    /// It answers a `T`.
    pub fn answer<T: JsonSchema>(mut self) -> Self {
        self.answer = Some(|g| g.subschema_for::<T>());
        self
    }
}

/// Routes with their documentation.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    documented: Vec<Documented>,
}

impl Routes {
    /// Adds a route.
    pub fn add<H, T>(&mut self, documented: Documented, handler: H)
    where
        H: Handler<T, App>,
        T: 'static,
    {
        // Only methods that axum can route are declared.
        let filter = MethodFilter::try_from(documented.method.clone()).unwrap_or(MethodFilter::GET);
        let mut method: MethodRouter<App> = MethodRouter::new().on(filter, handler);
        if documented.operation.administrative() {
            method = method.layer::<_, Infallible>(from_fn(super::call::from_administration));
        }
        let method = method.layer::<_, Infallible>(from_fn(super::call::measured)).layer(Extension(documented.operation));
        self.router = std::mem::take(&mut self.router).route(documented.path, method);
        self.documented.push(documented);
    }

    /// What the API document is made from.
    pub fn documented(&self) -> &[Documented] {
        &self.documented
    }

    /// The router.
    pub fn into_router(self) -> Router<App> {
        self.router
    }
}
