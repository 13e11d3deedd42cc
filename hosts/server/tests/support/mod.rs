//! A running host with a small world in it, and a client that speaks to it as anybody would.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::unwrap_used, reason = "each test uses its own part")]

pub mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use zhengna_core::access::{ActorKind, ActorRef, Permission, Provider};
use zhengna_core::crypto::{secret_of_uri, totp_code, totp_step};
use zhengna_server::config::{Config, Effective, Flags};
use zhengna_server::listener::{Lifecycle, serve};
use zhengna_server::provider::Providers;
use zhengna_tests::provider::{Believes, believing};
use zhengna_tests::world::{Engine, PROVINCE, World};

pub const PASSWORD: &str = "Tax-Payer-2026";
/// Each call moves the clock on so far.
pub const TICK: Duration = Duration::from_millis(100);

/// A running host.
pub struct Host {
    pub base: String,
    pub world: World,
    pub lifecycle: Lifecycle,
    pub runtime: tokio::runtime::Runtime,
    keys: AtomicU64,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub body: Value,
    pub retry_after: Option<String>,
}

/// Configuration with a few values changed.
pub fn config(changes: &[(&str, &str)]) -> Config {
    // The tests are no program that reads tables.
    let reader = ("ZHENGNA_TABLE_READER", env!("CARGO_BIN_EXE_zhengna"));
    let variables = changes.iter().chain([&reader]).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Effective::from_parts(&Flags::default(), variables).expect("a valid configuration").config
}

