//! The identity service of the electronic tax bureau, as `docs/outside-systems.md` assumes it: its real document is not ours yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::StandIn;

#[derive(Default)]
struct Server {
    secrets: HashMap<String, String>,
    people: HashMap<String, (Value, bool)>,
    token: Option<String>,
    issued: u32,
}

/// See the [module](self).
pub struct TaxBureau {
    /// The server.
    pub server: StandIn,
    state: Arc<Mutex<Server>>,
}

type Shared = State<Arc<Mutex<Server>>>;

impl Default for TaxBureau {
    fn default() -> Self {
        let state = Arc::<Mutex<Server>>::default();
        let router =
            Router::new().route("/oauth2/token", post(token)).route("/identity/v1/exchange", post(exchange)).with_state(state.clone());
        Self { server: StandIn::start(router), state }
    }
}

impl TaxBureau {
    fn with<R>(&self, run: impl FnOnce(&mut Server) -> R) -> R {
        run(&mut self.state.lock().expect("nothing panics here"))
    }

    /// A client with its secret.
    pub fn client(&self, client_id: &str, secret: &str) {
        self.with(|s| s.secrets.insert(client_id.into(), secret.into()));
    }

    /// Somebody has signed in and been verified: their client is given this code. `person` is the `data` of the exchange.
    pub fn verified(&self, code: &str, person: Value) {
        self.with(|s| s.people.insert(code.into(), (person, false)));
    }

    /// The token is good no more.
    pub fn revoke_token(&self) {
        self.with(|s| s.token = None);
    }
}

/// What the service says of a person with a resident id, verified by face, who acts for nobody.
pub fn person(user: &str, name: &str, number: &str, verified_at: &str) -> Value {
    json!({
        "yhid": user, "xm": name, "sfzjlx_dm": "201", "sfzjhm": number, "sjhm": "13843100001", "rzjb": "4", "rzsj": verified_at, "glgx": []
    })
}

fn refuse(code: &str, msg: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::OK, Json(json!({ "code": code, "msg": msg })))
}

async fn token(State(state): Shared, Json(asked): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut state = state.lock().expect("nothing panics here");
    let secret = asked["client_id"].as_str().and_then(|id| state.secrets.get(id));
    if secret.is_none() || secret.map(String::as_str) != asked["client_secret"].as_str() {
        return refuse("2002", "客户端标识或密钥不正确");
    }
    state.issued += 1;
    let token = format!("token-{}", state.issued);
    state.token = Some(token.clone());
    (StatusCode::OK, Json(json!({ "code": "0000", "msg": "成功", "access_token": token, "expires_in": 7200 })))
}

async fn exchange(State(state): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut state = state.lock().expect("nothing panics here");
    let given = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    if given.is_none() || given != state.token.as_deref() {
        return refuse("2001", "令牌无效或已过期");
    }
    match asked["code"].as_str().and_then(|code| state.people.get_mut(code)) {
        None => refuse("1001", "授权码无效"),
        Some((_, true)) => refuse("1001", "授权码已使用"),
        Some((person, used)) => {
            *used = true;
            (StatusCode::OK, Json(json!({ "code": "0000", "msg": "成功", "data": person })))
        }
    }
}
