//! Sign-in through identity providers over HTTP, against stand-ins written from the vendors' documents.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Host, TICK, config};
use zhengna_core::access::Actor;
use zhengna_core::identity::{NewTaxpayer, NumberKind, Role, TaxpayerKind};
use zhengna_tests::stand_in::portal::{self, AUDIENCE, ISSUER, Portal};
use zhengna_tests::stand_in::tax_bureau::{self, TaxBureau};
use zhengna_tests::stand_in::wechat::{self, FORCED_A_DAY_MAX, FORCED_APART, SESSION_KEY, SIGN_INS_MAX, WeChat};
use zhengna_tests::stand_in::{CODE_AGE_MAX, Quota, StandIn, Trouble};
use zhengna_tests::world::{Engine, World, company, person, relation};

const MINI: &str = "wx1234567890mini00";
const PUBLIC: &str = "wx1234567890gzh000";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// A token is renewed so long before its end.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

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
        let world = World::new(Engine::Memory);
        let (wechat, bureau, files) = (WeChat::new(world.clock.clone()), TaxBureau::new(world.clock.clone()), tempfile::tempdir().unwrap());
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
        Self { host: Host::over(world, &config), wechat, bureau, portal, _files: files }
    }

    fn sign_in(&self, provider: &str, proof: &str, link: Option<&str>) -> Answer {
        let mut body = json!({ "proof": proof });
        if let Some(link) = link {
            body["link"] = link.into();
        }
        self.host.call("POST", &format!("/api/v1/providers/{provider}/sessions"), None, None, Some(&body))
    }

    /// A sign-in that the provider answers late: only after the host has answered somebody else.
    fn late(&self, provider: &StandIn, name: &str, proof: &str) -> Answer {
        let held = provider.hold();
        std::thread::scope(|scope| {
            let signing_in = scope.spawn(|| self.sign_in(name, proof, None));
            held.came();
            assert_eq!(self.host.call("GET", "/healthz", None, None, None).status, 200, "the host goes on");
            held.answer();
            signing_in.join().unwrap()
        })
    }

    /// A sign-in that the provider answers when nobody waits for it any more.
    fn too_late(&self, provider: &StandIn, name: &str, proof: &str) -> Answer {
        let held = provider.hold();
        let given_up = self.sign_in(name, proof, None);
        held.came();
        held.answer();
        given_up
    }

    /// A code of the bureau for person `n`.
    fn verified(&self, n: usize, code: &str) {
        let said = tax_bureau::person(&format!("yh{n}"), &person(n).name, &person(n).number, "2026-11-23 09:00:00");
        self.bureau.verified(code, said);
    }

    fn wait(&self, long: Duration) {
        self.host.world.clock.advance(long);
    }

    /// The phone of whoever [`linked`](Self::linked), who signs in for it once more; and what WeChat said to us meanwhile, but that
    /// somebody signed in.
    fn takes_phone(&self, code: &str) -> (Answer, Vec<i64>) {
        self.wechat.log_in(MINI, "openid-1", &format!("for {code}"));
        let token = token(&self.sign_in("mini_program", &format!("for {code}"), None));
        self.wechat.told();
        let answer = self.host.call("POST", "/api/v1/me/phone", Some(&token), None, Some(&json!({ "code": code })));
        (answer, self.wechat.told())
    }

    /// The same with a fresh code.
    fn phone(&self, n: u32) -> (Answer, Vec<i64>) {
        self.wechat.allow_phone(MINI, &format!("139{n:08}"), &format!("phone {n}"));
        self.takes_phone(&format!("phone {n}"))
    }

    /// Somebody verified signs in at the bureau; what the bureau said to us meanwhile.
    fn at_the_bureau(&self, code: &str) -> (Answer, Vec<String>) {
        self.bureau.told();
        let answer = self.sign_in("electronic_tax_bureau", code, None);
        (answer, self.bureau.told())
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

const UNAVAILABLE: (u16, &str) = (503, "access.provider_unavailable");
const SPENT: (u16, &str) = (401, "access.proof_spent");
const NOT_LINKED: (u16, &str) = (401, "access.not_linked");
const REFUSED: (u16, &str) = (403, "access.account_refused");

/// Refused for a minute.
fn for_a_minute(answer: &Answer) -> bool {
    (code(answer), answer.retry_after.as_deref()) == ((503, "access.provider_unavailable"), Some("60"))
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

/// Whoever came by a door is on the officer's card with that door, and with what its provider said of them, source and age included.
#[test]
fn the_card_of_a_conversation_says_by_which_door_its_taxpayer_came_and_who_said_what() {
    let scene = Scene::new();
    let host = &scene.host;
    let opened = |n: usize, account: &str| {
        scene.wechat.log_in(PUBLIC, account, "h5");
        let refused = scene.sign_in("official_account", "h5", None);
        scene.verified(n, "linking");
        token(&scene.sign_in("electronic_tax_bureau", "linking", refused.body["related"].as_str()));
        scene.wechat.log_in(PUBLIC, account, "h5 later");
        token(&scene.sign_in("official_account", "h5 later", None))
    };
    let mini = scene.linked();
    let public = opened(1, "openid-of-h5");
    let portal = token(&scene.sign_in("portal", &scene.portal.ticket(&portal::claims(2, "one", host.world.core.now())), None));
    scene.verified(3, "bureau");
    let bureau = token(&scene.sign_in("electronic_tax_bureau", "bureau", None));
    let (line, officer) = (host.world.line, host.officer(0));
    for (n, (token, door, said_by)) in [
        (mini, "mini_program", "electronic_tax_bureau"),
        (public, "official_account", "electronic_tax_bureau"),
        (portal, "portal", "portal"),
        (bureau, "web", "electronic_tax_bureau"),
    ]
    .into_iter()
    .enumerate()
    {
        let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &token, &json!({ "topic": "问" }));
        assert_eq!(entered.status, 201, "{door}: {entered:?}");
        assert_eq!(host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({})).status, 201, "{door}");
        let id = entered.body["conversation"].as_str().unwrap();
        let card = host.get(&format!("/api/v1/conversations/{id}/card"), &officer).body;
        assert_eq!((&card["channel"], &card["person"]["taxpayer"]), (&json!(door), &json!(host.world.taxpayers[n])), "{card}");
        let real_name = &card["real_name"];
        assert_eq!((&real_name["state"]["value"], &real_name["state"]["source"]), (&json!("verified"), &json!(said_by)), "{door}: {card}");
        assert_eq!(real_name["state"]["age_days"], 0, "{door}");
        let name = &card["person"]["name"];
        assert_eq!((&name["masked"], name["value"].as_str().unwrap().ends_with('*')), (&json!(true), true), "{door}: {card}");
        assert_eq!(host.post(&format!("/api/v1/conversations/{id}/close"), &officer, &json!({ "outcome": "resolved" })).status, 200);
    }
}

