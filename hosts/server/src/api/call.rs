//! One call: who calls, at what rate, with which idempotency key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use zhengna_core::access::Authenticated;
use zhengna_core::operation::Operation;
use zhengna_core::{Core, Error, Session};

use crate::app::{App, Counted};
use crate::logs::RequestId;
use crate::network::Source;
use crate::problem::Problem;

/// A call by somebody signed in.
pub struct Call {
    /// The host.
    pub app: App,
    /// Who, as authentication found.
    pub caller: Authenticated,
    request: String,
}

/// A call that carries an idempotency key.
pub struct Keyed(pub Call, String);

impl Call {
    /// Acts for the caller.
    pub fn session(&self) -> Session {
        self.app.core().as_actor(self.caller.actor.clone()).through(self.caller.door).for_request(&self.request)
    }

    /// Reads for the caller: [`App::glance`].
    pub async fn glance<R: Send + 'static>(&self, read: impl FnOnce(&Session) -> Result<R, Error> + Send + 'static) -> Result<R, Problem> {
        let session = self.session();
        self.app.glance(move |_: &Core| read(&session)).await
    }

    /// Reads for the caller, on a thread that may block.
    pub async fn read<R: Send + 'static>(&self, read: impl FnOnce(&Session) -> Result<R, Error> + Send + 'static) -> Result<R, Problem> {
        let session = self.session();
        self.app.read(move |_: &Core| read(&session)).await
    }
}

impl Keyed {
    /// Acts for the caller, with the key.
    pub fn session(&self) -> Result<Session, Problem> {
        Ok(self.0.session().with_key(&self.1)?)
    }
}

fn operation_of(parts: &Parts) -> Result<&'static Operation, Problem> {
    // Every documented route carries its operation.
    parts.extensions.get::<&'static Operation>().copied().ok_or_else(|| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The request's id, as the log has it.
pub(super) fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_else(|| "-".into())
}

/// Where the call comes from, as far as somebody vouches for it.
fn source(extensions: &Extensions, headers: &HeaderMap, app: &App) -> Source {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |c| c.0.ip());
    Source::of(peer, headers, &app.config().trusted_proxies)
}

/// Middleware of each route of the administration plane: open to the networks named for it. Whoever calls from
/// elsewhere is told so before anything is looked at, so that a stolen token can be tried from nowhere else.
pub(super) async fn from_administration(request: Request, next: Next) -> Response {
    let allowed = request.extensions().get::<App>().is_some_and(|app| administers_from(request.extensions(), request.headers(), app));
    if allowed { next.run(request).await } else { from_elsewhere().into_response() }
}

fn administers_from(extensions: &Extensions, headers: &HeaderMap, app: &App) -> bool {
    let source = source(extensions, headers, app);
    source.known && app.config().administration_networks.contains(source.address)
}

fn from_elsewhere() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "network.not_for_administration",
        "管理功能只能在指定的内部网络中使用",
        "This operation is open to the networks in administration_networks only; behind a gateway, name it in trusted_proxies.",
    )
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

impl FromRequestParts<App> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let operation = operation_of(parts)?;
        let token = bearer(parts).ok_or(Error::SignInRequired)?;
        let caller = app.glance(move |core| core.authenticate(&token)).await?;
        if operation.administrative_for(&caller.actor) && !administers_from(&parts.extensions, &parts.headers, app) {
            return Err(from_elsewhere());
        }
        app.count(operation, &Counted::Person(caller.actor.as_ref()))?;
        app.core().touch(&caller, operation);
        Ok(Self { app: app.clone(), caller, request: request_id(parts) })
    }
}

impl FromRequestParts<App> for Keyed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let call = Call::from_request_parts(parts, app).await?;
        let missing = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency.key_required",
                "请求缺少标识，请刷新后重试",
                "This write needs an Idempotency-Key header; use a UUID version 7.",
            )
            .with_field("Idempotency-Key")
        };
        let value = parts.headers.get("idempotency-key").ok_or_else(missing)?;
        let key = value.to_str().map_err(|_| missing())?.to_owned();
        Ok(Self(call, key))
    }
}

/// Middleware of each documented route: counts calls and their time by operation.
pub(super) async fn measured(request: Request, next: Next) -> Response {
    let operation = request.extensions().get::<&'static Operation>().copied();
    let metrics = request.extensions().get::<App>().cloned();
    let began = tokio::time::Instant::now();
    let response = next.run(request).await;
    if let (Some(operation), Some(app)) = (operation, metrics) {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        app.metrics().called(operation.name, response.status().as_u16(), micros);
    }
    response
}

/// A rate for callers who are not signed in yet.
pub(super) struct Stranger {
    pub(super) app: App,
    pub(super) request: String,
}

impl FromRequestParts<App> for Stranger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.count(operation_of(parts)?, &Counted::Address(source(&parts.extensions, &parts.headers, app).address))?;
        Ok(Self { app: app.clone(), request: request_id(parts) })
    }
}

/// Nothing to say.
pub(super) struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Something came to be.
pub(super) struct Created<T>(pub(super) T);

impl<T: serde::Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, crate::body::Json(self.0)).into_response()
    }
}

/// Keeps `State` in the signature of handlers that need only the host.
pub(super) type Host = State<App>;
