//! Live events over real sockets: order, resumption, several hosts, slow readers, limits, ends.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Host, config};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};
use zhengna_core::access::{ActorKind, Permission, RecordLeave};
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{LineSettings, OpenLine, Prioritise};
use zhengna_tests::world::{Engine, NANGUAN, World, code, core_over};

const BOUND: Duration = Duration::from_secs(20);

/// A socket that remembers what came.
struct Client {
    socket: WebSocket<TcpStream>,
    cursor: String,
}

/// How a socket ended.
#[derive(Debug, PartialEq)]
enum Came {
    Frame(Value),
    Closed(Option<u16>),
}

impl Client {
    fn open(host: &Host, token: &str, cursor: Option<&str>) -> Self {
        let ticket =
            host.call("POST", "/api/v1/socket-tickets", Some(token), None, None).body["ticket"].as_str().expect("a ticket").to_owned();
        let mut client = Self { socket: connect(host, &query(&ticket, cursor), &[]).expect("opens"), cursor: String::new() };
        let hello = client.next();
        assert_eq!(hello["type"], "hello", "{hello}");
        client.cursor = hello["cursor"].as_str().unwrap().to_owned();
        client
    }

    fn came(&mut self) -> Came {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Came::Frame(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => return Came::Closed(frame.map(|f| f.code.into())),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed | tungstenite::Error::Protocol(_)) => {
                    return Came::Closed(None);
                }
                Err(e) => panic!("{e}"),
            }
        }
    }

    fn next(&mut self) -> Value {
        match self.came() {
            Came::Frame(frame) => frame,
            Came::Closed(code) => panic!("closed {code:?}"),
        }
    }

    /// The next event; remembers its cursor.
    fn event(&mut self) -> Value {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < BOUND, "no event came");
            let frame = self.next();
            if frame["type"] == "event" {
                self.cursor = frame["event"]["cursor"].as_str().unwrap().to_owned();
                return frame["event"].clone();
            }
        }
    }

    /// The next time that they are told where they stand.
    fn position(&mut self) -> Value {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < BOUND, "nobody told them where they stand");
            let frame = self.next();
            if frame["type"] == "position" {
                return frame["position"].clone();
            }
        }
    }

    /// The next event of a kind.
    fn event_of(&mut self, kind: &str) -> Value {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < BOUND, "no {kind} came");
            let event = self.event();
            if event["kind"] == kind {
                return event;
            }
        }
    }
}

fn query(ticket: &str, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
    format!("/api/v1/events?ticket={ticket}{cursor}")
}

fn connect(host: &Host, path: &str, headers: &[(&str, &str)]) -> Result<WebSocket<TcpStream>, u16> {
    use tungstenite::client::IntoClientRequest as _;
    let stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let mut request = format!("ws://{}{path}", host.address()).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(tungstenite::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => Err(response.status().as_u16()),
        Err(e) => panic!("{e}"),
    }
}

fn enter(host: &Host, token: &str) -> String {
    let line = host.world.line;
    let entered = host.post(&format!("/api/v1/lines/{line}/conversations"), token, &json!({ "topic": "问" }));
    entered.body["conversation"].as_str().unwrap_or_else(|| panic!("{entered:?}")).to_owned()
}

fn claim(host: &Host, token: &str) -> String {
    let claimed = host.post(&format!("/api/v1/lines/{}/claims", host.world.line), token, &json!({}));
    claimed.body["conversation"].as_str().unwrap_or_else(|| panic!("{claimed:?}")).to_owned()
}

fn say(host: &Host, token: &str, conversation: &str, text: &str) {
    let sent = host.post(&format!("/api/v1/conversations/{conversation}/messages"), token, &json!({ "text": text }));
    assert_eq!(sent.status, 201, "{sent:?}");
}

/// Found by review: a supervisor whose socket was open when they joined heard nothing of the conversation.
#[test]
fn whoever_joins_a_conversation_hears_it_from_then_on() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
        let both = [Permission::SuperviseInteraction, Permission::ServeTaxpayers];
        let boss = host.sign_in(ActorKind::Officer, host.world.appoint("22010801", NANGUAN, &both).uuid());
        let id = enter(&host, &taxpayer);
        claim(&host, &officer);
        let mut at_wall = Client::open(&host, &boss, None);
        let joined = host.post(&format!("/api/v1/conversations/{id}/join"), &boss, &json!({ "reason": "协助" }));
        assert_eq!(joined.status, 200, "{joined:?}");
        say(&host, &taxpayer, &id, "请帮帮我");
        assert_eq!(at_wall.event_of("message.sent")["message"]["text"], "请帮帮我", "{engine:?}");
    }
}