/// Whoever signs in while the bureau's token is being fetched waits for that one.
#[test]
fn many_who_sign_in_at_once_cost_one_token_of_the_bureau() {
    let scene = Scene::new();
    for n in 0..8 {
        scene.verified(n, &format!("code {n}"));
    }
    scene.bureau.told();
    let held = scene.bureau.server.hold();
    std::thread::scope(|scope| {
        let scene = &scene;
        let all: Vec<_> = (0..8).map(|n| scope.spawn(move || scene.sign_in("electronic_tax_bureau", &format!("code {n}"), None))).collect();
        held.came();
        held.answer();
        all.into_iter().for_each(|one| assert_eq!(one.join().unwrap().status, 201));
    });
    assert_eq!(scene.bureau.told(), ["0000"; 9], "one token, and eight who signed in");
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
    assert_eq!(code(&scene.too_late(&scene.wechat.server, "mini_program", "code")), UNAVAILABLE);
    scene.wechat.log_in(MINI, "openid-1", "late");
    let late = scene.late(&scene.wechat.server, "mini_program", "late");
    assert_eq!(code(&late), NOT_LINKED, "late and good is good");
    scene.host.taxpayer(1);
    scene.wechat.log_in(MINI, "openid-1", "well again");
    assert_eq!(code(&scene.sign_in("mini_program", "well again", None)), (401, "access.not_linked"));
}

