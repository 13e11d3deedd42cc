//! Two hundred marked personal values go through a real host, by every door and by wrong ones. Then none of them is to be read in its log at
//! the most talkative level, in an error it gave, in its database, write-ahead log, or a backup: not as text, UTF-16, hexadecimal digits, base64,
//! or JSON escapes. And the process leaves no core.

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::process::{BOUND, run, signal, zhengna};
use zhengna_core::access::{ActorKind, ActorRef, Credentials, Permission};
use zhengna_core::clock::Clock as _;
use zhengna_core::core::PROJECTIONS;
use zhengna_core::identity::NewTaxpayer;
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_server::system::SystemClock;
use zhengna_tests::world::{self, CHANGCHUN, Engine, NANGUAN, World, core_over, person};

const PEOPLE: usize = 55;
const TEXTS: usize = 46;
const PASSWORD: &str = "Xiang-Kan-2026";

/// Every spelling of a value, by its first bytes.
#[derive(Default)]
struct Needles(HashMap<[u8; 6], Vec<(Vec<u8>, String)>>);

impl Needles {
    fn add(&mut self, value: &str) {
        let bytes = value.as_bytes();
        let hex = zhengna_core::crypto::hex(bytes);
        let utf16 = |convert: fn(u16) -> [u8; 2]| value.encode_utf16().flat_map(convert).collect::<Vec<u8>>();
        let escapes: String = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let mut spellings = vec![
            bytes.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            escapes.into_bytes(),
        ];
        // Base64 depends on where the value begins: what does not depend on its neighbours, at each of three places.
        for before in 0..3 {
            let encoded = STANDARD.encode([&vec![0; before], bytes].concat());
            let (from, to) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
            spellings.push(encoded.as_bytes()[from..to].to_vec());
        }
        for spelling in spellings {
            let first: [u8; 6] = spelling[..6].try_into().unwrap();
            self.0.entry(first).or_default().push((spelling, value.to_owned()));
        }
    }

    /// The first value that can be read in `bytes`.
    fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        (0..bytes.len().saturating_sub(5)).find_map(|at| {
            let first: [u8; 6] = bytes[at..at + 6].try_into().unwrap();
            let here = self.0.get(&first)?;
            here.iter().find(|(spelling, _)| bytes[at..].starts_with(spelling)).map(|(_, value)| value.as_str())
        })
    }
}

fn marked(n: usize) -> NewTaxpayer {
    let letter = |n: usize| char::from_u32(0x5000 + n as u32).unwrap();
    NewTaxpayer { name: format!("雀{}{}", letter(n), letter(7 * n + 1)), synthetic: false, ..person(7000 + n) }
}

fn text(n: usize) -> String {
    format!("金丝雀第{n}号：身份证丢了怎么办")
}

