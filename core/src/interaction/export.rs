//! A conversation to take away (会话记录导出): as text, as a page to print, or as JSON with its hash, so that whoever holds it can show
//! that nothing was changed. A recalled message is in it as recalled, whoever asks.
//!
//! The hash is SM3 of the canonical form of what is under `transcript` in the JSON: UTF-8, the keys of each object in order, nothing
//! between tokens, whole numbers, and no escapes in texts but those that JSON asks for. `jq -cjS .transcript FILE | openssl dgst -sm3`
//! computes it anew. Text and page carry the same hash.

use base64::Engine as _;
use serde::Serialize;
use serde_json::Value;
use sha2::Digest as _;

use super::conversation::{self, open};
use super::message::Reader;
use super::transcript::every_message;
use super::{ConversationState, MessageView, Outcome, Quoted};
use crate::access::ActorKind;
use crate::clock::Timestamp;
use crate::crypto::hash;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::ConversationId;
use crate::store::{ReadTx, StoreError};

words! {
    /// In which form a conversation is taken away.
    pub enum ExportFormat {
        /// Plain text.
        Text = "text",
        /// A page to print: HTML that loads and runs nothing.
        Page = "page",
        /// JSON with its hash.
        Json = "json",
    }
}

/// Asks for a conversation of one's own, to take away.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ExportTranscript {
    /// Which.
    pub conversation: ConversationId,
    /// In which form.
    pub format: ExportFormat,
}

/// Asks for a conversation of one's area, to take away.
#[derive(Clone, Debug, Serialize)]
pub struct ExportReviewed {
    /// Which.
    pub conversation: ConversationId,
    /// In which form.
    pub format: ExportFormat,
    /// Why; kept in the audit trail.
    pub reason: String,
}

/// A conversation to take away.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExportedTranscript {
    /// Which.
    pub conversation: ConversationId,
    /// In which form.
    pub format: ExportFormat,
    /// A name for the file.
    pub file_name: String,
    /// What it is.
    pub media_type: String,
    /// What is in it.
    pub content: String,
    /// How many messages.
    pub messages: usize,
    /// SM3 of the canonical form, in hexadecimal digits.
    pub sm3: String,
}

/// What is hashed.
#[derive(Serialize)]
struct Record {
    /// Which form this is: another one gets another word.
    form: &'static str,
    conversation: ConversationId,
    line: String,
    topic: String,
    taxpayer: String,
    staff_no: Option<String>,
    state: ConversationState,
    outcome: Option<Outcome>,
    entered_at: Timestamp,
    claimed_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    exported_at: Timestamp,
    messages: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    number: i64,
    sender: ActorKind,
    sent_at: Timestamp,
    text: String,
    quotes: Option<i64>,
    recalled_at: Option<Timestamp>,
    #[serde(skip)]
    quoted: Option<Quoted>,
}

impl From<MessageView> for Line {
    fn from(m: MessageView) -> Self {
        let quotes = m.quoted.as_ref().map(|q| q.number);
        Self { number: m.number, sender: m.sender, sent_at: m.sent_at, text: m.text, quotes, recalled_at: m.recalled_at, quoted: m.quoted }
    }
}

/// A conversation that the caller may see, to take away.
pub(crate) fn export_transcript(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    id: ConversationId,
    format: ExportFormat,
) -> Result<ExportedTranscript, Error> {
    let c = open(tx, ctx, id)?;
    let view = conversation::view(tx, ctx, &c)?;
    let reader = Reader::taking_away(ctx);
    let messages = every_message(tx, ctx, &c, reader)?;
    let record = Record {
        form: "zhengna.transcript.1",
        conversation: id,
        line: view.line_name,
        topic: reader.shown(view.topic),
        taxpayer: view.taxpayer_name.to_string(),
        staff_no: view.staff_no,
        state: view.state,
        outcome: view.outcome,
        entered_at: view.entered_at,
        claimed_at: view.claimed_at,
        ended_at: view.ended_at,
        exported_at: ctx.now(),
        messages: messages.into_iter().map(Line::from).collect(),
    };
    let value = serde_json::to_value(&record).map_err(|e| StoreError::Backend(format!("a transcript cannot be written down: {e}")))?;
    let canonical = canonical(&value);
    let sm3 = hash::hex(&hash::sm3(&[canonical.as_bytes()]));
    let (content, ending, media_type) = match format {
        ExportFormat::Text => (as_text(&record, &sm3), "txt", "text/plain; charset=utf-8"),
        ExportFormat::Page => (as_page(&record, &sm3), "html", "text/html; charset=utf-8"),
        ExportFormat::Json => (format!("{{\"sm3\":\"{sm3}\",\"transcript\":{canonical}}}"), "json", "application/json"),
    };
    let file_name = format!("conversation-{id}.{ending}");
    let messages = record.messages.len();
    Ok(ExportedTranscript { conversation: id, format, file_name, media_type: media_type.into(), content, messages, sm3 })
}