#[test]
fn outages_of_the_bureau_are_told_as_such_and_use_nothing_up() {
    let scene = Scene::new();
    let exchanges = || scene.bureau.server.calls("/identity/v1/exchange");
    scene.verified(0, "before");
    token(&scene.sign_in("electronic_tax_bureau", "before", None));
    scene.verified(0, "through it all");
    for trouble in [
        Trouble::Answer(500, json!({ "code": "0000" }).to_string()),
        Trouble::Answer(502, "<html>Bad Gateway</html>".into()),
        Trouble::Answer(503, String::new()),
        Trouble::Answer(200, "<xml/>".into()),
        Trouble::Answer(302, String::new()),
        Trouble::Cut,
        Trouble::Silence,
    ] {
        let asked = exchanges();
        scene.bureau.server.next(trouble.clone());
        assert_eq!(code(&scene.sign_in("electronic_tax_bureau", "through it all", None)), UNAVAILABLE, "{trouble:?}");
        assert_eq!(exchanges() - asked, 1, "{trouble:?}: an outage is not asked again");
    }
    assert_eq!(code(&scene.too_late(&scene.bureau.server, "electronic_tax_bureau", "through it all")), UNAVAILABLE);
    token(&scene.sign_in("electronic_tax_bureau", "through it all", None));
    scene.verified(0, "late");
    token(&scene.late(&scene.bureau.server, "electronic_tax_bureau", "late"));
    // Busy once, twice: asked again. Thrice: told.
    for (times, told) in [(1, 201), (2, 201), (3, 503)] {
        let proof = format!("busy {times}");
        scene.verified(0, &proof);
        let asked = exchanges();
        (0..times).for_each(|_| scene.bureau.server.next(Trouble::Answer(200, json!({ "code": "9998" }).to_string())));
        assert_eq!(scene.sign_in("electronic_tax_bureau", &proof, None).status, told, "busy {times} times");
        assert_eq!(exchanges() - asked, usize::min(times + 1, 3));
    }
    // The same of the token: without one nothing is exchanged.
    scene.wait(tax_bureau::TOKEN_AGE_MAX);
    scene.verified(0, "without a token");
    let asked = exchanges();
    scene.bureau.server.next(Trouble::Answer(502, String::new()));
    assert_eq!(code(&scene.sign_in("electronic_tax_bureau", "without a token", None)), UNAVAILABLE);
    assert_eq!(exchanges(), asked);
}

/// The bureau's jcbz=Y without glzzsj: released, and it does not say when.
#[test]
fn a_release_without_a_day_ends_the_relation() {
    let scene = Scene::new();
    let system = scene.host.world.core.as_system();
    system.identity().enrol(&[company(1)], &mut |_| {}).unwrap();
    let held = relation(&company(1).number, Role::TaxHandler, &person(0).number);
    system.identity().record_relations(&[held], &mut |_| {}).unwrap();
    let comes = |code: &str, jcbz: &str| {
        let mut said = tax_bureau::person("yh0", &person(0).name, &person(0).number, "2026-11-23 09:00:00");
        said["glgx"] = json!([{ "nsrsbh": company(1).number, "glsf_dm": "03", "glqssj": "2024-01-01", "glzzsj": null, "jcbz": jcbz }]);
        scene.bureau.verified(code, said);
        let token = token(&scene.sign_in("electronic_tax_bureau", code, None));
        let answer = scene.host.get(&format!("/api/v1/taxpayers/{}/relations", scene.host.world.taxpayers[0]), &token);
        let shown = answer.body["items"].as_array().unwrap().clone();
        assert_eq!(shown.len(), 1, "{answer:?}");
        (shown[0]["holds"].as_bool().unwrap(), shown[0]["released"].as_bool().unwrap(), shown[0]["channel"].as_str().unwrap().to_owned())
    };
    assert_eq!(comes("held", "N"), (true, false, "register".to_owned()));
    assert_eq!(comes("released", "Y"), (false, true, "electronic_tax_bureau".to_owned()));
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
    scene.bureau.supersede_token("zhengna");
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
        ("yhid", json!("")),
        ("glgx", json!("x")),
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
    said["glgx"] = json!([relation, with("glsf_dm", "77"), with("jcbz", "?"), with("glqssj", "2024-02-30"), with("glzzsj", ""), { "nsrsbh": "x" }, null, 7]);
    scene.bureau.verified("fine", said.clone());
    token(&scene.sign_in("electronic_tax_bureau", "fine", None));
    said["glgx"] = Value::Null;
    scene.bureau.verified("none", said);
    token(&scene.sign_in("electronic_tax_bureau", "none", None));
}

