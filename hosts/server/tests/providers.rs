//! Sign-in through identity providers over HTTP, against stand-ins written from the vendors' documents.

mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Answer, Host, config};
use zhengna_tests::stand_in::Trouble;
use zhengna_tests::stand_in::portal::{self, AUDIENCE, ISSUER, Portal};
use zhengna_tests::stand_in::tax_bureau::{self, TaxBureau};
use zhengna_tests::stand_in::wechat::{SESSION_KEY, WeChat};
use zhengna_tests::world::{Engine, World, person};

const MINI: &str = "wx1234567890mini00";
const PUBLIC: &str = "wx1234567890gzh000";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A host with every provider, and the stand-ins behind them.
struct Scene {
    host: Host,
    wechat: WeChat,
    bureau: TaxBureau,
    portal: Portal,
    _files: tempfile::TempDir,
}

fn secret_file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    zhengna_server::secret_file::create(&path, text).unwrap();
    path
}

impl Scene {
    fn new() -> Self {
        let (wechat, bureau, files) = (WeChat::default(), TaxBureau::default(), tempfile::tempdir().unwrap());
        let portal = Portal::of(7);
        wechat.app(MINI, SECRET);
        wechat.app(PUBLIC, SECRET);
        bureau.client("zhengna", SECRET);
        let secret = secret_file(&files, "secret", &format!("{SECRET}\n")).display().to_string();
        let config = config(&[
            ("ZHENGNA_WECHAT_URL", &wechat.server.url),
            ("ZHENGNA_MINI_PROGRAM_APP_ID", MINI),
            ("ZHENGNA_MINI_PROGRAM_SECRET_FILE", &secret),
            ("ZHENGNA_OFFICIAL_ACCOUNT_APP_ID", PUBLIC),
            ("ZHENGNA_OFFICIAL_ACCOUNT_SECRET_FILE", &secret),
            ("ZHENGNA_PORTAL_ISSUER", ISSUER),
            ("ZHENGNA_PORTAL_AUDIENCE", AUDIENCE),
            ("ZHENGNA_PORTAL_PUBLIC_KEY", &portal.public_key()),
            ("ZHENGNA_TAX_BUREAU_URL", &bureau.server.url),
            ("ZHENGNA_TAX_BUREAU_CLIENT_ID", "zhengna"),
            ("ZHENGNA_TAX_BUREAU_SECRET_FILE", &secret),
            ("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "100000"),
            ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "100000"),
        ]);
        Self { host: Host::over(World::new(Engine::Memory), &config), wechat, bureau, portal, _files: files }
    }

    fn sign_in(&self, provider: &str, proof: &str, link: Option<&str>) -> Answer {
        let mut body = json!({ "proof": proof });
        if let Some(link) = link {
            body["link"] = link.into();
        }
        self.host.call("POST", &format!("/api/v1/providers/{provider}/sessions"), None, None, Some(&body))
    }

    /// A code of the bureau for person `n`.
    fn verified(&self, n: usize, code: &str) {
        let said = tax_bureau::person(&format!("yh{n}"), &person(n).name, &person(n).number, "2026-11-23 09:00:00");
        self.bureau.verified(code, said);
    }

