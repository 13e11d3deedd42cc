//! The sweep of identifiers: every field of the API document that takes an id, in a path, a query or a body however deep, is sent
//! as somebody to whom the object is foreign, once with its real id and once with an id that nothing has. Both are answered alike.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::people::{PLACES, Person, SessionState, Who};
use super::scene::Scene;
use super::{Route, Wire};
use crate::world::{JILIN_CITY, NANGUAN};

/// Fields where a real id and one that nothing has may be told apart, and why.
const KNOWN: [(&str, &str); 5] = [
    ("interaction.enter path line", "lines that take people in are everybody's"),
    ("interaction.propose_line body settings.overflow", "the same"),
    ("interaction.transfer body to.line", "the same"),
    ("access.propose_change body change.post.post", "posts are known to whoever administers, wherever"),
    ("access.propose_change body change.grant.post", "posts are known to whoever administers, wherever"),
];

/// Query parameters that take an id, and those that do not.
const QUERY_IDS: [&str; 1] = ["before"];
const QUERY_OTHERS: [&str; 26] = [
    "open",
    "list",
    "name",
    "set",
    "reason",
    "offers",
    "find",
    "overdue",
    "state",
    "cursor",
    "limit",
    "ticket",
    "after",
    "which",
    "began",
    "amount",
    "pauses",
    "unit",
    "authority",
    "year",
    "document",
    "title",
    "source",
    "channel",
    "from",
    "until",
];

/// What was swept.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// Fields that take an id, as `operation where name`.
    pub fields: Vec<String>,
    /// Pairs of calls that were compared.
    pub pairs: u64,
}

/// A field that takes an id.
struct Field {
    route: Route,
    /// `path`, `query` or `body`.
    place: &'static str,
    /// Name; in a body with dots, and `[]` behind what is a list.
    name: String,
}

impl Field {
    fn key(&self) -> String {
        format!("{} {} {}", self.route.id, self.place, self.name)
    }
}

/// Ids in a schema, with the way to them.
fn ids_in(document: &Value, schema: &Value, way: &str, depth: usize, found: &mut Vec<String>) {
    if depth > 12 {
        return;
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return ids_in(document, &document["components"]["schemas"][name], way, depth + 1, found);
    }
    if schema["format"] == "uuid" {
        found.push(way.to_owned());
    }
    let join = |name: &str| if way.is_empty() { name.to_owned() } else { format!("{way}.{name}") };
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        ids_in(document, inner, &join(name), depth + 1, found);
    }
    if schema["items"].is_object() {
        ids_in(document, &schema["items"], &format!("{way}[]"), depth + 1, found);
    }
    for either in ["anyOf", "oneOf", "allOf"].iter().filter_map(|k| schema[k].as_array()).flatten() {
        ids_in(document, either, way, depth + 1, found);
    }
}

fn harvest(routes: &[Route], document: &Value) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    for route in routes {
        let declared = &document["paths"][&route.path][route.method.to_lowercase()];
        let field = |place, name: &str| Field { route: route.clone(), place, name: name.to_owned() };
        for parameter in declared["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            match parameter["in"].as_str() {
                Some("path") if parameter["schema"]["format"] == "uuid" => fields.push(field("path", name)),
                Some("query") if QUERY_IDS.contains(&name) => fields.push(field("query", name)),
                Some("query") if !QUERY_OTHERS.contains(&name) => {
                    return Err(format!("{}: say in sweep.rs whether the query parameter {name} takes an id", route.id));
                }
                _ => {}
            }
        }
        let mut ways = Vec::new();
        ids_in(document, &declared["requestBody"]["content"]["application/json"]["schema"], "", 0, &mut ways);
        ways.sort_unstable();
        ways.dedup();
        fields.extend(ways.iter().map(|way| field("body", way)));
    }
    Ok(fields)
}

/// What is real, by the name of the field.
type Real = BTreeMap<&'static str, String>;

fn real(scene: &Scene<'_>, at: &'static str) -> Real {
    let officer = scene.staff.officer(at);
    let post = &[zhengna_core::access::Permission::ServeTaxpayers];
    let grant = scene.staff.grant(officer, post, at, None).to_string();
    let (line, conversation, taxpayer, approval, disclosure, delegation) = scene.things(at);
    BTreeMap::from([
        ("officer", officer.to_string()),
        ("taker", officer.to_string()),
        ("grant", grant),
        ("post", scene.staff.post(post).to_string()),
        ("line", line),
        ("conversation", conversation.clone()),
        ("other", scene.things(at).1),
        ("previous", conversation),
        ("taxpayer", taxpayer.clone()),
        ("person", taxpayer),
        ("approval", approval.clone()),
        ("before", approval),
        ("disclosure", disclosure),
        ("delegation", delegation),
        ("alert", scene.alert(at).to_string()),
        ("appeal", scene.complaint(at, false).0.to_string()),
        ("reply", scene.canned_reply(at).to_string()),
    ])
}