/// What WeChat's document says of codes: one use, five minutes, one app. The stand-in keeps to it by itself.
#[test]
fn codes_of_wechat_are_good_once_for_five_minutes_and_one_app() {
    let scene = Scene::new();
    let sign_in = |provider: &str, proof: &str| {
        let answer = scene.sign_in(provider, proof, None);
        (code(&answer).1.to_owned(), scene.wechat.told())
    };
    let (spent, not_linked) = (SPENT.1.to_owned(), NOT_LINKED.1.to_owned());
    for (provider, app, other) in [("mini_program", MINI, PUBLIC), ("official_account", PUBLIC, MINI)] {
        let named = |what: &str| format!("{what} {provider}");
        scene.wechat.log_in(app, "openid-7", &named("kept"));
        scene.wait(CODE_AGE_MAX - 2 * TICK);
        assert_eq!(sign_in(provider, &named("kept")), (not_linked.clone(), vec![0]));
        assert_eq!(sign_in(provider, &named("kept")), (spent.clone(), vec![40163]));
        scene.wechat.log_in(app, "openid-7", &named("late"));
        scene.wait(CODE_AGE_MAX - TICK);
        assert_eq!(sign_in(provider, &named("late")), (spent.clone(), vec![40029]));
        assert_eq!(sign_in(provider, &named("never given")), (spent.clone(), vec![40029]));
        scene.wechat.log_in(other, "openid-7", &named("elsewhere"));
        assert_eq!(sign_in(provider, &named("elsewhere")), (spent.clone(), vec![40029]));
        scene.wechat.allow_phone(app, "13900001234", &named("phone"));
        assert_eq!(sign_in(provider, &named("phone")), (spent.clone(), vec![40029]), "a code for something else");
    }
    scene.linked();
    assert_eq!(scene.phone(1).0.status, 200);
    let (again, told) = scene.takes_phone("phone 1");
    assert_eq!((code(&again), told), (SPENT, vec![40163]));
    scene.wechat.allow_phone(MINI, "13900001234", "late");
    scene.wait(CODE_AGE_MAX - 2 * TICK);
    let (late, told) = scene.takes_phone("late");
    assert_eq!((code(&late), told), (SPENT, vec![40029]));
}

/// An app's token ends, is superseded, is refused though it is handed out: each costs one call more, and the person notices nothing.
#[test]
fn a_token_that_ended_or_was_superseded_is_replaced_unnoticed() {
    let scene = Scene::new();
    scene.linked();
    let phone = |n: u32| {
        let (answer, told) = scene.phone(n);
        assert_eq!(answer.status, 200, "{answer:?}");
        told
    };
    assert_eq!(phone(1), [0, 0], "fetched");
    scene.wait(wechat::TOKEN_AGE_MAX - RENEWED_BEFORE - 10 * TICK);
    assert_eq!(phone(2), [0], "kept");
    scene.wait(10 * TICK);
    assert_eq!(phone(3), [0, 0], "renewed before its end, so that nobody is refused");
    scene.wechat.force_token(MINI);
    assert_eq!(phone(4), [40001, 0, 0], "superseded by another program of the app");
    scene.wechat.server.ahead(wechat::TOKEN_AGE_MAX);
    assert_eq!(phone(5), [42001, 0, 0], "over by WeChat's clock");
    scene.wechat.distrust_token(MINI);
    assert_eq!(phone(6), [40001, 0, 0, 0], "the same one came again: another was forced");
    // Forced again at once: not so soon.
    scene.wechat.distrust_token(MINI);
    let (refused, told) = scene.phone(7);
    assert!(for_a_minute(&refused) && told == [40001, 0, 45011], "{refused:?} {told:?}");
}

