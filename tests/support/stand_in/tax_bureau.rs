//! The identity service of the electronic tax bureau, as `docs/outside-systems.md` assumes it: its real document is not ours yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};
use zhengna_core::{Clock, Timestamp};

use super::{Codes, Counter, Quota, StandIn, Time};

/// How long a client's token is good, unless another one is issued before.
pub const TOKEN_AGE_MAX: Duration = Duration::from_secs(7200);

#[derive(Default)]
struct Server {
    secrets: HashMap<String, String>,
    /// Whom a code was given to; nobody where they were not verified.
    codes: Codes<Option<Value>>,
    frozen: HashSet<String>,
    /// The one token of each client, and how long it is good.
    tokens: HashMap<String, (String, Timestamp)>,
    issued: u32,
    quota: Option<Quota>,
    exchanges: Counter,
    told: Vec<String>,
}

/// See the [module](self).
pub struct TaxBureau {
    /// The server.
    pub server: StandIn,
    state: Arc<Mutex<Server>>,
}

type Shared = State<(Arc<Mutex<Server>>, Time)>;
type Answer = Result<Value, (&'static str, &'static str)>;

impl TaxBureau {
    /// By this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Arc::<Mutex<Server>>::default();
        let shared = state.clone();
        let server = StandIn::start(clock, |time| {
            Router::new().route("/oauth2/token", post(token)).route("/identity/v1/exchange", post(exchange)).with_state((shared, time))
        });
        Self { server, state }
    }

    fn with<R>(&self, run: impl FnOnce(&mut Server, Timestamp) -> R) -> R {
        run(&mut self.state.lock().expect("nothing panics here"), self.server.time.now())
    }

    /// A client with its secret.
    pub fn client(&self, client_id: &str, secret: &str) {
        self.with(|s, _| s.secrets.insert(client_id.into(), secret.into()));
    }

    /// Somebody has signed in and been verified: their client is given this code. `person` is the `data` of the exchange.
    pub fn verified(&self, code: &str, person: Value) {
        self.with(|s, now| s.codes.give(code, Some(person), now));
    }

    /// Somebody has signed in, and their client is given this code before they were verified.
    pub fn unverified(&self, code: &str) {
        self.with(|s, now| s.codes.give(code, None, now));
    }

    /// The account of a user, `yhid`, is frozen.
    pub fn freeze(&self, user: &str) {
        self.with(|s, _| s.frozen.insert(user.into()));
    }

    /// A client is given another token, as by a second host: the one before is superseded.
    pub fn supersede_token(&self, client_id: &str) {
        self.with(|s, now| s.issue(client_id, now));
    }

    /// How often codes may be exchanged.
    pub fn allow(&self, quota: Quota) {
        self.with(|s, _| s.quota = Some(quota));
    }

    /// The `code`s told since the last time this was asked.
    pub fn told(&self) -> Vec<String> {
        self.with(|s, _| std::mem::take(&mut s.told))
    }
}

/// What the service says of a person with a resident id, verified by face, who acts for nobody.
pub fn person(user: &str, name: &str, number: &str, verified_at: &str) -> Value {
    json!({
        "yhid": user, "xm": name, "sfzjlx_dm": "201", "sfzjhm": number, "sjhm": "13843100001", "rzjb": "4", "rzsj": verified_at, "glgx": []
    })
}

impl Server {
    fn issue(&mut self, client_id: &str, now: Timestamp) -> String {
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        self.tokens.insert(client_id.into(), (token.clone(), now.plus(TOKEN_AGE_MAX)));
        token
    }

    fn exchange(&mut self, token: Option<&str>, code: Option<&str>, now: Timestamp) -> Answer {
        if !self.tokens.values().any(|(known, until)| token == Some(known) && now < *until) {
            return Err(("2001", "令牌无效或已过期"));
        }
        self.exchanges.count(now, self.quota.unwrap_or(Quota::NONE)).map_err(|_| ("3001", "请求过于频繁"))?;
        let person = self.codes.redeem(code.unwrap_or_default(), now, |_| true).map_err(|_| ("1001", "授权码无效、已过期或已使用"))?;
        let person = person.as_ref().ok_or(("1002", "用户未实名认证"))?;
        if person["yhid"].as_str().is_some_and(|user| self.frozen.contains(user)) {
            return Err(("1003", "用户已被冻结"));
        }
        Ok(json!({ "code": "0000", "msg": "成功", "data": person }))
    }

    fn answer(&mut self, answer: Answer) -> Json<Value> {
        let answer = answer.unwrap_or_else(|(code, msg)| json!({ "code": code, "msg": msg }));
        self.told.push(answer["code"].as_str().unwrap_or_default().into());
        Json(answer)
    }
}

async fn token(State((state, time)): Shared, Json(asked): Json<Value>) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let client = asked["client_id"].as_str().unwrap_or_default();
    let known = state.secrets.get(client).is_some_and(|secret| asked["client_secret"] == **secret);
    if !known || asked["grant_type"] != "client_credentials" {
        return state.answer(Err(("2002", "客户端标识或密钥不正确")));
    }
    let token = state.issue(client, time.now());
    state.answer(Ok(json!({ "code": "0000", "msg": "成功", "access_token": token, "expires_in": TOKEN_AGE_MAX.as_secs() })))
}

async fn exchange(State((state, time)): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let given = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    let answer = state.exchange(given, asked["code"].as_str(), time.now());
    state.answer(answer)
}