/// Found by review: whoever had handed a conversation on was told whenever its taxpayer typed.
#[test]
fn whoever_had_a_conversation_is_not_told_that_somebody_types_in_it() {
    for engine in [Engine::Memory, Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let (taxpayer, former, officer) = (host.taxpayer(0), host.officer(0), host.officer(1));
        let (mut formerly, mut at_desk) = (Client::open(&host, &former, None), Client::open(&host, &officer, None));
        let id = enter(&host, &taxpayer);
        claim(&host, &former);
        formerly.event_of("conversation.claimed");
        let handed = json!({ "to": { "line": host.world.line }, "note": "请续办" });
        host.post(&format!("/api/v1/conversations/{id}/transfer"), &former, &handed);
        claim(&host, &officer);
        at_desk.event_of("conversation.claimed");
        host.post(&format!("/api/v1/conversations/{id}/typing"), &taxpayer, &json!({}));
        while at_desk.next()["type"] != "typing" {}
        enter(&host, &host.taxpayer(1));
        let next = claim(&host, &former);
        loop {
            let frame = formerly.next();
            assert_ne!(frame["type"], "typing", "{engine:?}");
            if frame["event"]["kind"] == "conversation.claimed" && frame["event"]["conversation"] == json!(next) {
                break;
            }
        }
    }
}

/// Found by review: whoever waits in two lines was told of both again whenever either moved.
#[test]
fn whoever_waits_in_two_lines_is_told_of_each_once() {
    for engine in [Engine::Memory, Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let settings = LineSettings::new("另一队列");
        let open = OpenLine { authority: code(NANGUAN), settings, external_id: None };
        let other = host.world.core.as_system().interaction().open_line(open).wait().unwrap().line;
        let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
        let enter_other = |token: &str| host.post(&format!("/api/v1/lines/{other}/conversations"), token, &json!({ "topic": "问" }));
        enter_other(&host.taxpayer(1));
        let mut at_home = Client::open(&host, &taxpayer, None);
        let here = enter(&host, &taxpayer);
        assert_eq!(at_home.position()["conversation"], json!(here), "{engine:?}");
        let there = enter_other(&taxpayer).body["conversation"].clone();
        assert_eq!(at_home.position()["conversation"], there, "{engine:?}");
        // Somebody comes behind them here, which changes nothing for them; somebody before them is taken there.
        enter(&host, &host.taxpayer(2));
        let mut told = Client::open(&host, &host.taxpayer(3), None);
        enter(&host, &host.taxpayer(3));
        told.position();
        host.post(&format!("/api/v1/lines/{other}/claims"), &officer, &json!({}));
        let place = at_home.position();
        assert_eq!((&place["conversation"], &place["ahead"]), (&there, &json!(0)), "{engine:?}");
    }
}

