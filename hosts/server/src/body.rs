//! What a client sends, checked before anything else sees it: JSON bodies, query strings, path parameters.
//!
//! Every refusal is a 4xx [`Problem`] that names the field where there is one and never repeats a value. All `400`
//! except the type (`415`) and size (`413`) of a body.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use hyper::body::Body as _;
use serde::Serialize;
use serde::de::value::{Error as ValueError, MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_path_to_error::Segment;

use crate::problem::Problem;

/// How much JSON a route takes. Set for a route or a router with `.layer(axum::Extension(JsonLimits { .. }))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Body size.
    pub bytes: usize,
    /// Arrays and objects inside one another.
    pub depth: usize,
}

impl Default for JsonLimits {
    fn default() -> JsonLimits {
        JsonLimits { bytes: 256 * 1024, depth: 32 }
    }
}

/// A JSON body, in or out.
///
/// In: `application/json`, within [`JsonLimits`], UTF-8, no duplicate key at any depth, no U+0000 in any string
/// (PostgreSQL has no such text), nothing after the value, and a `T`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A query string of valid percent-encoded UTF-8 that is a `T`. Declare `T` with `deny_unknown_fields`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

/// The parameters of the route's path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Json<T>, Problem> {
        if !is_of_type(request.headers(), "application/json", &[]) {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let limits = request.extensions().get::<JsonLimits>().copied().unwrap_or_default();
        let bytes = whole(request.into_body(), limits.bytes).await?;
        from_slice(&bytes, limits.depth).map(Json)
    }
}

/// A body that is text of some other kind, within the same size.
pub(crate) async fn text(request: Request) -> Result<String, Problem> {
    let limits = request.extensions().get::<JsonLimits>().copied().unwrap_or_default();
    let bytes = whole(request.into_body(), limits.bytes).await?;
    utf8(&bytes).map(str::to_owned)
}

/// A body that is a file, of at most so many bytes.
pub(crate) async fn upload(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    if !is_of_type(request.headers(), "application/octet-stream", &[]) {
        let detail = "The content type must be application/octet-stream.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body.not_a_file", "提交的内容类型不支持", detail));
    }
    whole(request.into_body(), bytes_max).await
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => {
                tracing::error!(of = std::any::type_name::<T>(), "answer is not JSON");
                Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
            }
        }
    }
}

/// Whether a body says that it is of this media type, in UTF-8, with no parameter but these.
pub(crate) fn is_of_type(headers: &HeaderMap, media_type: &str, parameters: &[&str]) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(value)), None) = (all.next().map(|v| v.to_str()), all.next()) else {
        return false;
    };
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(media_type)
        && parts.all(|p| {
            let p = p.trim().to_ascii_lowercase();
            let named = p.split_once('=').is_some_and(|(name, _)| parameters.contains(&name));
            p.is_empty() || named || p == "charset=utf-8" || p == "charset=\"utf-8\""
        })
}

async fn whole(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE);
    if usize::try_from(body.size_hint().lower()).map_or(true, |n| n > limit) {
        return Err(too_large());
    }
    let mut all = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "body.broken", "上传中断，请重试", "The request body ended early or is malformed.")
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        }; // trailers
        if data.len() > limit - all.len() {
            return Err(too_large());
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

fn bad(code: &'static str, title: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, title, detail.into())
}

fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        bad("body.not_utf8", "提交的内容不是有效的 UTF-8 文本", format!("The body is not UTF-8 at byte {at}."))
    })
}

/// What [`Json`] does once the bytes are there; also for WebSocket frames and webhooks.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], max_depth: usize) -> Result<T, Problem> {
    let text = utf8(bytes)?;
    if let Some(at) = first_too_deep(bytes, max_depth) {
        let detail = format!("The body nests deeper than {max_depth} levels at byte {at}.");
        return Err(bad("body.too_deep", "提交的内容嵌套过深", detail));
    }
    serde_path_to_error::deserialize(parsed(text)?).map_err(|e| {
        let mut at: Vec<String> = e.path().iter().filter_map(key_of).collect();
        let message = e.inner().to_string();
        // serde names the container; the field is in the message
        if let Some(name) = quoted(&message, "missing field `") {
            at.push(name.to_owned());
        } else if let Some(name) = quoted(&message, "unknown field `")
            && at.last().is_none_or(|last| last != name)
        {
            at.push(name.to_owned());
        }
        let problem = bad("body.invalid", "提交的内容有误", without_values(&message));
        if at.is_empty() { problem } else { problem.with_field(pointer(&at)) }
    })
}