/// Whether the JSON that was taken away is as it left: the hash that it carries is that of what is in it.
#[must_use]
pub fn is_as_exported(file: &str) -> bool {
    let Ok(file) = serde_json::from_str::<Value>(file) else { return false };
    let sm3 = hash::hex(&hash::sm3(&[canonical(&file["transcript"]).as_bytes()]));
    file["transcript"].is_object() && file["sm3"].as_str().is_some_and(|said| said.eq_ignore_ascii_case(&sm3))
}

/// JSON in its one form: keys in order, nothing between tokens.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| name.as_str());
            let fields = fields.iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// Beijing time, to the second.
fn shown(at: Timestamp) -> String {
    let text = at.rfc3339();
    format!("{} {}", &text[..10], &text[11..19])
}

/// What stands above the messages.
fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("会话编号", record.conversation.to_string()),
        ("队列", record.line.clone()),
        ("主题", record.topic.clone()),
        ("纳税人", record.taxpayer.clone()),
        ("排队时间", shown(record.entered_at)),
    ];
    facts.extend(record.staff_no.clone().map(|no| ("工作人员", no)));
    facts.extend(record.claimed_at.map(|at| ("接入时间", shown(at))));
    facts.extend(record.ended_at.map(|at| ("结束时间", shown(at))));
    facts.push(("导出时间", shown(record.exported_at)));
    facts
}

fn who(sender: ActorKind) -> &'static str {
    match sender {
        ActorKind::Taxpayer => "纳税人",
        ActorKind::Officer => "工作人员",
        _ => "系统",
    }
}

fn quote(line: &Line) -> Option<String> {
    line.quoted.as_ref().map(|q| format!("回复第 {} 条：{}", q.number, q.excerpt))
}

const HASH: &str = "校验值（SM3）";

fn as_text(record: &Record, sm3: &str) -> String {
    // Lines within a text are set in, so that none looks like the next message.
    let set_in = |text: &str| text.replace('\n', "\n    ");
    let mut text = String::from("会话记录\n\n");
    for (name, value) in facts(record) {
        text += &format!("{name}：{}\n", set_in(&value));
    }
    text.push('\n');
    for line in &record.messages {
        text += &format!("[{}] {} {}\n", line.number, shown(line.sent_at), who(line.sender));
        if let Some(quote) = quote(line) {
            text += &format!("    ｜{quote}\n");
        }
        text += &format!("    {}\n", set_in(&line.text));
    }
    text + &format!("\n{HASH}：{sm3}\n")
}

const STYLE: &str = "body{font:14px/1.6 sans-serif;max-width:48em;margin:2em auto;padding:0 1em;color:#000;background:#fff}\
dt{font-weight:bold}dd{margin:0 0 .3em}ol{list-style:none;padding:0}li{border-top:1px solid #ccc;padding:.5em 0;break-inside:avoid}\
p{margin:.2em 0;white-space:pre-wrap;overflow-wrap:anywhere}blockquote{margin:.2em 0;padding-left:.6em;border-left:3px solid #999}\
footer{overflow-wrap:anywhere;border-top:1px solid #000}";

fn as_page(record: &Record, sm3: &str) -> String {
    let style = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
    let facts: String = facts(record).iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escaped_html(value))).collect();
    let messages: String = record
        .messages
        .iter()
        .map(|line| {
            let quote = quote(line).map(|q| format!("<blockquote>{}</blockquote>", escaped_html(&q))).unwrap_or_default();
            let head = format!("[{}] {} {}", line.number, shown(line.sent_at), who(line.sender));
            format!("<li><b>{head}</b>{quote}<p>{}</p></li>", escaped_html(&line.text))
        })
        .collect();
    format!(
        "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"><title>会话记录</title><style>{STYLE}</style></head>\
         <body><h1>会话记录</h1><dl>{facts}</dl><ol>{messages}</ol><footer>{HASH}：{sm3}</footer></body></html>"
    )
}

/// A text as it may stand in HTML, between tags and in quotes.
fn escaped_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_has_its_keys_in_order_and_nothing_between() {
        let value: Value = serde_json::from_str("{ \"b\": [1, {\"z\": null, \"a\": \"<\\n\\u4f60\"}], \"a\": true }").unwrap();
        assert_eq!(canonical(&value), "{\"a\":true,\"b\":[1,{\"a\":\"<\\n你\",\"z\":null}]}");
    }

    #[test]
    fn what_was_changed_is_not_as_exported() {
        let transcript = "{\"a\":1,\"b\":\"您好\"}";
        let sm3 = hash::hex(&hash::sm3(&[transcript.as_bytes()]));
        let file = format!("{{\"sm3\":\"{sm3}\",\"transcript\":{transcript}}}");
        assert!(is_as_exported(&file));
        assert!(
            is_as_exported(&format!("{{ \"transcript\": {{ \"b\": \"\\u60a8好\", \"a\": 1 }}, \"sm3\": \"{sm3}\" }}")),
            "written otherwise"
        );
        assert!(!is_as_exported(&file.replace("您好", "您号")) && !is_as_exported(&file.replace(&sm3[..2], "zz")));
        assert!(!is_as_exported("") && !is_as_exported("{}") && !is_as_exported("[]"));
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(escaped_html("<b a=\"1\">'&'</b>"), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;");
    }
}