#[test]
fn a_token_is_forced_twenty_times_a_day_and_not_asked_for_again() {
    let scene = Scene::new();
    scene.linked();
    assert_eq!(scene.phone(0).0.status, 200);
    for n in 1..=FORCED_A_DAY_MAX {
        scene.wechat.distrust_token(MINI);
        scene.wait(FORCED_APART);
        let (answer, told) = scene.phone(n);
        assert_eq!((answer.status, told), (200, vec![40001, 0, 0, 0]), "{n}");
    }
    scene.wechat.distrust_token(MINI);
    scene.wait(FORCED_APART);
    let (refused, told) = scene.phone(100);
    assert_eq!((code(&refused), told), ((503, "access.provider_unavailable"), vec![40001, 0, 45009]));
    let silent: u64 = refused.retry_after.as_deref().unwrap().parse().unwrap();
    assert!((14 * 3600..15 * 3600).contains(&silent), "until midnight in Beijing: {silent}");
}

#[test]
fn wechat_counts_calls_by_the_minute_and_by_the_day() {
    let scene = Scene::new();
    let sign_in = |openid: &str, n: u32| {
        scene.wechat.log_in(MINI, openid, &format!("{openid} {n}"));
        scene.wechat.told();
        (scene.sign_in("mini_program", &format!("{openid} {n}"), None), scene.wechat.told())
    };
    // Of one user: the others go on.
    for n in 0..SIGN_INS_MAX {
        assert_eq!(code(&sign_in("openid-7", n).0), NOT_LINKED, "{n}");
    }
    let (refused, told) = sign_in("openid-7", SIGN_INS_MAX);
    assert!(for_a_minute(&refused) && told == [45011], "{refused:?} {told:?}");
    assert_eq!(code(&sign_in("openid-8", 0).0), NOT_LINKED);
    scene.wait(Duration::from_secs(60));
    assert_eq!(code(&sign_in("openid-7", 200).0), NOT_LINKED);
    // Of the app: nobody goes on, until the minute is over.
    scene.linked();
    scene.wechat.allow("/wxa/business/getuserphonenumber", Quota { minute: 2, day: 10 });
    assert_eq!((scene.phone(1).0.status, scene.phone(2).0.status), (200, 200));
    let (refused, told) = scene.phone(3);
    assert!(for_a_minute(&refused) && told == [45011], "{refused:?} {told:?}");
    scene.wait(Duration::from_secs(59));
    let (refused, told) = scene.phone(4);
    assert!(refused.retry_after.as_deref() == Some("1") && told.is_empty(), "not asked: {refused:?} {told:?}");
    scene.wait(Duration::from_secs(1));
    assert_eq!(scene.phone(5).0.status, 200);
    // Of the day: this call is not made again before midnight, others are.
    scene.wechat.allow("/sns/jscode2session", Quota { minute: 1000, day: 1 });
    let (refused, told) = sign_in("openid-9", 0);
    assert_eq!((code(&refused), told), ((503, "access.provider_unavailable"), vec![45009]));
    let silent: u64 = refused.retry_after.as_deref().unwrap().parse().unwrap();
    scene.wait(Duration::from_secs(silent - 1));
    assert!(sign_in("openid-9", 1).1.is_empty(), "not asked");
    scene.wechat.log_in(PUBLIC, "openid-of-h5", "h5");
    assert_eq!(code(&scene.sign_in("official_account", "h5", None)), NOT_LINKED);
    scene.wait(Duration::from_secs(1));
    let (good, told) = sign_in("openid-9", 2);
    assert_eq!((code(&good), told), (NOT_LINKED, vec![0]));
}