fn key_of(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

/// The offset of the first bracket that is too deep. Needs no valid JSON: a string is what stands between quotes.
fn first_too_deep(bytes: &[u8], max: usize) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, b) in bytes.iter().enumerate() {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match b {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return Some(at);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The text as a tree, refusing what serde_json lets through: duplicate keys, U+0000, text after the value.
fn parsed(text: &str) -> Result<Node, Problem> {
    let mut state = Walked { at: Vec::new(), fault: None };
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = Walk(&mut state).deserialize(&mut json).and_then(|node| json.end().map(|()| node));
    outcome.map_err(|e| match state.fault {
        Some(Fault::Duplicate) => {
            bad("body.duplicate_key", "提交的内容有重复字段", "An object has this key twice.").with_field(pointer(&state.at))
        }
        Some(Fault::Nul) => {
            let problem = bad("body.invalid", "提交的内容有误", "A string contains U+0000.");
            if state.at.is_empty() { problem } else { problem.with_field(pointer(&state.at)) }
        }
        None => {
            let detail = format!("The body is not one JSON value: line {}, column {}.", e.line(), e.column());
            bad("body.not_json", "提交的内容不是有效的 JSON", detail)
        }
    })
}

/// JSON as received. A tree of our own because serde_json, text or `Value`, reads a struct from an array too: `[]`
/// would pass for any struct whose fields all have defaults.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Node::Null => Unexpected::Other("null"),
            Node::Bool(b) => Unexpected::Bool(*b),
            Node::Unsigned(n) => Unexpected::Unsigned(*n),
            Node::Negative(n) => Unexpected::Signed(*n),
            Node::Float(n) => Unexpected::Float(*n),
            Node::Text(_) => Unexpected::Other("string"),
            Node::List(_) => Unexpected::Seq,
            Node::Map(_) => Unexpected::Map,
        }
    }
}

impl<'de> IntoDeserializer<'de, ValueError> for Node {
    type Deserializer = Node;
    fn into_deserializer(self) -> Node {
        self
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Node::Null => visitor.visit_unit(),
            Node::Bool(b) => visitor.visit_bool(b),
            Node::Unsigned(n) => visitor.visit_u64(n),
            Node::Negative(n) => visitor.visit_i64(n),
            Node::Float(n) => visitor.visit_f64(n),
            Node::Text(s) => visitor.visit_string(s),
            Node::List(items) => {
                let mut items = SeqDeserializer::new(items.into_iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Node::Map(entries) => {
                let mut entries = MapDeserializer::new(entries.into_iter());
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if matches!(self, Node::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Node::Map(_) => self.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(other.unexpected(), &visitor)),
        }
    }
    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Node::Text(s) => visitor.visit_enum(s.into_deserializer()),
            Node::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(entries.into_iter())))
            }
            other => Err(de::Error::invalid_type(other.unexpected(), &visitor)),
        }
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

enum Fault {
    Duplicate,
    Nul,
}

struct Walked {
    /// Keys down to where the walk is; left standing where it failed.
    at: Vec<String>,
    fault: Option<Fault>,
}

struct Walk<'w>(&'w mut Walked);

