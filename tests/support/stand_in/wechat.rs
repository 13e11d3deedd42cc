//! WeChat's server API, as far as sign-in needs it. Every answer is 200; `errcode` says what is wrong.
//!
//! Source: developers.weixin.qq.com, "code2Session", "getStableAccessToken", "getPhoneNumber", "网页授权" and the table of global error
//! codes, as noted in `docs/outside-systems.md`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Json, Query, State};
use axum::routing::{get, post};
use serde_json::{Value, json};
use zhengna_core::{Clock, Timestamp};

use super::{Codes, Counter, Over, Quota, Spent, StandIn, Time};

/// What `session_key` always is here: it must never be seen outside the host.
pub const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";
/// Sign-ins of one user in a minute.
pub const SIGN_INS_MAX: u32 = 100;
/// How long an app's token is good.
pub const TOKEN_AGE_MAX: Duration = Duration::from_secs(7200);
/// Whoever asks so long before its end is given the next one; both are good until then.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);
/// An app may ask for its token so often.
const TOKENS: Quota = Quota { minute: 10_000, day: 500_000 };
/// ... and force another one so often, each so long after the last.
pub const FORCED_A_DAY_MAX: u32 = 20;
/// See [`FORCED_A_DAY_MAX`].
pub const FORCED_APART: Duration = Duration::from_secs(30);

/// What a code stands for.
#[derive(Clone)]
struct Code {
    app_id: String,
    openid: String,
    phone: Option<String>,
}

/// A token that an app was given.
struct Issued {
    text: String,
    until: Timestamp,
    superseded: bool,
}

#[derive(Default)]
struct App {
    secret: String,
    /// The newest is the last.
    tokens: Vec<Issued>,
    distrusted: bool,
    forced: Counter,
    forced_at: Option<Timestamp>,
}

#[derive(Default)]
struct Server {
    apps: HashMap<String, App>,
    codes: Codes<Code>,
    issued: u32,
    quotas: HashMap<&'static str, Quota>,
    /// By app and path, and by app, path and user.
    calls: HashMap<String, Counter>,
    told: Vec<i64>,
}

/// See the [module](self).
pub struct WeChat {
    /// The server.
    pub server: StandIn,
    state: Arc<Mutex<Server>>,
}

type Shared = State<(Arc<Mutex<Server>>, Time)>;
type Parameters = Query<HashMap<String, String>>;
type Answer = Result<Value, (i64, &'static str)>;

const CODE_TO_SESSION: &str = "/sns/jscode2session";
const WEB_ACCESS_TOKEN: &str = "/sns/oauth2/access_token";
const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const PHONE_NUMBER: &str = "/wxa/business/getuserphonenumber";

impl WeChat {
    /// By this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Arc::<Mutex<Server>>::default();
        let shared = state.clone();
        let server = StandIn::start(clock, |time| {
            Router::new()
                .route(CODE_TO_SESSION, get(code_to_session))
                .route(WEB_ACCESS_TOKEN, get(web_access_token))
                .route(STABLE_TOKEN, post(stable_token))
                .route(PHONE_NUMBER, post(phone_number))
                .with_state((shared, time))
        });
        Self { server, state }
    }

    fn with<R>(&self, run: impl FnOnce(&mut Server, Timestamp) -> R) -> R {
        run(&mut self.state.lock().expect("nothing panics here"), self.server.time.now())
    }

    /// An app with its secret.
    pub fn app(&self, app_id: &str, secret: &str) {
        self.with(|s, _| s.apps.insert(app_id.into(), App { secret: secret.into(), ..App::default() }));
    }

    /// `wx.login`, or a page behind web authorisation, gives a client this code.
    pub fn log_in(&self, app_id: &str, openid: &str, code: &str) {
        let said = Code { app_id: app_id.into(), openid: openid.into(), phone: None };
        self.with(|s, now| s.codes.give(code, said, now));
    }

    /// A tap on "allow" gives a client this code for a phone.
    pub fn allow_phone(&self, app_id: &str, phone: &str, code: &str) {
        let said = Code { app_id: app_id.into(), openid: String::new(), phone: Some(phone.into()) };
        self.with(|s, now| s.codes.give(code, said, now));
    }

    /// The app's token is good no more, as after a change of the secret.
    pub fn revoke_token(&self, app_id: &str) {
        self.with(|s, _| s.apps.get_mut(app_id).expect("an app").supersede());
    }

    /// Another program of the app forces a token of its own: every one before is superseded.
    pub fn force_token(&self, app_id: &str) {
        self.with(|s, now| s.issue(app_id, true, now).expect("a token"));
    }

    /// The app's token is refused, though it is what is handed out: until another one is forced.
    pub fn distrust_token(&self, app_id: &str) {
        self.with(|s, _| s.apps.get_mut(app_id).expect("an app").distrusted = true);
    }

    /// How often an app may call a path.
    pub fn allow(&self, path: &'static str, quota: Quota) {
        self.with(|s, _| s.quotas.insert(path, quota));
    }

    /// The `errcode`s told since the last time this was asked; 0 is none.
    pub fn told(&self) -> Vec<i64> {
        self.with(|s, _| std::mem::take(&mut s.told))
    }
}