    /// A taxpayer who is signed in through the mini-program; the token.
    fn linked(&self) -> String {
        self.wechat.log_in(MINI, "openid-1", "first");
        let refused = self.sign_in("mini_program", "first", None);
        assert_eq!((refused.status, &refused.body["code"]), (401, &json!("access.not_linked")), "{refused:?}");
        self.verified(0, "verified");
        let signed_in = self.sign_in("electronic_tax_bureau", "verified", refused.body["related"].as_str());
        assert_eq!(signed_in.status, 201, "{signed_in:?}");
        self.wechat.log_in(MINI, "openid-1", "second");
        token(&self.sign_in("mini_program", "second", None))
    }
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["token"].as_str().unwrap().to_owned()
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

#[test]
fn from_the_first_tap_to_a_session() {
    let scene = Scene::new();
    let token = scene.linked();
    let me = scene.host.get("/api/v1/me", &token);
    assert_eq!((me.status, &me.body["kind"], &me.body["taxpayer"]), (200, &json!("taxpayer"), &json!(scene.host.world.taxpayers[0])));
    let linked = scene.host.get("/api/v1/me/identities", &token);
    let titles: Vec<&Value> = linked.body["items"].as_array().unwrap().iter().map(|i| &i["title"]).collect();
    assert_eq!((titles.len(), titles.contains(&&json!("微信小程序")), titles.contains(&&json!("电子税务局"))), (2, true, true));
    let gone = scene.host.call("DELETE", "/api/v1/me/identities/mini_program", Some(&token), None, None);
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(code(&scene.host.get("/api/v1/me", &token)), (401, "access.sign_in_required"));
    scene.wechat.log_in(MINI, "openid-1", "third");
    assert_eq!(code(&scene.sign_in("mini_program", "third", None)), (401, "access.not_linked"));
}

#[test]
fn the_official_account_is_a_door_of_its_own() {
    let scene = Scene::new();
    let token_of_mini = scene.linked();
    assert_eq!(scene.host.get("/api/v1/me", &token_of_mini).status, 200);
    scene.wechat.log_in(PUBLIC, "openid-of-h5", "h5");
    let refused = scene.sign_in("official_account", "h5", None);
    assert_eq!(code(&refused), (401, "access.not_linked"));
    scene.verified(0, "again");
    token(&scene.sign_in("electronic_tax_bureau", "again", refused.body["related"].as_str()));
    scene.wechat.log_in(PUBLIC, "openid-of-h5", "h5 later");
    token(&scene.sign_in("official_account", "h5 later", None));
    // A code of one app is nothing to another.
    scene.wechat.log_in(PUBLIC, "openid-of-h5", "for the other");
    assert_eq!(code(&scene.sign_in("mini_program", "for the other", None)), (401, "access.proof_spent"));
}

#[test]
fn t20_a_ticket_of_the_portal_opens_one_session_and_an_altered_one_none() {
    let scene = Scene::new();
    let ticket = scene.portal.ticket(&portal::claims(0, "one", scene.host.world.core.now()));
    let mut altered = ticket.clone();
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.insert(altered.len() - 1, last);
    assert_eq!(code(&scene.sign_in("portal", &altered, None)), (401, "access.proof_spent"));
    let opened = token(&scene.sign_in("portal", &ticket, None));
    assert_eq!(scene.host.get("/api/v1/me", &opened).body["taxpayer"], json!(scene.host.world.taxpayers[0]));
    assert_eq!(code(&scene.sign_in("portal", &ticket, None)), (401, "access.proof_spent"), "replayed");
    let others = Portal::of(8).ticket(&portal::claims(0, "two", scene.host.world.core.now()));
    assert_eq!(code(&scene.sign_in("portal", &others, None)), (401, "access.proof_spent"), "signed by somebody else");
}

#[test]
fn each_error_of_wechat_has_its_class() {
    let scene = Scene::new();
    assert_eq!(code(&scene.sign_in("mini_program", "never given", None)), (401, "access.proof_spent"));
    scene.wechat.log_in(MINI, "openid-1", "once");
    assert_eq!(code(&scene.sign_in("mini_program", "once", None)), (401, "access.not_linked"));
    assert_eq!(code(&scene.sign_in("mini_program", "once", None)), (401, "access.proof_spent"), "40163");
    let meets = |errcode: i64, proof: &str| {
        scene.wechat.server.next(Trouble::Answer(200, json!({ "errcode": errcode, "errmsg": "..." }).to_string()));
        scene.wechat.log_in(MINI, "openid-1", proof);
        scene.sign_in("mini_program", proof, None)
    };
    assert_eq!(code(&meets(40226, "risky")), (403, "access.account_refused"));
    for (errcode, proof) in [(40013, "app"), (40125, "secret"), (40164, "address"), (48001, "api"), (99999, "unheard of")] {
        let refused = meets(errcode, proof);
        assert_eq!((code(&refused), refused.retry_after.as_deref()), ((503, "access.provider_unavailable"), Some("5")), "{errcode}");
        assert!(!refused.body.to_string().contains(&errcode.to_string()), "the vendor's words are for the log: {refused:?}");
    }
    // Busy once, twice: asked again. Thrice: told.
    for (times, told) in [(1, 401), (2, 401), (3, 503)] {
        let proof = format!("busy {times}");
        scene.wechat.log_in(MINI, "openid-1", &proof);
        let before = scene.wechat.server.calls("/sns/jscode2session");
        (0..times).for_each(|_| scene.wechat.server.next(Trouble::Answer(200, json!({ "errcode": -1 }).to_string())));
        assert_eq!(scene.sign_in("mini_program", &proof, None).status, told, "busy {times} times");
        assert_eq!(scene.wechat.server.calls("/sns/jscode2session") - before, usize::min(times + 1, 3));
    }
}

#[test]
fn outages_are_told_as_such_and_passwords_go_on() {
    let scene = Scene::new();
    for trouble in [
        Trouble::Answer(502, "<html>Bad Gateway</html>".into()),
        Trouble::Answer(200, "<xml/>".into()),
        Trouble::Answer(200, "[]".into()),
        Trouble::Answer(302, String::new()),
        Trouble::Answer(200, "{}".into()),
        Trouble::Answer(200, format!("{{\"openid\":\"{}\"}}", "x".repeat(300 * 1024))),
        Trouble::Cut,
        Trouble::Silence,
    ] {
        scene.wechat.server.next(trouble.clone());
        let refused = scene.sign_in("mini_program", "code", None);
        assert_eq!(code(&refused), (503, "access.provider_unavailable"), "{trouble:?}: {refused:?}");
    }
    scene.host.taxpayer(1);
    scene.wechat.log_in(MINI, "openid-1", "well again");
    assert_eq!(code(&scene.sign_in("mini_program", "well again", None)), (401, "access.not_linked"));
}

#[test]
fn quotas_are_kept_without_asking_again() {
    let scene = Scene::new();
    let minute = std::time::Duration::from_secs(60);
    scene.wechat.server.next(Trouble::Answer(200, json!({ "errcode": 45011 }).to_string()));
    let refused = scene.sign_in("mini_program", "code", None);
    assert_eq!((code(&refused), refused.retry_after.as_deref()), ((503, "access.provider_unavailable"), Some("60")));
    // Counted for each user of WeChat: the next one goes on.
    assert_eq!(code(&scene.sign_in("mini_program", "code", None)), (401, "access.proof_spent"));
    // The day's quota: until midnight in Beijing. The world's day began at nine.
    scene.wechat.server.next(Trouble::Answer(200, json!({ "errcode": 45009 }).to_string()));
    assert_eq!(scene.sign_in("mini_program", "code", None).status, 503);
    let asked = scene.wechat.server.calls("/sns/jscode2session");
    scene.host.world.clock.advance(14 * 60 * minute);
    assert_eq!(scene.sign_in("mini_program", "code", None).status, 503);
    assert_eq!(scene.wechat.server.calls("/sns/jscode2session"), asked);
    // Counted for each call: another one goes on.
    scene.wechat.log_in(PUBLIC, "openid-of-h5", "h5");
    assert_eq!(code(&scene.sign_in("official_account", "h5", None)), (401, "access.not_linked"));
    scene.host.world.clock.advance(60 * minute);
    assert_eq!(code(&scene.sign_in("mini_program", "code", None)), (401, "access.proof_spent"));
}

#[test]
fn t36_the_phone_comes_from_wechat_and_the_session_key_goes_nowhere() {
    let scene = Scene::new();
    let token = scene.linked();
    let take = |code: &str| scene.host.call("POST", "/api/v1/me/phone", Some(&token), None, Some(&json!({ "code": code })));
    scene.wechat.allow_phone(MINI, "13900001234", "allowed");
    assert_eq!(take("allowed").status, 200);
    assert_eq!(code(&take("allowed")), (401, "access.proof_spent"));
    let card = scene.host.get(&format!("/api/v1/taxpayers/{}", scene.host.world.taxpayers[0]), &token);
    assert_eq!(card.body["phone"], "139****1234");
    // A phone that somebody types is not taken, whatever it is called.
    for (body, told) in
        [(json!({ "phone": "13911112222" }), 400), (json!({ "code": "x", "phone": "13911112222" }), 400), (json!({ "code": "" }), 422)]
    {
        let refused = scene.host.call("POST", "/api/v1/me/phone", Some(&token), None, Some(&body));
        assert_eq!(refused.status, told, "{refused:?}");
    }
    // The app's token: kept; replaced once where WeChat takes it no more.
    scene.wechat.allow_phone(MINI, "13900001235", "kept");
    assert_eq!((take("kept").status, scene.wechat.server.calls("/cgi-bin/stable_token")), (200, 1));
    scene.wechat.revoke_token(MINI);
    scene.wechat.allow_phone(MINI, "13900001236", "renewed");
    assert_eq!((take("renewed").status, scene.wechat.server.calls("/cgi-bin/stable_token")), (200, 2));
    // Refused again and again: asked twice, then told.
    let refused = || scene.wechat.server.next(Trouble::Answer(200, json!({ "errcode": 40001 }).to_string()));
    scene.wechat.allow_phone(MINI, "13900001237", "in vain");
    refused();
    scene.wechat.server.next(Trouble::Answer(200, json!({ "access_token": "another", "expires_in": 7200 }).to_string()));
    refused();
    let before = scene.wechat.server.calls("/wxa/business/getuserphonenumber");
    assert_eq!(code(&take("in vain")), (503, "access.provider_unavailable"));
    assert_eq!(scene.wechat.server.calls("/wxa/business/getuserphonenumber") - before, 2);
    // Told to another app, it is not told to us.
    let elsewhere = json!({ "errcode": 0, "phone_info": { "purePhoneNumber": "13900001238", "countryCode": "86", "watermark": { "appid": "wx-other" } } });
    scene.wechat.server.next(Trouble::Answer(200, elsewhere.to_string()));
    assert_eq!(code(&take("of another app")), (401, "access.proof_spent"));
    let everything = format!("{}{}", scene.host.dump(), scene.host.get("/api/openapi.json", &token).body);
    assert!(!everything.contains(SESSION_KEY) && !everything.contains("openid-1") && !everything.contains(SECRET));
}

#[test]
fn the_bureaus_errors_have_their_classes_and_its_token_is_renewed() {
    let scene = Scene::new();
    assert_eq!(code(&scene.sign_in("electronic_tax_bureau", "never given", None)), (401, "access.proof_spent"));
    scene.verified(0, "one");
    token(&scene.sign_in("electronic_tax_bureau", "one", None));
    assert_eq!(code(&scene.sign_in("electronic_tax_bureau", "one", None)), (401, "access.proof_spent"));
    assert_eq!(scene.bureau.server.calls("/oauth2/token"), 1);
    scene.bureau.revoke_token();
    scene.verified(1, "two");
    token(&scene.sign_in("electronic_tax_bureau", "two", None));
    assert_eq!(scene.bureau.server.calls("/oauth2/token"), 2);
    for (said, told) in [
        (json!({ "code": "1002" }), (403, "access.account_refused")),
        (json!({ "code": "1003" }), (403, "access.account_refused")),
        (json!({ "code": "3001" }), (503, "access.provider_unavailable")),
        (json!({ "code": "4711" }), (503, "access.provider_unavailable")),
        (json!({ "code": 0 }), (503, "access.provider_unavailable")),
        (json!({ "code": "0000", "data": {} }), (503, "access.provider_unavailable")),
    ] {
        scene.bureau.server.next(Trouble::Answer(200, said.to_string()));
        assert_eq!(code(&scene.sign_in("electronic_tax_bureau", "code", None)), told, "{said}");
    }
    // Each field that cannot be understood is somebody's to look at, never a guess.
    let good = tax_bureau::person("yh5", &person(5).name, &person(5).number, "2026-11-23 09:00:00");
    let relation = json!({ "nsrsbh": "91350100M000100Y43", "glsf_dm": "01", "glqssj": "2024-01-01", "glzzsj": null, "jcbz": "N" });
    for (n, (field, value)) in [
        ("sfzjlx_dm", json!("999")),
        ("rzjb", json!("9")),
        ("rzsj", json!("昨天")),
        ("glgx", json!([{ "nsrsbh": "x" }])),
        ("sfzjhm", json!("220102190001010011")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut said = good.clone();
        said[field] = value;
        scene.bureau.verified(&format!("strange {n}"), said);
        assert_eq!(
            code(&scene.sign_in("electronic_tax_bureau", &format!("strange {n}"), None)),
            (503, "access.provider_unavailable"),
            "{field}"
        );
    }
    // Kinds of relations that are not ours are left out; an enterprise that is not known here too.
    // ... and so are those that cannot be understood: nobody is kept from signing in by them.
    let with = |field: &str, value: &str| {
        let mut odd = relation.clone();
        odd[field] = value.into();
        odd
    };
    let mut said = good;
    said["glgx"] = json!([relation, with("glsf_dm", "77"), with("jcbz", "?"), with("glqssj", "2024-02-30"), with("glzzsj", "")]);
    scene.bureau.verified("fine", said);
    token(&scene.sign_in("electronic_tax_bureau", "fine", None));
}

#[test]
fn t15_headers_that_name_somebody_are_nothing() {
    let scene = Scene::new();
    let id = scene.host.world.taxpayers[0].to_string();
    for name in ["x-remote-user", "x-forwarded-user", "remote-user", "x-user-id", "x-wx-openid", "x-wx-source", "x-tif-uid", "cookie"] {
        let answer = scene.host.with_headers("GET", "/api/v1/me", None, &[(name, &id)], None);
        assert_eq!(code(&answer), (401, "access.sign_in_required"), "{name}");
    }
}

#[test]
fn a_provider_that_is_not_configured_is_not_offered() {
    let host = Host::with(World::new(Engine::Memory), &config(&[]), zhengna_server::provider::Providers::default());
    for provider in ["mini_program", "official_account", "portal", "electronic_tax_bureau"] {
        let body = json!({ "proof": "code" });
        let refused = host.call("POST", &format!("/api/v1/providers/{provider}/sessions"), None, None, Some(&body));
        assert_eq!(code(&refused), (404, "access.provider_not_offered"), "{provider}");
    }
    let refused = host.call("POST", "/api/v1/providers/facebook/sessions", None, None, Some(&json!({ "proof": "code" })));
    assert!((400..=422).contains(&refused.status), "{refused:?}");
}