impl Walk<'_> {
    fn text<E: de::Error>(self, s: String) -> Result<Node, E> {
        if s.contains('\0') {
            self.0.fault = Some(Fault::Nul);
            return Err(E::custom("U+0000"));
        }
        Ok(Node::Text(s))
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Node;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, b: bool) -> Result<Node, E> {
        Ok(Node::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Node, E> {
        Ok(Node::Negative(n))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(n))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Node, E> {
        Ok(Node::Float(n))
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_str<E: de::Error>(self, s: &str) -> Result<Node, E> {
        self.text(s.to_owned())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        loop {
            self.0.at.push(items.len().to_string());
            let Some(item) = seq.next_element_seed(Walk(self.0))? else {
                break;
            };
            self.0.at.pop();
            items.push(item);
        }
        self.0.at.pop();
        Ok(Node::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let (mut seen, mut entries) = (HashSet::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            self.0.at.push(key.clone());
            if !seen.insert(key.clone()) {
                self.0.fault = Some(Fault::Duplicate);
                return Err(de::Error::custom("duplicate key"));
            }
            let key = Walk(self.0).text(key)?;
            entries.push((key, map.next_value_seed(Walk(self.0))?));
            self.0.at.pop();
        }
        Ok(Node::Map(entries))
    }
}

/// RFC 6901, cut where somebody sends a novel for a key.
fn pointer(at: &[String]) -> String {
    let mut out = String::new();
    for key in at {
        out.push('/');
        out.push_str(&key.replace('~', "~0").replace('/', "~1"));
    }
    shortened(&out)
}

fn shortened(s: &str) -> String {
    s.chars().take(200).collect()
}

fn quoted<'m>(message: &'m str, before: &str) -> Option<&'m str> {
    let rest = message.strip_prefix(before)?;
    // an unknown key may itself hold a backtick: serde goes on with "`, expected" or ends the message
    let end = rest.rfind("`, expected").or_else(|| rest.rfind("`, there are no fields")).or_else(|| rest.find('`'))?;
    rest.get(..end)
}

/// serde's message with what the client sent taken out: `invalid type: string "张三", expected u32` keeps the kind.
fn without_values(message: &str) -> String {
    let message = message.rfind(" at line ").and_then(|at| message.get(..at)).unwrap_or(message);
    for start in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(start) {
            let expected = rest.rfind(", expected ").and_then(|at| rest.get(at..)).unwrap_or_default();
            let kind: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == ' ').collect();
            return shortened(&format!("{start}{}{expected}", kind.trim_end()));
        }
    }
    for start in ["unknown variant `", "unknown field `"] {
        if let Some(rest) = message.strip_prefix(start) {
            // What the client sent may hold the same words: the last ones are serde's. The names behind them have commas too.
            let end = rest.rfind("`, there are no ").or_else(|| rest.rfind("`, expected "));
            let expected = end.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
            return shortened(&format!("{}{expected}", start.trim_end_matches(" `")));
        }
    }
    for start in ["invalid length ", "missing field `", "duplicate field `"] {
        if message.starts_with(start) {
            return shortened(message);
        }
    }
    // Anything else was written by somebody's `de::Error::custom` and may hold the value.
    "The value is not acceptable.".into()
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Query<T>, Problem> {
        let invalid = |detail: String, field: Option<&str>| {
            let problem = bad("query.invalid", "查询条件有误", detail);
            match field {
                Some(f) if !f.is_empty() => problem.with_field(shortened(f)),
                _ => problem,
            }
        };
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decoded(key).map_err(|why| invalid(why.into(), None))?;
            decoded(value).map_err(|why| invalid(why.into(), Some(&key)))?;
        }
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(rejection) => {
                let mut message = rejection.to_string();
                let mut source = std::error::Error::source(&rejection);
                while let Some(inner) = source {
                    message = inner.to_string(); // innermost that still has the path: "age: invalid digit ..."
                    if message.contains(": ") {
                        break;
                    }
                    source = inner.source();
                }
                let (path, message) = match message.split_once(": ") {
                    Some((path, rest)) if !path.contains('`') && !path.contains(' ') => (Some(path.to_owned()), rest.to_owned()),
                    _ => (None, message),
                };
                let named = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|b| quoted(&message, b));
                Err(invalid(without_values(&message), named.or(path.as_deref())))
            }
        }
    }
}