fn id_of<'a>(real: &'a Real, field: &Field) -> Result<&'a String, String> {
    let last = field.name.trim_end_matches("[]").rsplit('.').next().unwrap_or_default();
    let kind = match last {
        "approval" if field.route.id == "identity.disclose" => "disclosure",
        "taxpayers" => "taxpayer",
        other => other,
    };
    real.get(kind).ok_or_else(|| format!("{}: the sweep has nothing real for it: add it to sweep.rs", field.key()))
}

/// A body that would be taken, with its ids.
fn body(scene: &Scene<'_>, field: &Field, home: &Real) -> Result<Value, String> {
    let day = scene.world.core.now().plus(std::time::Duration::from_secs(86_400)).rfc3339();
    Ok(match field.route.id {
        "identity.reveal_taxpayer" => json!({ "field": "name", "reason": "核对" }),
        "identity.reveal_on_card" => json!({ "taxpayer": home["taxpayer"], "field": "name", "reason": "核对" }),
        "identity.release_relation" => json!({ "role": "tax_handler", "person": home["person"], "reason": "离职" }),
        "grid.assign_officer" => json!({ "reason": "调整" }),
        "identity.request_disclosure" => {
            json!({ "taxpayers": [home["taxpayer"]], "fields": ["phone"], "authority": NANGUAN, "reason": "专项核查" })
        }
        "access.give_password" => json!({ "password": "Gei-Ni-Yong-2026" }),
        "access.record_leave" => json!({ "left_at": null }),
        "access.propose_change" if field.name.starts_with("change.grant") => {
            let grant = json!({ "officer": home["officer"], "post": home["post"], "authority": NANGUAN, "ends_at": null });
            json!({ "change": { "grant": grant }, "reason": "工作需要" })
        }
        "access.propose_change" => {
            let post = json!({ "post": home["post"], "name": "改名", "permissions": ["serve_taxpayers"], "emergency": false });
            json!({ "change": { "post": post }, "reason": "工作需要" })
        }
        "access.take_emergency_post" => json!({ "post": home["post"], "authority": NANGUAN, "minutes": 1, "reason": "故障" }),
        "appeal.file" => json!({ "about": { "conversation": home["conversation"] }, "text": "答非所问" }),
        "appeal.answer" => json!({ "text": "已整改" }),
        "control.review_alert" => json!({ "verdict": "dismissed", "reason": "误操作" }),
        "approval.approve" | "approval.execute" => json!({ "digest": "00" }),
        "approval.reject" => json!({ "digest": "00", "reason": "与原文不符" }),
        "approval.delegate" => json!({ "taker": home["taker"], "starts_at": null, "ends_at": day }),
        "interaction.enter" => json!({ "topic": "问" }),
        "interaction.send" => json!({ "text": "您好" }),
        "interaction.export_transcript" => json!({ "format": "json" }),
        "interaction.export_reviewed" => json!({ "format": "page", "reason": "工作需要" }),
        "interaction.search" => {
            let place = json!({ "entered_at": day, "conversation": home["conversation"], "before": 2 });
            json!({ "text": "您好", "place": place, "limit": 2 })
        }
        "interaction.rate" => json!({ "grade": "satisfied", "reasons": [], "comment": null }),
        "interaction.answer_follow_up" => json!({ "answer": "已说明" }),
        "interaction.revisit_follow_up" => json!({ "revisit": "content", "note": "满意" }),
        "interaction.put_canned_reply" => json!({ "reply": home["reply"], "authority": NANGUAN, "topic": "个税", "text": "请稍等" }),
        "interaction.put_own_canned_reply" => json!({ "reply": home["reply"], "topic": "个税", "text": "请稍等" }),
        "interaction.mark_read" | "interaction.recall" => json!({ "number": 1 }),
        "interaction.close" => json!({ "outcome": "resolved", "note": null }),
        "interaction.claim"
        | "interaction.leave"
        | "interaction.request_callback"
        | "interaction.resume"
        | "interaction.step_out"
        | "interaction.accept_offer"
        | "interaction.decline_offer" => json!({}),
        "interaction.hold" => json!({ "minutes": 5 }),
        "interaction.whisper" => json!({ "text": "先核对身份" }),
        "interaction.ask_colleague" => json!({ "staff_no": "22010902", "text": "怎么报" }),
        "interaction.merge" => json!({ "other": home["other"] }),
        "interaction.propose_line" => {
            let routing = json!({ "topics": [], "specialists": [{ "officer": home["officer"], "topics": [] }] });
            let settings = json!({ "name": "改名", "kind": "general", "hours": "always", "routing": routing });
            json!({ "line": home["line"], "settings": settings, "reason": "工作需要" })
        }
        "interaction.transfer" => json!({ "to": { "officer": home["officer"] }, "note": "请续办" }),
        "interaction.review" | "interaction.join" | "interaction.prioritise" | "access.end_grant" | "approval.withdraw" => {
            json!({ "reason": "工作需要" })
        }
        _ if field.route.method == "GET" || field.route.method == "DELETE" => Value::Null,
        "access.reset_factor" | "identity.disclose" | "identity.card" | "interaction.typing" | "interaction.transcript" => Value::Null,
        other => return Err(format!("the sweep has no body for {other}: add it to sweep.rs")),
    })
}

