//! WeChat's server API, as far as sign-in needs it. Every answer is 200; `errcode` says what is wrong.
//!
//! Source: developers.weixin.qq.com, "code2Session", "getStableAccessToken", "getPhoneNumber", "网页授权" and the table of global error
//! codes, as noted in `reference/ecosystem.md` 1.1 and 1.2.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Json, Query, State};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::StandIn;

/// What `session_key` always is here: it must never be seen outside the host.
pub const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";

/// A code that WeChat gave a client, and for whom.
struct Code {
    app_id: String,
    openid: String,
    phone: Option<String>,
    used: bool,
}

#[derive(Default)]
struct Server {
    secrets: HashMap<String, String>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, String>,
    issued: u32,
}

/// See the [module](self).
pub struct WeChat {
    /// The server.
    pub server: StandIn,
    state: Arc<Mutex<Server>>,
}

type Shared = State<Arc<Mutex<Server>>>;
type Parameters = Query<HashMap<String, String>>;

impl Default for WeChat {
    fn default() -> Self {
        let state = Arc::<Mutex<Server>>::default();
        let router = Router::new()
            .route("/sns/jscode2session", get(code_to_session))
            .route("/sns/oauth2/access_token", get(web_access_token))
            .route("/cgi-bin/stable_token", post(stable_token))
            .route("/wxa/business/getuserphonenumber", post(phone_number))
            .with_state(state.clone());
        Self { server: StandIn::start(router), state }
    }
}

impl WeChat {
    fn with<R>(&self, run: impl FnOnce(&mut Server) -> R) -> R {
        run(&mut self.state.lock().expect("nothing panics here"))
    }

    /// An app with its secret.
    pub fn app(&self, app_id: &str, secret: &str) {
        self.with(|s| s.secrets.insert(app_id.into(), secret.into()));
    }

    /// `wx.login`, or a page behind web authorisation, gives a client this code.
    pub fn log_in(&self, app_id: &str, openid: &str, code: &str) {
        let code_of = Code { app_id: app_id.into(), openid: openid.into(), phone: None, used: false };
        self.with(|s| s.codes.insert(code.into(), code_of));
    }

    /// A tap on "allow" gives a client this code for a phone.
    pub fn allow_phone(&self, app_id: &str, phone: &str, code: &str) {
        let code_of = Code { app_id: app_id.into(), openid: String::new(), phone: Some(phone.into()), used: false };
        self.with(|s| s.codes.insert(code.into(), code_of));
    }

    /// The app's token is good no more, as after a change of the secret.
    pub fn revoke_token(&self, app_id: &str) {
        self.with(|s| s.tokens.remove(app_id));
    }
}

fn refuse(errcode: i64, errmsg: &str) -> Json<Value> {
    Json(json!({ "errcode": errcode, "errmsg": format!("{errmsg}, rid: 6566a1c2-1d2e3f40-5a6b7c8d") }))
}

impl Server {
    fn app(&self, parameters: &HashMap<String, String>) -> Result<String, Json<Value>> {
        let app_id = parameters.get("appid").ok_or_else(|| refuse(41002, "appid missing"))?;
        let secret = self.secrets.get(app_id).ok_or_else(|| refuse(40013, "invalid appid"))?;
        if parameters.get("secret") != Some(secret) {
            return Err(refuse(40125, "invalid appsecret"));
        }
        Ok(app_id.clone())
    }

    fn redeem(&mut self, app_id: &str, code: Option<&String>) -> Result<&mut Code, Json<Value>> {
        let code = code.ok_or_else(|| refuse(41008, "missing code"))?;
        let found = self.codes.get_mut(code).filter(|c| c.app_id == app_id).ok_or_else(|| refuse(40029, "invalid code"))?;
        if found.used {
            return Err(refuse(40163, "code been used"));
        }
        found.used = true;
        Ok(found)
    }
}

async fn code_to_session(State(state): Shared, Query(asked): Parameters) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let answer = state.app(&asked).and_then(|app| state.redeem(&app, asked.get("js_code")).map(|code| code.openid.clone()));
    answer.map_or_else(|e| e, |openid| Json(json!({ "openid": openid, "session_key": SESSION_KEY, "unionid": format!("u{openid}") })))
}

async fn web_access_token(State(state): Shared, Query(asked): Parameters) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let answer = state.app(&asked).and_then(|app| state.redeem(&app, asked.get("code")).map(|code| code.openid.clone()));
    let body = |openid| json!({ "access_token": SESSION_KEY, "expires_in": 7200, "refresh_token": SESSION_KEY, "openid": openid, "scope": "snsapi_base" });
    answer.map_or_else(|e| e, |openid| Json(body(openid)))
}

async fn stable_token(State(state): Shared, Json(asked): Json<Value>) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let parameters = ["appid", "secret"].map(|key| (key.to_owned(), asked[key].as_str().unwrap_or_default().to_owned()));
    let app = match state.app(&parameters.into()) {
        Ok(app) => app,
        Err(refused) => return refused,
    };
    let known = state.tokens.get(&app).cloned().filter(|_| asked["force_refresh"] != true);
    let token = known.unwrap_or_else(|| {
        state.issued += 1;
        format!("{}_{app}_{}", state.issued, "x".repeat(120))
    });
    state.tokens.insert(app, token.clone());
    Json(json!({ "access_token": token, "expires_in": 7200 }))
}

async fn phone_number(State(state): Shared, Query(asked): Parameters, Json(body): Json<Value>) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let app = state.tokens.iter().find(|(_, token)| Some(*token) == asked.get("access_token")).map(|(app, _)| app.clone());
    let Some(app) = app else { return refuse(40001, "invalid credential, access_token is invalid or not latest") };
    let code = body["code"].as_str().map(str::to_owned);
    let answer = state.redeem(&app, code.as_ref()).map(|code| code.phone.clone());
    match answer {
        Err(refused) => refused,
        Ok(None) => refuse(40029, "invalid code"),
        Ok(Some(phone)) => Json(json!({ "errcode": 0, "errmsg": "ok", "phone_info": {
            "phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86", "watermark": { "timestamp": 1637744274, "appid": app }
        } })),
    }
}