/// Strict percent decoding, where form decoding would replace what is malformed.
fn decoded(raw: &str) -> Result<String, &'static str> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(b) = rest.next() {
        out.push(match b {
            b'+' => b' ',
            b'%' => {
                let mut hex = || rest.next().and_then(|h| char::from(h).to_digit(16));
                match (hex(), hex()) {
                    (Some(hi), Some(lo)) => (hi * 16 + lo) as u8,
                    _ => return Err("A percent sign is not followed by two hex digits."),
                }
            }
            b => b,
        });
    }
    if out.contains(&0) {
        return Err("U+0000 is not allowed.");
    }
    String::from_utf8(out).map_err(|_| "The percent-encoded text is not UTF-8.")
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        let invalid = |detail: &'static str| bad("path.invalid", "地址有误", detail);
        if parts.uri.path().contains("%00") {
            return Err(invalid("U+0000 is not allowed in a path."));
        }
        let rejection = match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => return Ok(Path(value)),
            Err(rejection) => rejection,
        };
        let PathRejection::FailedToDeserializePathParams(failed) = &rejection else {
            return Err(Problem::of_status(rejection.status()));
        };
        if failed.status().is_server_error() {
            tracing::error!(of = std::any::type_name::<T>(), "path extractor does not fit its route");
            return Err(Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR));
        }
        Err(match failed.kind() {
            ErrorKind::ParseErrorAtKey { key, .. } | ErrorKind::DeserializeError { key, .. } => {
                invalid("This part of the path is not of the expected form.").with_field(shortened(key))
            }
            ErrorKind::InvalidUtf8InPathParam { key } => invalid("This part of the path is not UTF-8.").with_field(shortened(key)),
            _ => invalid("The path is not of the expected form."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::{get, post};
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use tower::ServiceExt as _;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        b: Vec<u32>,
    }
    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Two,
    }
    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        a: Inner,
        name: String,
        kind: Option<Kind>,
        #[serde(default)]
        map: BTreeMap<String, serde_json::Value>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: u32,
        cursor: Option<String>,
    }

    fn app() -> Router {
        Router::new()
            .route("/body", post(async |Json(o): Json<Outer>| Json(o)))
            .route("/query", get(async |Query(p): Query<Page>| format!("{p:?}")))
            .route("/path/{id}/{name}", get(async |Path((id, name)): Path<(u32, String)>| format!("{id} {name}")))
            .layer(axum::Extension(JsonLimits { bytes: 4096, ..JsonLimits::default() }))
    }

    async fn answer(request: Request) -> (u16, serde_json::Value) {
        let r = app().oneshot(request).await.unwrap();
        let status = r.status().as_u16();
        let b = axum::body::to_bytes(r.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&b).unwrap_or_default())
    }

    async fn put(content_type: Option<&str>, body: impl Into<Body>) -> (u16, serde_json::Value) {
        let mut r = Request::builder().method("POST").uri("/body");
        if let Some(t) = content_type {
            r = r.header(header::CONTENT_TYPE, t);
        }
        answer(r.body(body.into()).unwrap()).await
    }

    async fn ask(uri: &str) -> (u16, serde_json::Value) {
        answer(Request::builder().uri(uri).body(Body::empty()).unwrap()).await
    }

    const GOOD: &str = r#"{"a":{"b":[1,2]},"name":"张三","kind":"one","map":{"x":{"y":1}}}"#;

    #[tokio::test]
    async fn good_bodies_pass() {
        for t in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert_eq!(put(Some(t), GOOD).await.0, 200, "{t}");
        }
    }

    #[tokio::test]
    async fn types_and_sizes() {
        for t in [None, Some("text/json"), Some("application/json; charset=gbk"), Some("application/x-www-form-urlencoded"), Some("")] {
            assert_eq!(put(t, GOOD).await, (415, Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).to_json()), "{t:?}");
        }
        let big = vec![b' '; 5000];
        assert_eq!(put(Some("application/json"), big.clone()).await.0, 413);
        // length unknown beforehand
        struct Unsized(Option<Bytes>);
        impl hyper::body::Body for Unsized {
            type Data = Bytes;
            type Error = std::convert::Infallible;
            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
                std::task::Poll::Ready(self.0.take().map(|b| Ok(hyper::body::Frame::data(b))))
            }
        }
        let (status, v) = put(Some("application/json"), Body::new(Unsized(Some(big.into())))).await;
        assert_eq!((status, v["code"].as_str()), (413, Some("body.too_large")));
    }

    #[tokio::test]
    async fn every_kind_of_bad_body_names_its_code_and_field() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(32), "]".repeat(32));
        let bottomless = "[".repeat(4000);
        for (body, code, field) in [
            ("", "body.not_json", None),
            ("{", "body.not_json", None),
            (r#"{"name":"\ud800"}"#, "body.not_json", None),
            (r#"{"a":1e400}"#, "body.not_json", None),
            ("\u{feff}{}", "body.not_json", None),
            (r#"{"name":"x"} x"#, "body.not_json", None),
            (&deep, "body.too_deep", None),
            (&bottomless, "body.too_deep", None),
            ("[]", "body.invalid", None),
            (r#"[{"b":[]},"x"]"#, "body.invalid", None), // serde_json would read the struct from its fields in order
            (r#"{"a":[[1]],"name":"x"}"#, "body.invalid", Some("/a")),
            ("7", "body.invalid", None),
            ("null", "body.invalid", None),
            ("{}", "body.invalid", Some("/a")),
            (r#"{"a":null,"name":"x"}"#, "body.invalid", Some("/a")),
            (r#"{"a":{},"name":"x"}"#, "body.invalid", Some("/a/b")),
            (r#"{"a":{"b":[1,"x"]},"name":"x"}"#, "body.invalid", Some("/a/b/1")),
            (r#"{"a":{"b":[-1]},"name":"x"}"#, "body.invalid", Some("/a/b/0")),
            (r#"{"a":{"b":[4294967296]},"name":"x"}"#, "body.invalid", Some("/a/b/0")),
            (r#"{"a":{"b":[]},"name":null}"#, "body.invalid", Some("/name")),
            (r#"{"a":{"b":[]},"name":["x"]}"#, "body.invalid", Some("/name")),
            (r#"{"a":{"b":[]}}"#, "body.invalid", Some("/name")),
            (r#"{"a":{"b":[],"role":1},"name":"x"}"#, "body.invalid", Some("/a/role")),
            (r#"{"a":{"b":[]},"name":"x","ow/n~`er":1}"#, "body.invalid", Some("/ow~1n~0`er")),
            (r#"{"a":{"b":[]},"name":"x","kind":"three"}"#, "body.invalid", Some("/kind")),
            (r#"{"a":{"b":[]},"name":"x\u0000"}"#, "body.invalid", Some("/name")),
            (r#"{"a":{"b":[]},"name":"x","name":"y"}"#, "body.duplicate_key", Some("/name")),
            (r#"{"a":{"b":[]},"name":"x","map":{"k":[{"z":1,"z":1}]}}"#, "body.duplicate_key", Some("/map/k/0/z")),
        ] {
            let (status, v) = put(Some("application/json"), body.to_owned()).await;
            assert_eq!((status, v["code"].as_str(), v["field"].as_str()), (400, Some(code), field), "{body} {v}");
        }
        let (status, v) = put(Some("application/json"), &b"{\"name\":\"\xd5\xc5\"}"[..]).await;
        assert_eq!((status, v["code"].as_str()), (400, Some("body.not_utf8")));
        assert!(v["detail"].as_str().unwrap().contains("byte 9"), "{v}");
    }

    #[tokio::test]
    async fn values_are_not_repeated() {
        for body in [
            r#"{"a":"110101199001011234"}"#,
            r#"{"a":{"b":[110101199001011234]},"name":""}"#,
            r#"{"a":{"b":[]},"name":"","kind":"110101199001011234"}"#,
            r#"{"a":{"b":[]},"name":"","kind":"`, 110101199001011234"}"#,
            r#"{"a":{"b":["x, expected 110101199001011234"]},"name":""}"#,
        ] {
            let (status, v) = put(Some("application/json"), body).await;
            assert_eq!(status, 400);
            assert!(!v.to_string().contains("110101199001011234"), "{v}");
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_every_known_one() {
        for (said, shown) in [
            ("unknown variant `x`, expected one of `a`, `b`, `c`", "unknown variant, expected one of `a`, `b`, `c`"),
            ("unknown variant `y`, expected `z`, expected one of `a`, `b`, `c`", "unknown variant, expected one of `a`, `b`, `c`"),
            ("unknown field `x`, expected `a` or `b`", "unknown field, expected `a` or `b`"),
            ("unknown field `y`, expected `z`, there are no fields", "unknown field, there are no fields"),
        ] {
            assert_eq!(without_values(said), shown);
        }
    }

    #[test]
    fn every_shape_serde_knows_comes_through() {
        #[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
        struct Name(String);
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(rename_all = "snake_case")]
        enum Any {
            Unit,
            New(i64),
            Tuple(u8, f64),
            Struct { x: Option<char> },
        }
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Tagged {
            A { n: u32 },
        }
        #[derive(Debug, Deserialize, PartialEq)]
        struct All {
            any: Vec<Any>,
            tagged: Tagged,
            by: BTreeMap<Name, bool>,
            unit: (),
            none: Option<u8>,
            #[serde(flatten)]
            rest: BTreeMap<String, serde_json::Value>,
        }
        let text = r#"{"any":["unit",{"new":-3},{"tuple":[1,2.5]},{"struct":{"x":"张"}}],"tagged":{"type":"a","n":4},
            "by":{"k":true},"unit":null,"none":null,"more":[null,1.5,"s",{"k":-1}]}"#;
        let all: All = from_slice(text.as_bytes(), 32).unwrap();
        assert_eq!(all, serde_json::from_str(text).unwrap());
    }

    #[test]
    fn the_depth_limit_is_exact_and_strings_do_not_count() {
        for (text, ok) in [("[[[]]]", true), ("[[[[]]]]", false), (r#"["[[[[","\"[[[["]"#, true), (r#"[{"a":[1]}]"#, true)] {
            assert_eq!(from_slice::<serde_json::Value>(text.as_bytes(), 3).is_ok(), ok, "{text}");
        }
    }

    #[tokio::test]
    async fn queries() {
        assert_eq!(ask("/query?limit=5&cursor=%E5%BC%A0+%2B").await.0, 200);
        for (query, field) in [
            ("", Some("limit")),
            ("limit=", Some("limit")),
            ("limit=x", Some("limit")),
            ("limit=-1", Some("limit")),
            ("limit=4294967296", Some("limit")),
            ("limit=1&limit=2", Some("limit")),
            ("limit=1&role=x", Some("role")),
            ("limit=1&cursor=%FF", Some("cursor")),
            ("limit=1&cursor=%00", Some("cursor")),
            ("limit=1&cursor=%zz", Some("cursor")),
            ("limit=1&cursor=%", Some("cursor")),
            ("%FF=1", None),
        ] {
            let (status, v) = ask(&format!("/query?{query}")).await;
            assert_eq!((status, v["code"].as_str(), v["field"].as_str()), (400, Some("query.invalid"), field), "{query} {v}");
        }
        let (_, v) = ask("/query?limit=110101199001011234").await;
        assert!(!v.to_string().contains("110101199001011234"), "{v}");
    }

    #[tokio::test]
    async fn paths() {
        assert_eq!(ask("/path/7/%E5%BC%A0").await.0, 200);
        for (path, field) in [("/path/x/y", None), ("/path/-1/y", None), ("/path/7/%FF", Some("name")), ("/path/7/%00", None)] {
            let (status, v) = ask(path).await;
            assert_eq!((status, v["code"].as_str()), (400, Some("path.invalid")), "{path} {v}");
            if let Some(f) = field {
                assert_eq!(v["field"], f);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_are_our_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(p) = from_slice::<Outer>(&bytes, 32) {
                prop_assert!(p.status.is_client_error() && p.code.starts_with("body."));
            }
        }

        #[test]
        fn nor_does_text_that_is_almost_right(at in 0..GOOD.len(), cut in 0usize..6, with in r#"[\[\]{}",:0-9a-z\\ `]{0,8}"#) {
            let mut bytes = GOOD.as_bytes().to_vec();
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, with.bytes());
            match from_slice::<Outer>(&bytes, 32) {
                Err(p) => prop_assert!(p.status.is_client_error() && p.code.starts_with("body.")),
                Ok(o) => prop_assert_eq!(o, serde_json::from_slice(&bytes).unwrap()), // stricter than serde_json, else the same
            }
        }

        #[test]
        fn whole_requests_are_never_5xx(
            body in proptest::collection::vec(any::<u8>(), 0..300),
            query in "[ -~&&[^\"#<> \\\\^`{|}]]{0,40}",
            kind in prop_oneof![Just("application/json"), Just("text/plain"), Just("application/json;")],
        ) {
            let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
            rt.block_on(async {
                let (status, _) = put(Some(kind), body).await;
                prop_assert!(status < 500);
                let (status, _) = ask(&format!("/query?{query}")).await;
                prop_assert!(status < 500);
                Ok(())
            })?;
        }
    }
}