fn call(address: &str, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    let mut io = TcpStream::connect(address).unwrap();
    io.set_read_timeout(Some(BOUND)).unwrap();
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let key = CALLS.fetch_add(1, Ordering::SeqCst);
    let sent = write!(
        io,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\nidempotency-key: call {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    sent.unwrap();
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer[9..12].parse().unwrap(), answer)
}

fn json_of(answer: &str) -> Value {
    answer
        .split_once("\r\n\r\n")
        .and_then(|(_, body)| serde_json::from_str(&body[body.find('{')?..=body.rfind('}')?]).ok())
        .unwrap_or_default()
}

/// Every file in a directory, with what is in it.
fn files_of(dir: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let read = |path: PathBuf| (format!("{prefix}{}", path.file_name().unwrap().to_string_lossy()), fs::read(&path).unwrap());
    fs::read_dir(dir).unwrap().map(|file| read(file.unwrap().path())).collect()
}

#[test]
fn no_marked_value_is_to_be_read_anywhere() {
    let dir = world::directory();
    let at = dir.path();
    let (core, clock) = core_over(SqliteStore::open(&at.join("zhengna.db"), world::start(), PROJECTIONS).unwrap(), 7);
    clock.set(SystemClock.now());
    let world = World::furnish(core, clock, world::Keep::fresh(Engine::Memory), 1, 1).unwrap();
    let system = world.core.as_system();
    let people: Vec<NewTaxpayer> = (0..PEOPLE).map(marked).collect();
    let mut needles = Needles::default();
    for new in &people {
        [&new.name, &new.number, new.phone.as_ref().unwrap()].into_iter().for_each(|value| needles.add(value));
    }
    (0..TEXTS).for_each(|n| needles.add(&text(n)));
    const { assert!(3 * PEOPLE + TEXTS >= 200) };
    for some in people.chunks(20) {
        system.identity().enrol(some, &mut |_| {}).unwrap();
    }
    let id = |n: usize| system.identity().find_by_number(&people[n].number).unwrap().unwrap();
    // The host hashes as it is shipped, slowly: two of them sign in, with their phone as the login.
    let tokens: Vec<String> = (0..2)
        .map(|n| {
            let login = people[n].phone.clone().unwrap();
            system.access().set_password(ActorRef { kind: ActorKind::Taxpayer, id: id(n).uuid() }, &login, PASSWORD).unwrap();
            world.core.sign_in(&Credentials { login, password: PASSWORD.into() }, "-").unwrap().token
        })
        .collect();
    system.access().set_password(world.officer(0).actor().as_ref(), "22010000", PASSWORD).unwrap();
    let officer = world::signed_in(&world.core, "22010000", PASSWORD).unwrap();
    // Who sees some of it unmasked, and who agrees to that.
    let head = world.appoint("22019990", CHANGCHUN, &[Permission::ApproveDisclosure]);
    let [supervisor, head] = [(world.supervisor, "22010902"), (head, "22019990")].map(|(who, login)| {
        system.access().set_password(world.session_of(who).actor().as_ref(), login, PASSWORD).unwrap();
        world::signed_in(&world.core, login, PASSWORD).unwrap()
    });
    let (line, someone) = (world.line, id(5));
    let many = [id(6), id(7)];
    fs::write(at.join("zhengna.key"), world::keys().to_text().as_bytes()).unwrap();
    fs::set_permissions(at.join("zhengna.key"), fs::Permissions::from_mode(0o600)).unwrap();
    drop((world, system));

    let mut host =
        zhengna(at, &["serve", "--listen", "127.0.0.1:0", "--log-filter", "trace", "--limits-requests-per-second-per-person", "1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(fs::File::create(at.join("log")).unwrap()))
            .spawn()
            .unwrap();
    let mut out = BufReader::new(host.stdout.take().unwrap());
    let mut said = String::new();
    let address = loop {
        assert!(out.read_line(&mut said).unwrap() > 0, "{}", fs::read_to_string(at.join("log")).unwrap());
        if let Some((_, rest)) = said.split_once("http://") {
            break rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect::<String>();
        }
    };
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.id())).unwrap();
    let core_size = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert!(core_size.split_whitespace().filter(|word| *word == "0").count() == 2, "{core_size}");

    let mut errors = Vec::new();
    let mut ask = |method: &str, path: &str, token: &str, body: &str| {
        let (status, answer) = call(&address, method, path, token, body);
        if status >= 400 {
            errors.push(answer.clone());
        }
        (status, answer)
    };
    // By the doors that are there.
    let mut n = 0;
    for token in &tokens {
        let (status, entered) =
            ask("POST", &format!("/api/v1/lines/{line}/conversations"), token, &json!({ "topic": text(n) }).to_string());
        assert_eq!(status, 201, "{entered}");
        let conversation = json_of(&entered)["conversation"].as_str().unwrap().to_owned();
        let of = format!("/api/v1/conversations/{conversation}");
        assert_eq!(ask("POST", &format!("/api/v1/lines/{line}/claims"), &officer, "{}").0, 201);
        n += 1;
        for _ in 0..9 {
            for who in [token, &officer] {
                let (status, sent) = ask("POST", &format!("{of}/messages"), who, &json!({ "text": text(n) }).to_string());
                assert_eq!(status, 201, "{sent}");
                n += 1;
            }
        }
        for path in ["/messages", "/card", "", "/position"] {
            assert_eq!(ask("GET", &format!("{of}{path}"), &officer, "").0, 200, "{path}");
        }
        assert_eq!(ask("POST", &format!("{of}/transcript"), token, "{}").0, 200);
        let handed = json!({ "to": { "line": line }, "note": text(n) }).to_string();
        assert_eq!(ask("POST", &format!("{of}/transfer"), &officer, &handed).0, 200);
        assert_eq!(ask("POST", &format!("/api/v1/lines/{line}/claims"), &officer, "{}").0, 201);
        n += 1;
        assert_eq!(ask("POST", &format!("{of}/close"), &officer, &json!({ "outcome": "resolved", "note": text(n) }).to_string()).0, 200);
        n += 1;
        let low = json!({ "grade": "dissatisfied", "reasons": ["slow"], "comment": text(n) }).to_string();
        let (status, rated) = ask("POST", &format!("{of}/rating"), token, &low);
        assert_eq!(status, 201, "{rated}");
        n += 1;
        let complaint = json!({ "about": { "conversation": conversation }, "text": text(n) }).to_string();
        let (status, filed) = ask("POST", "/api/v1/appeals", token, &complaint);
        assert_eq!(status, 201, "{filed}");
        n += 1;
        assert_eq!(ask("GET", "/api/v1/me", token, "").0, 200);
        // Over: what is written now is refused, and not repeated.
        assert_eq!(ask("POST", &format!("{of}/messages"), token, &json!({ "text": text(0) }).to_string()).0, 409);
    }
    assert!(n >= TEXTS);
    // Unmasked: the answer has it, and nothing else may.
    let (status, shown) = ask(
        "POST",
        &format!("/api/v1/taxpayers/{someone}/reveal"),
        &supervisor,
        &json!({ "field": "number", "reason": "核对身份" }).to_string(),
    );
    assert!(status == 200 && shown.contains(&people[5].number), "{shown}");
    let asked = json!({ "taxpayers": many, "fields": ["name", "number", "phone"], "authority": NANGUAN, "reason": "专项核查" });
    let (status, opened) = ask("POST", "/api/v1/disclosures", &supervisor, &asked.to_string());
    assert_eq!(status, 201, "{opened}");
    let opened = json_of(&opened);
    let approval = opened["approval"].as_str().unwrap();
    let agreed = json!({ "digest": opened["digest"] }).to_string();
    assert_eq!(ask("POST", &format!("/api/v1/approvals/{approval}/approve"), &head, &agreed).0, 200);
    let (status, shown) = ask("POST", &format!("/api/v1/disclosures/{approval}"), &supervisor, "");
    let all = people[6..8].iter().all(|p| [&p.name, &p.number, p.phone.as_ref().unwrap()].iter().all(|value| shown.contains(*value)));
    assert!(status == 200 && all, "{shown}");
    assert_eq!(ask("GET", &format!("/api/v1/taxpayers/{someone}"), &officer, "").0, 200);
    // By wrong ones: each value in places where it does not belong.
    for new in &people {
        let phone = new.phone.as_deref().unwrap();
        let signing_in = json!({ "login": phone, "password": new.number, "name": new.name }).to_string();
        assert!(ask("POST", "/api/v1/sessions", "", &signing_in).0 >= 400);
        assert!(
            ask(
                "POST",
                &format!("/api/v1/lines/{line}/conversations"),
                &tokens[0],
                &json!({ "topic": 1, "channel": new.name }).to_string()
            )
            .0 >= 400
        );
        assert!(
            ask("POST", &format!("/api/v1/lines/{line}/conversations"), &tokens[0], &format!("{{\"{}\": \"{}\"", new.name, new.number)).0
                >= 400
        );
        assert!(ask("GET", &format!("/api/v1/conversations/{}", new.number), &officer, "").0 >= 400);
        assert!(ask("GET", &format!("/api/v1/me/conversations?limit={phone}"), &officer, "").0 >= 400);
        assert!(ask("GET", "/api/v1/me", &new.number, "").0 >= 400);
    }
    run(at, &["backup", "unsealed.dump", "--unsealed"]).exits(0);
    // While the host runs: what it wrote last is in the write-ahead log, which its end empties.
    let mut places = files_of(at, "running ");
    assert!(
        places.iter().any(|(name, bytes)| name == "running zhengna.db-wal" && bytes.len() > 100_000),
        "no write-ahead log to look into"
    );
    signal(host.id(), "TERM");
    out.read_to_string(&mut said).unwrap();
    assert!(host.wait().unwrap().success());
    let verified = run(at, &["audit", "verify"]).exits(0);
    let verified = [verified.out, verified.err].concat().into_bytes();

    assert!(errors.len() > 5 * PEOPLE, "{} errors", errors.len());
    places.extend([("errors".into(), errors.concat().into_bytes()), ("said".into(), said.into_bytes()), ("verify".into(), verified)]);
    places.extend(files_of(at, ""));
    assert!(!places.iter().any(|(name, _)| name.starts_with("core")), "a core was left");
    let log = places.iter().find(|(name, _)| name == "log").map_or(0, |(_, bytes)| bytes.len());
    assert!(log > 50_000, "the log was to be talkative: {log} bytes");
    for (place, bytes) in &places {
        assert_eq!(needles.found_in(bytes), None, "in {place}");
    }
    // The search finds what is there.
    for spelled in [text(0), STANDARD.encode(format!("x{}", people[0].number)), zhengna_core::crypto::hex(people[1].name.as_bytes())] {
        assert!(needles.found_in(format!("…{spelled}…").as_bytes()).is_some(), "{spelled}");
    }
}