impl App {
    fn supersede(&mut self) {
        self.tokens.iter_mut().for_each(|token| token.superseded = true);
    }
}

const UNKNOWN_CODE: (i64, &str) = (40029, "invalid code");
const OFTEN: (i64, &str) = (45011, "api minute-quota reach limit, must slower, retry next minute");
const DAILY: (i64, &str) = (45009, "reach max api daily quota limit");

fn over(over: Over) -> (i64, &'static str) {
    match over {
        Over::Minute => OFTEN,
        Over::Day => DAILY,
    }
}

impl Server {
    fn app(&self, given: impl Fn(&str) -> Option<String>) -> Result<String, (i64, &'static str)> {
        let app_id = given("appid").ok_or((41002, "appid missing"))?;
        let secret = given("secret").ok_or((41004, "appsecret missing"))?;
        match self.apps.get(&app_id) {
            None => Err((40013, "invalid appid")),
            Some(app) if app.secret != secret => Err((40125, "invalid appsecret")),
            Some(_) => Ok(app_id),
        }
    }

    /// Counts a call of an app.
    fn count(&mut self, app_id: &str, path: &str, now: Timestamp, otherwise: Quota) -> Result<(), (i64, &'static str)> {
        let quota = self.quotas.get(path).copied().unwrap_or(otherwise);
        self.calls.entry(format!("{app_id} {path}")).or_default().count(now, quota).map_err(over)
    }

    fn redeem(&mut self, app_id: &str, code: Option<&str>, now: Timestamp) -> Result<Code, (i64, &'static str)> {
        let code = code.ok_or((41008, "missing code"))?;
        match self.codes.redeem(code, now, |said| said.app_id == app_id) {
            Ok(said) => Ok(said.clone()),
            Err(Spent::Used) => Err((40163, "code been used")),
            Err(Spent::Unknown) => Err(UNKNOWN_CODE),
        }
    }

    /// The user whom a code was given to.
    fn user(&mut self, path: &str, asked: &HashMap<String, String>, code: &str, now: Timestamp) -> Result<String, (i64, &'static str)> {
        if asked.get("grant_type").map(String::as_str) != Some("authorization_code") {
            return Err((40002, "invalid grant_type"));
        }
        let app_id = self.app(|name| asked.get(name).cloned())?;
        self.count(&app_id, path, now, Quota::NONE)?;
        let said = self.redeem(&app_id, asked.get(code).map(String::as_str), now)?;
        if said.phone.is_some() {
            return Err(UNKNOWN_CODE);
        }
        let each = Quota { minute: SIGN_INS_MAX, ..Quota::NONE };
        self.calls.entry(format!("{app_id} {path} {}", said.openid)).or_default().count(now, each).map_err(over)?;
        Ok(said.openid)
    }