/// The same of the bureau, as we assume it.
#[test]
fn the_bureau_keeps_to_its_own_rules() {
    let scene = Scene::new();
    let good = |code: &str| {
        let (answer, told) = scene.at_the_bureau(code);
        assert_eq!(answer.status, 201, "{answer:?}");
        told
    };
    let refused = |proof: &str| {
        let (answer, told) = scene.at_the_bureau(proof);
        (code(&answer).1.to_owned(), told.last().cloned().unwrap_or_default())
    };
    let both = |public: (u16, &str), told: &str| (public.1.to_owned(), told.to_owned());
    scene.verified(0, "kept");
    scene.wait(CODE_AGE_MAX - 2 * TICK);
    assert_eq!(good("kept"), ["0000", "0000"], "a token, and who it is");
    assert_eq!(refused("kept"), both(SPENT, "1001"));
    assert_eq!(refused("never given"), both(SPENT, "1001"));
    scene.verified(0, "late");
    scene.wait(CODE_AGE_MAX - TICK);
    assert_eq!(refused("late"), both(SPENT, "1001"));
    scene.bureau.unverified("not yet");
    assert_eq!(refused("not yet"), both(REFUSED, "1002"));
    scene.verified(3, "frozen");
    scene.bureau.freeze("yh3");
    assert_eq!(refused("frozen"), both(REFUSED, "1003"));
    // The token: renewed before its end, replaced where it is taken no more.
    let signs_in = |n: usize| {
        scene.verified(0, &format!("again {n}"));
        good(&format!("again {n}"))
    };
    scene.wait(tax_bureau::TOKEN_AGE_MAX - RENEWED_BEFORE);
    assert_eq!(signs_in(1), ["0000", "0000"]);
    scene.bureau.supersede_token("zhengna");
    assert_eq!(signs_in(2), ["2001", "0000", "0000"]);
    scene.bureau.server.ahead(tax_bureau::TOKEN_AGE_MAX);
    assert_eq!(signs_in(3), ["2001", "0000", "0000"]);
    // Too many.
    scene.bureau.allow(Quota { minute: 1, day: 100 });
    scene.wait(Duration::from_secs(60));
    assert_eq!(signs_in(4), ["0000"]);
    scene.verified(0, "one too many");
    let (busy, told) = scene.at_the_bureau("one too many");
    assert!(for_a_minute(&busy) && told == ["3001"], "{busy:?} {told:?}");
    scene.wait(Duration::from_secs(60));
    assert_eq!(good("one too many"), ["0000"], "it was not used up");
}

/// Each visit from the portal has a ticket with an id of its own, good once, and no longer than it says.
#[test]
fn each_visit_from_the_portal_is_one_session() {
    let scene = Scene::new();
    let now = || scene.host.world.core.now();
    let (first, second) = (scene.portal.visit(0, now()), scene.portal.visit(0, now()));
    for ticket in [&first, &second] {
        token(&scene.sign_in("portal", ticket, None));
    }
    for ticket in [&second, &first] {
        assert_eq!(code(&scene.sign_in("portal", ticket, None)), SPENT, "replayed");
    }
    // Under another account of the portal the same id is the same ticket.
    let mut claims = portal::claims(1, "visit 0", now());
    assert_eq!(code(&scene.sign_in("portal", &scene.portal.ticket(&claims), None)), SPENT);
    claims["jti"] = "longer than allowed".into();
    claims["exp"] = (claims["iat"].as_i64().unwrap() + 301).into();
    assert_eq!(code(&scene.sign_in("portal", &scene.portal.ticket(&claims), None)), SPENT);
    let late = scene.portal.visit(1, now());
    scene.wait(Duration::from_secs(120));
    assert_eq!(code(&scene.sign_in("portal", &late, None)), SPENT);
    // What was used is forgotten once it is refused for its age.
    for ticket in [&first, &second] {
        assert_eq!(code(&scene.sign_in("portal", ticket, None)), SPENT);
    }
}

/// A sole trader (个体工商户) registered under the owner's resident id: the owner comes in as the person.
#[test]
fn the_owner_of_a_sole_trader_is_let_in_as_the_person() {
    let scene = Scene::new();
    let owner = person(40);
    let trader = NewTaxpayer {
        kind: TaxpayerKind::Enterprise,
        number_kind: Some(NumberKind::ResidentId),
        name: "测试百货店".into(),
        ..owner.clone()
    };
    let system = scene.host.world.core.as_system();
    system.identity().enrol(&[trader], &mut |_| {}).unwrap();
    let enterprise = system.identity().find_by_number(&owner.number).unwrap().unwrap();
    scene.verified(40, "owner");
    let opened = token(&scene.sign_in("electronic_tax_bureau", "owner", None));
    let me = scene.host.get("/api/v1/me", &opened).body["taxpayer"].clone();
    assert_ne!(me, json!(enterprise));
    let card = scene.host.get(&format!("/api/v1/taxpayers/{}", me.as_str().unwrap()), &opened);
    assert_eq!((card.status, &card.body["kind"]), (200, &json!("person")), "{card:?}");
    let of_the_enterprise = scene.host.world.core.as_actor(Actor::Taxpayer(enterprise)).identity().view(enterprise).unwrap();
    assert_eq!((of_the_enterprise.kind, of_the_enterprise.name.as_str()), (TaxpayerKind::Enterprise, "测试百货店"));
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