/// Nobody asks again and again: whoever waits is told where they stand, and told anew when somebody before them is taken.
#[test]
fn whoever_waits_is_told_where_they_stand() {
    for engine in [Engine::Memory, Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let (first, second, officer) = (host.taxpayer(0), host.taxpayer(1), host.officer(0));
        host.call("PUT", "/api/v1/me/presence", Some(&officer), None, None);
        let mut at_home = Client::open(&host, &second, None);
        enter(&host, &first);
        let id = enter(&host, &second);
        let place = at_home.position();
        assert_eq!((&place["conversation"], &place["ahead"], &place["state"]), (&json!(id), &json!(1), &json!("waiting")), "{engine:?}");
        assert_eq!(place["estimate"]["officers"], 1, "{engine:?}: with what it is estimated from");
        let asked = host.get(&format!("/api/v1/conversations/{id}/position"), &second).body;
        assert_eq!(place, asked, "{engine:?}: as whoever asks is told");
        // Somebody behind them is let first: they are told why it takes longer.
        let last = enter(&host, &host.taxpayer(2));
        let first_of_all = Prioritise { conversation: ConversationId::from_uuid(last.parse().unwrap()), reason: "行动不便".into() };
        host.world.session_of(host.world.supervisor).interaction().prioritise(first_of_all).wait().unwrap();
        let later = at_home.position();
        assert_eq!((&later["ahead"], &later["longer"]), (&json!(2), &json!("others_first")), "{engine:?}: {later}");
        claim(&host, &officer);
        let sooner = at_home.position();
        assert_eq!((&sooner["ahead"], &sooner["longer"]), (&json!(1), &Value::Null), "{engine:?}: {sooner}");
        let mut at_desk = Client::open(&host, &officer, None);
        claim(&host, &officer);
        assert_eq!(at_home.position()["ahead"], 0, "{engine:?}");
        // Officers are told no places, and of one who was taken nobody is.
        claim(&host, &officer);
        at_home.event_of("conversation.claimed");
        say(&host, &second, &id, "在");
        loop {
            let frame = at_desk.next();
            assert_ne!(frame["type"], "position", "{engine:?}: {frame}");
            if frame["event"]["kind"] == "message.sent" {
                break;
            }
        }
    }
}

#[test]
fn both_sides_see_everything_in_order() {
    for engine in [Engine::Memory, Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
        // Both are there before anything exists: what comes to be reaches them all the same.
        let (mut at_home, mut at_desk) = (Client::open(&host, &taxpayer, None), Client::open(&host, &officer, None));
        let id = enter(&host, &taxpayer);
        assert_eq!(at_desk.event_of("line.entered")["topic"], json!(format!("line/{}", host.world.line)));
        assert_eq!(at_home.event_of("conversation.entered")["conversation"], json!(id));
        claim(&host, &officer);
        assert_eq!(at_home.event_of("conversation.claimed")["conversation"], json!(id));
        assert_eq!(at_desk.event_of("conversation.claimed")["mine"], true);
        say(&host, &taxpayer, &id, "您好");
        let heard = at_desk.event_of("message.sent");
        assert_eq!((&heard["message"]["text"], &heard["mine"], &heard["number"]), (&json!("您好"), &json!(false), &json!(1)), "{engine:?}");
        let reminder = json!({ "of": "first_message", "sound": "once", "popup": true });
        assert_eq!(heard["reminder"], reminder, "{engine:?}: what a client does about it, as the line declares");
        assert_eq!(at_home.event_of("message.sent")["mine"], true);
        // Typing leaves no trace but reaches the other one.
        host.post(&format!("/api/v1/conversations/{id}/typing"), &officer, &json!({}));
        loop {
            let frame = at_home.next();
            if frame["type"] == "typing" {
                assert_eq!(frame["who"], "officer");
                break;
            }
        }
        host.post(&format!("/api/v1/conversations/{id}/close"), &officer, &json!({ "outcome": "resolved", "note": null }));
        assert_eq!(at_home.event_of("conversation.closed")["conversation"], json!(id));
    }
}

#[test]
fn after_any_reconnect_nothing_is_missing_and_nothing_doubled() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let host = Host::start(engine);
        let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
        let first = Client::open(&host, &officer, None);
        let mut cursor = first.cursor.clone();
        drop(first);
        let id = enter(&host, &taxpayer);
        claim(&host, &officer);
        let mut heard = Vec::new();
        for round in 0..6 {
            for n in 0..3 {
                say(&host, &taxpayer, &id, &format!("{round}.{n}"));
            }
            // Reads a few, then is cut off in the middle without a word.
            let mut client = Client::open(&host, &officer, Some(&cursor));
            for _ in 0..=round % 3 {
                heard.push(client.event_of("message.sent")["message"]["text"].as_str().unwrap().to_owned());
            }
            cursor = client.cursor.clone();
            client.socket.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
        }
        // The last words are spoken while nobody listens, and the conversation is over before anybody does again.
        say(&host, &officer, &id, "再见");
        host.post(&format!("/api/v1/conversations/{id}/close"), &officer, &json!({ "outcome": "resolved", "note": null }));
        let mut client = Client::open(&host, &officer, Some(&cursor));
        while heard.len() < 19 {
            heard.push(client.event_of("message.sent")["message"]["text"].as_str().unwrap().to_owned());
        }
        assert_eq!(client.event_of("conversation.closed")["conversation"], json!(id), "{engine:?}");
        let expected: Vec<String> = (0..6).flat_map(|round| (0..3).map(move |n| format!("{round}.{n}"))).chain(["再见".into()]).collect();
        assert_eq!(heard, expected, "{engine:?}");
    }
}