impl Host {
    pub fn start(engine: Engine) -> Self {
        Self::over(
            World::new(engine),
            &config(&[("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "100000"), ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "100000")]),
        )
    }

    /// With the providers that the configuration names; where it names none, with those that believe their client.
    pub fn over(world: World, config: &Config) -> Self {
        let named = Providers::open(&config.providers).expect("secrets that can be read");
        Self::with(
            world,
            config,
            if named.is_empty() { Providers::of(believing(), Arc::new(Believes(Provider::MiniProgram))) } else { named },
        )
    }

    pub fn with(world: World, config: &Config, providers: Providers) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let lifecycle = Lifecycle::new();
        let (core, stop, limits) = (world.core.clone(), lifecycle.clone(), config.listener_limits());
        let config = config.clone();
        let base = runtime.block_on(async move {
            let router = zhengna_server::app::start(core, &config, providers, stop.clone());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("bound");
            tokio::spawn(serve(listener, router, limits, stop));
            format!("http://{address}")
        });
        Self { base, world, lifecycle, runtime, keys: AtomicU64::new(1) }
    }

    pub fn address(&self) -> &str {
        self.base.strip_prefix("http://").expect("plain http")
    }

    /// A fresh idempotency key: a version 7 UUID, counted up.
    pub fn key(&self) -> String {
        format!("019a0000-0000-7000-8000-{:012x}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// Gives a person a sign-in and signs them in; the token.
    pub fn sign_in(&self, kind: ActorKind, id: uuid::Uuid) -> String {
        let login = format!("u{}", &id.simple().to_string()[12..]);
        let whose = ActorRef { kind, id };
        self.world.core.as_system().access().set_password(whose, &login, PASSWORD).expect("a password");
        let answer = self.call("POST", "/api/v1/sessions", None, None, Some(&serde_json::json!({ "login": login, "password": PASSWORD })));
        assert_eq!(answer.status, 201, "{answer:?}");
        let token = answer.body["token"].as_str().expect("a token");
        if answer.body["duty"] != "enrol_second_factor" {
            return token.to_owned();
        }
        let enrolled = self.call("POST", "/api/v1/me/second-factor", Some(token), None, None);
        let code = self.code_of(&enrolled.body);
        let body = serde_json::json!({ "code": code });
        let confirmed = self.call("POST", "/api/v1/me/second-factor/confirm", Some(token), None, Some(&body));
        confirmed.body["session"]["token"].as_str().unwrap_or_else(|| panic!("{confirmed:?}")).to_owned()
    }

    /// What an authenticator shows now that was given what an enrolment answered.
    pub fn code_of(&self, enrolled: &Value) -> String {
        let uri = enrolled["uri"].as_str().unwrap_or_else(|| panic!("{enrolled:?}"));
        let secret = secret_of_uri(uri).expect("an otpauth URI");
        totp_code(&secret, totp_step(self.world.core.now()))
    }

    pub fn taxpayer(&self, n: usize) -> String {
        self.sign_in(ActorKind::Taxpayer, self.world.taxpayers[n].uuid())
    }

    pub fn officer(&self, n: usize) -> String {
        self.sign_in(ActorKind::Officer, self.world.officers[n].uuid())
    }

    pub fn supervisor(&self) -> String {
        self.sign_in(ActorKind::Officer, self.world.supervisor.uuid())
    }

    /// The three administrators: of the system, of security, of the audit.
    pub fn administrators(&self) -> [String; 3] {
        [self.world.administrator, self.world.security, self.world.auditor].map(|id| self.sign_in(ActorKind::Officer, id.uuid()))
    }

    pub fn auditor(&self) -> String {
        self.sign_in(ActorKind::Officer, self.world.auditor.uuid())
    }

    /// An officer of the province who may approve changes of the calendar.
    pub fn checker(&self) -> String {
        self.sign_in(ActorKind::Officer, self.world.appoint("22019001", PROVINCE, &[Permission::ApproveCalendar]).uuid())
    }

    /// A call with a body, as JSON; writes get a fresh key unless one is given.
    pub fn call(&self, method: &str, path: &str, token: Option<&str>, key: Option<&str>, body: Option<&Value>) -> Answer {
        let bytes = body.map(|b| b.to_string().into_bytes());
        self.raw(method, path, token, key, bytes.as_deref())
    }

    /// A call with headers of its own.
    pub fn with_headers(&self, method: &str, path: &str, token: Option<&str>, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        self.sent(method, path, token, headers, body.map(|b| b.to_string().into_bytes()).as_deref())
    }

    /// A call with any bytes as its body.
    pub fn raw(&self, method: &str, path: &str, token: Option<&str>, key: Option<&str>, body: Option<&[u8]>) -> Answer {
        let key: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.sent(method, path, token, &key, body)
    }

    /// Any bytes with headers of their own.
    pub fn with_bytes(&self, method: &str, path: &str, token: Option<&str>, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.sent(method, path, token, headers, Some(body))
    }

    /// A write of text that is not JSON, with a fresh key.
    pub fn upload(&self, path: &str, token: &str, kind: &str, body: &[u8]) -> Answer {
        self.sent("POST", path, Some(token), &[("idempotency-key", &self.key()), ("content-type", kind)], Some(body))
    }

    fn sent(&self, method: &str, path: &str, token: Option<&str>, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        // The world's clock stands still; rates would never refill.
        self.world.clock.advance(TICK);
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20))).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(bytes) => {
                let named = headers.iter().any(|(name, _)| *name == "content-type");
                let request = if named { request } else { request.header("content-type", "application/json") };
                agent.run(request.body(bytes.to_vec()).expect("a request"))
            }
            None => agent.run(request.body(Vec::new()).expect("a request")),
        };
        let mut response = response.unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (kind, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
        let text = response.body_mut().read_to_string().expect("a body");
        let ended = zhengna_tests::authorisation::ended(response.status().as_u16(), &text);
        Answer { status: ended.status, kind, body: ended.body, retry_after }
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, Some(token), None, None)
    }

    pub fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let key = self.key();
        self.call("POST", path, Some(token), Some(&key), Some(body))
    }

    /// The whole database as text, after sealing.
    pub fn dump(&self) -> String {
        zhengna_tests::faults::lines(&**self.world.core.store()).join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.lifecycle.begin_stop();
    }
}
