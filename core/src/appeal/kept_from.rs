//! From whom an appeal is kept beside whom it is about: whoever else served the conversation that it comes from.

use compact_str::CompactString;

use crate::access::Bar;
use crate::id::OfficerId;
use crate::identity::AuthorityCode;
use crate::store::{Field, Kind, Value};

/// Officers and units, written `officer/<id> unit/<code>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFrom(Vec<Bar>);

impl KeptFrom {
    /// These; nothing where there are none.
    pub(super) fn of(bars: Vec<Bar>) -> Option<Self> {
        if bars.is_empty() { None } else { Some(Self(bars)) }
    }

    pub(super) fn bars(&self) -> &[Bar] {
        &self.0
    }

    pub(super) fn text(&self) -> String {
        let word = |bar: &Bar| match bar {
            Bar::Officer(id) => format!("officer/{id}"),
            Bar::Unit(code) => format!("unit/{}", code.as_str()),
        };
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

fn bar(word: &str) -> Option<Bar> {
    match word.split_once('/')? {
        ("officer", id) => OfficerId::parse(id).map(Bar::Officer),
        ("unit", code) => AuthorityCode::parse(code).ok().map(Bar::Unit),
        _ => None,
    }
}

impl Field for KeptFrom {
    const KIND: Kind = Kind::Text;
    fn encode(&self) -> Value {
        Value::Text(CompactString::from(self.text()))
    }
    fn decode(value: Value) -> Option<Self> {
        let Value::Text(text) = value else { return None };
        let kept = text.split(' ').map(bar).collect::<Option<Vec<_>>>().map(Self)?;
        // Only what was written here: one text for one value.
        (kept.text() == text.as_str()).then_some(kept)
    }
}