#[test]
fn two_hosts_on_one_postgresql_deliver_to_each_others_clients() {
    let world = World::new(Engine::Postgres);
    let keep = &world.keep;
    let (second, clock) = core_over(keep.open(), 99);
    let other = World {
        core: second,
        clock,
        line: world.line,
        officers: world.officers.clone(),
        stranger: world.stranger,
        supervisor: world.supervisor,
        administrator: world.administrator,
        security: world.security,
        auditor: world.auditor,
        idle_hand: world.idle_hand,
        taxpayers: world.taxpayers.clone(),
        keep: zhengna_tests::world::Keep::Nothing,
    };
    let fast =
        config(&[("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "100000"), ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "100000")]);
    let (one, two) = (Host::over(world, &fast), Host::over(other, &fast));
    let taxpayer = one.taxpayer(0);
    let officer = two.officer(0);
    let (mut at_home, mut at_desk) = (Client::open(&one, &taxpayer, None), Client::open(&two, &officer, None));
    // The officer's presence on the second host counts on the first.
    two.call("PUT", "/api/v1/me/presence", Some(&officer), None, None);
    let id = enter(&one, &taxpayer);
    at_desk.event_of("line.entered");
    let began = Instant::now();
    let officers = loop {
        let position = one.get(&format!("/api/v1/conversations/{id}/position"), &taxpayer).body;
        if position["estimate"]["officers"] == 1 || began.elapsed() > BOUND {
            break position["estimate"]["officers"].clone();
        }
    };
    assert_eq!(officers, 1);
    assert_eq!(claim(&two, &officer), id);
    at_home.event_of("conversation.claimed");
    for n in 0..20 {
        let (host, token) = if n % 2 == 0 { (&one, &taxpayer) } else { (&two, &officer) };
        say(host, token, &id, &n.to_string());
    }
    for client in [&mut at_home, &mut at_desk] {
        let texts: Vec<String> = (0..20).map(|_| client.event_of("message.sent")["message"]["text"].as_str().unwrap().to_owned()).collect();
        assert_eq!(texts, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    two.post(&format!("/api/v1/conversations/{id}/typing"), &officer, &json!({}));
    while at_home.next()["type"] != "typing" {}
}

#[test]
fn t40_a_ticket_opens_one_socket_once_and_not_for_long() {
    let host = Host::start(Engine::Sqlite);
    let token = host.taxpayer(0);
    let ticket = || host.call("POST", "/api/v1/socket-tickets", Some(&token), None, None).body["ticket"].as_str().unwrap().to_owned();
    let good = ticket();
    assert!(connect(&host, &query(&good, None), &[]).is_ok());
    assert_eq!(connect(&host, &query(&good, None), &[]).unwrap_err(), 401, "used");
    let late = ticket();
    host.world.clock.advance(zhengna_core::limits::SOCKET_TICKET_AGE_MAX);
    assert_eq!(connect(&host, &query(&late, None), &[]).unwrap_err(), 401, "late");
    assert_eq!(connect(&host, &query("nonsense", None), &[]).unwrap_err(), 401);
    assert_eq!(connect(&host, "/api/v1/events", &[]).unwrap_err(), 401);
    assert_eq!(
        connect(&host, &query(&ticket(), None), &[("origin", "https://evil.example")]).unwrap_err(),
        403,
        "a page of somebody else's"
    );
    let bearer = format!("Bearer {token}");
    assert!(connect(&host, "/api/v1/events", &[("authorization", &bearer)]).is_ok(), "a program has the token itself");
    assert_eq!(connect(&host, &query(&ticket(), Some("nonsense")), &[]).unwrap_err(), 422);
}

#[test]
fn t40_an_ended_session_loses_its_socket() {
    let host = Host::start(Engine::Sqlite);
    let token = host.officer(0);
    let mut client = Client::open(&host, &token, None);
    host.call("DELETE", "/api/v1/sessions/current", Some(&token), None, None);
    // Within five seconds, by the proof of live delivery; a test asserts no time.
    let end = loop {
        match client.came() {
            Came::Closed(code) => break code,
            Came::Frame(_) => {}
        }
    };
    assert_eq!(end, Some(1008));
}

#[test]
fn t40_whoever_leaves_the_bureau_loses_their_socket() {
    let host = Host::start(Engine::Sqlite);
    let mut client = Client::open(&host, &host.officer(0), None);
    let leave = RecordLeave { officer: host.world.officers[0], left_at: None };
    host.world.session_of(host.world.administrator).access().record_leave(leave).wait().unwrap();
    assert_eq!(loop_until_closed(&mut client), Some(1008));
}

#[test]
fn a_stopping_host_says_so_and_the_cursor_goes_on_elsewhere() {
    let host = Host::start(Engine::Sqlite);
    let token = host.taxpayer(0);
    let mut client = Client::open(&host, &token, None);
    host.lifecycle.begin_stop();
    let end = loop {
        match client.came() {
            Came::Closed(code) => break code,
            Came::Frame(_) => {}
        }
    };
    assert_eq!(end, Some(1001));
}

#[test]
fn t40_frames_sockets_and_floods_have_limits() {
    let world = World::new(Engine::Memory);
    let small = config(&[("ZHENGNA_LIMITS_FRAME_BYTES", "256"), ("ZHENGNA_LIMITS_CONNECTIONS_PER_PERSON", "2")]);
    let host = Host::over(world, &small);
    let token = host.taxpayer(0);
    let mut big = Client::open(&host, &token, None);
    big.socket.send(Message::Text("x".repeat(300).into())).unwrap();
    assert!(matches!(big.came(), Came::Closed(_)), "a frame over the limit");
    let mut flood = Client::open(&host, &token, None);
    for _ in 0..40 {
        if flood.socket.send(Message::Text("{\"type\":\"ping\"}".into())).is_err() {
            break;
        }
    }
    assert_eq!(loop_until_closed(&mut flood), Some(4029));
    // The two above give their places back once their ends are seen.
    drop((big, flood));
    until_metrics(&host, "zhengna_live_connections 0");
    let bearer = format!("Bearer {token}");
    let open = || connect(&host, "/api/v1/events", &[("authorization", &bearer)]);
    let kept = (open().unwrap(), open().unwrap());
    assert_eq!(open().unwrap_err(), 429, "a third");
    drop(kept);
}

/// A socket on which clients could write what others saw (CVE-2026-72918): here it heeds "typing" of one's own conversation, and
/// nothing it is sent is kept.
#[test]
fn t39_a_socket_takes_nothing_that_is_kept_or_told_to_others() {
    let host = Host::start(Engine::Sqlite);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let id = enter(&host, &taxpayer);
    claim(&host, &officer);
    let mut at_desk = Client::open(&host, &officer, None);
    let (own, foreign) = (Client::open(&host, &taxpayer, None), Client::open(&host, &host.taxpayer(1), None));
    let before = host.dump();
    let event = json!({ "kind": "message.sent", "conversation": id, "message": { "text": "冒名" } });
    let forged = [
        json!({ "type": "event", "event": event }),
        json!({ "type": "message.sent", "conversation": id, "text": "冒名" }),
        json!({ "type": "send", "conversation": id, "text": "冒名" }),
        json!({ "type": "close", "conversation": id }),
        json!({ "type": "typing", "conversation": id, "who": "officer" }),
        json!({ "type": "subscribe", "topic": format!("line/{}", host.world.line) }),
        json!({ "type": "hello", "cursor": "0.0" }),
        json!({ "method": "conversations.close", "params": [id] }),
    ];
    let typing = [id.as_str(), "019a0000-0000-7000-8000-00000000ffff"].map(|of| json!({ "type": "typing", "conversation": of }));
    for (mut client, frames) in [(own, &forged[..]), (foreign, &typing[..])] {
        for frame in frames {
            client.socket.send(Message::Text(frame.to_string().into())).unwrap();
        }
        // Frames are heeded in their order, and this one ends the socket: the others were seen.
        client.socket.send(Message::Binary(vec![0].into())).unwrap();
        assert_eq!(loop_until_closed(&mut client), Some(4029));
    }
    assert_eq!(host.dump(), before, "nothing is kept");
    // The first that the desk hears of all this is what somebody really wrote.
    say(&host, &taxpayer, &id, "真的");
    loop {
        let frame = at_desk.next();
        assert!(frame["type"] != "typing" && !frame.to_string().contains("冒名"), "{frame}");
        if frame["event"]["kind"] == "message.sent" {
            assert_eq!(frame["event"]["message"]["text"], "真的");
            break;
        }
    }
}

/// Waits until the host's metrics say so.
fn until_metrics(host: &Host, line: &str) {
    let began = Instant::now();
    loop {
        let metrics = host.call("GET", "/metrics", None, None, None).body.as_str().unwrap().to_owned();
        if metrics.lines().any(|l| l == line) {
            return;
        }
        assert!(began.elapsed() < BOUND, "never: {line}\n{metrics}");
    }
}

fn loop_until_closed(client: &mut Client) -> Option<u16> {
    loop {
        if let Came::Closed(code) = client.came() {
            return code;
        }
    }
}

/// A reader that reads nothing is let go; the others notice nothing; it comes back and has everything.
#[test]
fn a_slow_reader_is_let_go_and_resumes() {
    let host = Host::start(Engine::Sqlite);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let id = enter(&host, &taxpayer);
    claim(&host, &officer);
    let slow = Client::open(&host, &officer, None);
    let (cursor, mut quick) = (slow.cursor.clone(), Client::open(&host, &taxpayer, None));
    // Enough to fill what waits in the hub, in the feed and in the kernel's buffers, none of it read.
    let long = "长".repeat(2000);
    let total = 1_400;
    let reading =
        std::thread::spawn(move || (1..=total).for_each(|expected| assert_eq!(quick.event_of("message.sent")["number"], expected)));
    let session = host.world.taxpayer(0);
    let conversation = zhengna_core::id::ConversationId::parse(&id).unwrap();
    for _ in 0..total {
        session.interaction().send(zhengna_core::interaction::SendMessage::new(conversation, long.clone())).wait().unwrap();
    }
    reading.join().expect("the quick one has all");
    until_metrics(&host, "zhengna_live_slow_total 1");
    drop(slow);
    let mut back = Client::open(&host, &officer, Some(&cursor));
    let mut numbers = BTreeMap::new();
    while numbers.len() < total {
        *numbers.entry(back.event_of("message.sent")["number"].as_u64().unwrap()).or_insert(0) += 1;
    }
    assert!(numbers.values().all(|n| *n == 1) && numbers.keys().copied().eq(1..=total as u64));
}

/// Server-sent events carry the same, resume by `Last-Event-ID`, and end with a stop.
#[test]
fn server_sent_events_carry_the_same() {
    let host = Host::start(Engine::Sqlite);
    let (taxpayer, officer) = (host.taxpayer(0), host.officer(0));
    let id = enter(&host, &taxpayer);
    claim(&host, &officer);
    let mut stream = Sse::open(&host, &officer, None);
    let (hello_id, hello) = stream.next();
    assert_eq!(hello["type"], "hello");
    say(&host, &taxpayer, &id, "一");
    let (first_id, first) = stream.next();
    assert_eq!((&first["type"], &first["event"]["message"]["text"]), (&json!("event"), &json!("一")));
    drop(stream);
    say(&host, &taxpayer, &id, "二");
    let mut again = Sse::open(&host, &officer, first_id.as_deref());
    assert_eq!(again.next().1["type"], "hello");
    assert_eq!(again.next().1["event"]["message"]["text"], "二", "not one twice, none missing");
    let mut from_the_start = Sse::open(&host, &officer, hello_id.as_deref());
    from_the_start.next();
    assert_eq!(from_the_start.next().1["event"]["message"]["text"], "一");
}

struct Sse(BufReader<TcpStream>);

impl Sse {
    fn open(host: &Host, token: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(host.address()).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(
            stream,
            "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n{last}\r\n",
            host.address()
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains("200"), "{line}");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Self(reader)
    }

    fn next(&mut self) -> (Option<String>, Value) {
        let (mut id, mut data) = (None, None);
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(value).unwrap());
            } else if let (true, Some(data)) = (line.is_empty(), data.take()) {
                return (id, data);
            }
        }
    }
}