fn set(body: &mut Value, name: &str, id: &str) {
    let mut at = body;
    for part in name.split('.') {
        let list = part.ends_with("[]");
        at = &mut at[part.trim_end_matches("[]")];
        if list {
            at = &mut at[0];
        }
    }
    *at = id.into();
}

/// The id beside it, which nothing has.
fn beside(id: &str) -> String {
    let last = if id.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &id[..id.len() - 1])
}

/// Sweeps every field.
pub(super) fn sweep(wire: &Wire, scene: &Scene<'_>, routes: &[Route], document: &Value) -> Result<Swept, String> {
    let (home, away) = (real(scene, NANGUAN), real(scene, JILIN_CITY));
    let mut swept = Swept::default();
    for field in harvest(routes, document)? {
        let key = field.key();
        if KNOWN.iter().any(|(known, _)| *known == key) {
            swept.fields.push(key);
            continue;
        }
        let template = body(scene, &field, &home)?;
        // To a taxpayer and an officer from elsewhere what is here is foreign; to an officer from here what is elsewhere.
        for (person, theirs) in callers(scene, &field.route) {
            let id = id_of(if theirs { &away } else { &home }, &field)?;
            let ask = |id: &str| {
                let (mut path, mut body) = (field.route.path.clone(), template.clone());
                if field.place == "path" {
                    path = path.replace(&format!("{{{}}}", field.name), id);
                }
                if field.place == "body" {
                    set(&mut body, &field.name, id);
                }
                for (name, id) in &home {
                    path = path.replace(&format!("{{{name}}}"), id);
                }
                if field.place == "query" {
                    path = format!("{path}?{}={id}", field.name);
                }
                let mut answer = wire.call(scene.world, &field.route.method, &path, person.token.as_deref(), &body)?;
                if let Some(problem) = answer.body.as_object_mut() {
                    problem.remove("request_id");
                }
                Ok::<_, String>((answer.status, answer.body.to_string().replace(id, "ID")))
            };
            let (foreign, missing) = (ask(id)?, ask(&beside(id))?);
            swept.pairs += 1;
            if foreign != missing {
                let who = person.label();
                return Err(format!("{key}, {who}: a foreign id answers otherwise than an id that nothing has: {foreign:?}, {missing:?}"));
            }
        }
        swept.fields.push(key);
    }
    let gone = KNOWN.iter().find(|(known, _)| !swept.fields.iter().any(|f| f == known));
    gone.map_or(Ok(swept), |(known, _)| Err(format!("{known} is no field of the document any more: take it out of sweep.rs")))
}

/// Who asks for what is foreign to them; true where they are from here.
fn callers<'s>(scene: &'s Scene<'_>, route: &Route) -> Vec<(&'s Person, bool)> {
    let post = route.operation.permission.map_or_else(|| "none".to_owned(), |p| format!("one:{}", p.as_str()));
    let good = |p: &&Person| p.session == SessionState::Good;
    let mut all = Vec::new();
    for (place, theirs) in [(PLACES[5].0, false), (PLACES[0].0, true)] {
        let found = scene.people().iter().filter(good).find(|p| p.post == post && p.place == place && matches!(p.who, Who::Officer(_)));
        all.extend(found.map(|p| (p, theirs)));
    }
    all.extend(scene.people().iter().filter(good).find(|p| p.kind == "taxpayer_foreign").map(|p| (p, false)));
    all
}
