//! A sample: the object of a call, under which terms it comes into reach, and what refuses a call beyond its row in the table.

use serde_json::Value;
use zhengna_core::id::{OfficerId, TaxpayerId};

use super::people::Person;
use super::{Refusal, Why};

/// An id that nothing has.
pub const NOBODY: &str = "019a0000-0000-7000-8000-00000000ffff";

/// Under which terms an object comes into reach.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The authority it belongs to.
    pub authority: Option<&'static str>,
    /// The taxpayers whose affair it is.
    pub participants: Vec<TaxpayerId>,
    /// The officer who has it.
    pub assigned: Option<OfficerId>,
    /// Whether it is everybody's.
    pub public: bool,
    /// The authority it is about: whoever belongs there or below is kept out.
    pub kept_from: Option<&'static str>,
}

/// What the operation is about.
pub enum About {
    /// The caller alone, or a list: whatever is out of reach is left out.
    Nothing,
    /// An object under these terms.
    Object(Terms),
    /// An id that nothing has.
    Missing,
}

/// What is asked once: parameters, body, and what is known of the object.
pub struct Object {
    /// Parameters of the path.
    pub params: Vec<(&'static str, String)>,
    /// Query, with its question mark.
    pub query: &'static str,
    /// Body.
    pub body: Value,
    /// What it is about.
    pub about: About,
    /// The answer to whoever does not reach it.
    pub beyond: (u16, &'static str),
    /// What refuses a caller who reaches it, beyond the row.
    #[expect(clippy::type_complexity, reason = "said once")]
    pub rule: Box<dyn Fn(&Person) -> Option<Refusal>>,
}

impl Object {
    pub(super) fn new() -> Self {
        Self {
            params: Vec::new(),
            query: "",
            body: Value::Null,
            about: About::Nothing,
            beyond: (404, "not_found"),
            rule: Box::new(|_| None),
        }
    }
    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }
    pub(super) fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }
    pub(super) fn at(mut self, name: &'static str, id: impl ToString) -> Self {
        self.params.push((name, id.to_string()));
        self
    }
    pub(super) fn under(mut self, terms: Terms) -> Self {
        self.about = About::Object(terms);
        self
    }
    pub(super) fn missing(mut self) -> Self {
        self.about = About::Missing;
        self
    }
    pub(super) fn beyond(mut self, status: u16, code: &'static str) -> Self {
        self.beyond = (status, code);
        self
    }
    pub(super) fn rule(mut self, rule: impl Fn(&Person) -> Option<Refusal> + 'static) -> Self {
        self.rule = Box::new(rule);
        self
    }
    pub(super) fn state(self, state: Option<(u16, &'static str)>) -> Self {
        self.rule(move |_| state.map(|(status, code)| Refusal { why: Why::State, status, code }))
    }
}

pub(super) type Make<'a> = Box<dyn Fn() -> Object + 'a>;

/// A state of the object, and how one in it is made.
pub struct Case<'a> {
    /// As the matrix writes it: the state, `-` where it has none or only one, and behind an `@` which one or where.
    pub name: String,
    /// Makes one.
    pub make: Make<'a>,
    /// Whether a call that is admitted uses it up.
    pub spent: bool,
    /// Whether callers who may are asked too.
    pub admitted: bool,
    /// What a caller who may is told besides success.
    pub also: &'static [&'static str],
}

impl<'a> Case<'a> {
    pub(super) fn new(name: impl Into<String>, make: impl Fn() -> Object + 'a) -> Self {
        Self { name: name.into(), make: Box::new(make), spent: false, admitted: true, also: &[] }
    }
    /// The state of the object; none where it has but one, or is not there.
    pub fn state(&self) -> Option<&str> {
        self.name.split('@').next().filter(|state| *state != "-" && !state.starts_with("missing"))
    }
    pub(super) fn spent(mut self) -> Self {
        self.spent = true;
        self
    }
    pub(super) fn also(mut self, codes: &'static [&'static str]) -> Self {
        self.also = codes;
        self
    }
    pub(super) fn refusals_only(mut self) -> Self {
        self.admitted = false;
        self
    }
}