    /// The token of an app and for how long it is good.
    fn issue(&mut self, app_id: &str, force: bool, now: Timestamp) -> Result<(String, Duration), (i64, &'static str)> {
        let app = self.apps.get_mut(app_id).ok_or((40013, "invalid appid"))?;
        if force {
            if app.forced_at.is_some_and(|at| now < at.plus(FORCED_APART)) {
                return Err(OFTEN);
            }
            app.forced.count(now, Quota { day: FORCED_A_DAY_MAX, ..Quota::NONE }).map_err(over)?;
            app.forced_at = Some(now);
            app.supersede();
        }
        let known = app.tokens.last().filter(|t| !t.superseded && now < t.until.minus(RENEWED_BEFORE));
        if let Some(known) = known {
            return Ok((known.text.clone(), known.until.since(now)));
        }
        self.issued += 1;
        let text = format!("{}_{app_id}_{}", self.issued, "x".repeat(120));
        app.distrusted = false;
        app.tokens.push(Issued { text: text.clone(), until: now.plus(TOKEN_AGE_MAX), superseded: false });
        Ok((text, TOKEN_AGE_MAX))
    }

    /// Whose token this is.
    fn holder(&self, token: Option<&String>, now: Timestamp) -> Result<String, (i64, &'static str)> {
        let token = token.ok_or((41001, "access_token missing"))?;
        let found = self.apps.iter().find_map(|(id, app)| Some((id, app, app.tokens.iter().find(|t| t.text == *token)?)));
        match found {
            None => Err((40014, "invalid access_token")),
            Some((_, _, issued)) if issued.superseded => Err((40001, "invalid credential, access_token is invalid or not latest")),
            Some((_, _, issued)) if issued.until <= now => Err((42001, "access_token expired")),
            Some((_, app, _)) if app.distrusted => Err((40001, "invalid credential, access_token is invalid or not latest")),
            Some((id, ..)) => Ok(id.clone()),
        }
    }

    fn answer(&mut self, answer: Answer) -> Json<Value> {
        self.told.push(answer.as_ref().map_or_else(|(errcode, _)| *errcode, |_| 0));
        let refusal = |(errcode, errmsg)| json!({ "errcode": errcode, "errmsg": format!("{errmsg}, rid: 6566a1c2-1d2e3f40-5a6b7c8d") });
        Json(answer.unwrap_or_else(refusal))
    }
}

fn written(body: &Bytes) -> Answer {
    if body.is_empty() {
        return Err((44002, "empty post data"));
    }
    serde_json::from_slice(body).map_err(|_| (47001, "data format error"))
}

async fn code_to_session(State((state, time)): Shared, Query(asked): Parameters) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let openid = state.user(CODE_TO_SESSION, &asked, "js_code", time.now());
    state.answer(openid.map(|openid| json!({ "openid": openid, "session_key": SESSION_KEY, "unionid": format!("u{openid}") })))
}

async fn web_access_token(State((state, time)): Shared, Query(asked): Parameters) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let openid = state.user(WEB_ACCESS_TOKEN, &asked, "code", time.now());
    let body = |openid| json!({ "access_token": SESSION_KEY, "expires_in": 7200, "refresh_token": SESSION_KEY, "openid": openid, "scope": "snsapi_base" });
    state.answer(openid.map(body))
}

async fn stable_token(State((state, time)): Shared, body: Bytes) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let now = time.now();
    let answer = written(&body).and_then(|asked| {
        if asked["grant_type"] != "client_credential" {
            return Err((40002, "invalid grant_type"));
        }
        let app = state.app(|name| asked[name].as_str().map(str::to_owned))?;
        state.count(&app, STABLE_TOKEN, now, TOKENS)?;
        let (token, good_for) = state.issue(&app, asked["force_refresh"] == true, now)?;
        Ok(json!({ "access_token": token, "expires_in": good_for.as_secs() }))
    });
    state.answer(answer)
}

async fn phone_number(State((state, time)): Shared, Query(asked): Parameters, body: Bytes) -> Json<Value> {
    let mut state = state.lock().expect("nothing panics here");
    let now = time.now();
    let answer = state.holder(asked.get("access_token"), now).and_then(|app| {
        state.count(&app, PHONE_NUMBER, now, Quota::NONE)?;
        let phone = state.redeem(&app, written(&body)?["code"].as_str(), now)?.phone.ok_or(UNKNOWN_CODE)?;
        Ok(json!({ "errcode": 0, "errmsg": "ok", "phone_info": {
            "phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86",
            "watermark": { "timestamp": now.micros() / 1_000_000, "appid": app }
        } }))
    });
    state.answer(answer)
}
