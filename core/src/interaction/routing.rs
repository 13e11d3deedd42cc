//! How a line is shared out among those who serve it (派单规则): its topics, who knows which, and how much less it asks for the longer
//! somebody waits. A line without one gives the first in line to whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::assignment::Policy;
use crate::error::{self, Error, Problem};
use crate::id::OfficerId;
use crate::limits;

/// A topic of a line's tree (主题).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoutedTopic {
    /// What it is known by, 1 to 32 characters: small letters, digits and `_`.
    pub code: String,
    /// Name, in Chinese, 1 to 100 characters.
    pub name: String,
    /// The topic above it, which stands before it in the list.
    #[serde(default)]
    pub parent: Option<String>,
    /// Whether only somebody who knows this very topic may take what is about it, however long it waits.
    #[serde(default)]
    pub specialists_only: bool,
}

/// An officer who knows topics of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Specialist {
    /// Who.
    pub officer: OfficerId,
    /// Codes of the topics they know. Who knows a topic is asked about those below it after a while, not the other way round.
    pub topics: Vec<String>,
}

/// How a line is shared out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The topics, each behind the one above it; at most [`limits::ROUTED_TOPICS_MAX`].
    #[serde(default)]
    pub topics: Vec<RoutedTopic>,
    /// Who knows which; at most [`limits::SPECIALISTS_MAX`]. Whoever serves the line and is not named takes what anybody may.
    #[serde(default)]
    pub specialists: Vec<Specialist>,
    /// Who may take something after how long a wait. A matter is of the office that is in charge of its taxpayer: where that stands below the
    /// officers' own authorities, a first step that looks no authority up finds nobody for it.
    #[serde(default)]
    pub policy: Policy,
    /// Whether what waits is offered to those who are there, unasked. They may ask for the next one all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub push: bool,
}

stored_as_json!(Routing);

impl Routing {
    /// Within the limits, each topic behind the one above it, and nobody named who knows what is no topic.
    pub(super) fn checked(mut self) -> Result<Self, Error> {
        let many = |field: &str, n: usize, max: usize| {
            if n <= max { Ok(()) } else { Err(Error::invalid(field, Problem::OutOfRange { min: 0, max: max as i64 })) }
        };
        many("routing.topics", self.topics.len(), limits::ROUTED_TOPICS_MAX)?;
        many("routing.specialists", self.specialists.len(), limits::SPECIALISTS_MAX)?;
        for (field, seconds) in [("offer_s", self.policy.offer_s), ("again_s", self.policy.again_s)] {
            let (min, max) = (limits::OFFER_S_MIN, limits::OFFER_S_MAX);
            if !(min..=max).contains(&seconds) {
                let out = Problem::OutOfRange { min: min.into(), max: max.into() };
                return Err(Error::invalid(format!("routing.policy.{field}"), out));
            }
        }
        let mut known = BTreeSet::new();
        for (i, topic) in self.topics.iter_mut().enumerate() {
            let field = |name: &str| format!("routing.topics[{i}].{name}");
            if !is_code(&topic.code) {
                return Err(Error::invalid(field("code"), Problem::Malformed("1 to 32 small letters, digits and _".into())));
            }
            topic.name = error::text("name", &topic.name, limits::NAME_CHARS_MAX).map_err(|e| e.within(&format!("routing.topics[{i}]")))?;
            if topic.parent.as_ref().is_some_and(|parent| !known.contains(parent)) {
                return Err(Error::invalid(field("parent"), Problem::Unknown("topic")));
            }
            if !known.insert(topic.code.clone()) {
                return Err(Error::invalid(field("code"), Problem::Taken));
            }
        }
        let mut officers = BTreeSet::new();
        for (i, specialist) in self.specialists.iter_mut().enumerate() {
            let field = |name: &str| format!("routing.specialists[{i}].{name}");
            if !officers.insert(specialist.officer) {
                return Err(Error::invalid(field("officer"), Problem::Taken));
            }
            if let Some(n) = specialist.topics.iter().position(|code| !known.contains(code)) {
                return Err(Error::invalid(field(&format!("topics[{n}]")), Problem::Unknown("topic")));
            }
            specialist.topics.sort_unstable();
            specialist.topics.dedup();
        }
        let is_known = |code: &String| self.specialists.iter().any(|s| s.topics.contains(code));
        if let Some(i) = self.topics.iter().position(|topic| topic.specialists_only && !is_known(&topic.code)) {
            let why = Problem::Malformed("nobody who is named knows it, and nobody else may take it".into());
            return Err(Error::invalid(format!("routing.topics[{i}].specialists_only"), why));
        }
        Ok(self)
    }

    /// Whether it has a topic.
    pub(super) fn has(&self, code: &str) -> bool {
        self.topics.iter().any(|topic| topic.code == code)
    }

    /// A topic and those above it, nearest first.
    pub(super) fn path(&self, code: &str) -> Vec<String> {
        let above: BTreeMap<&str, Option<&str>> = self.topics.iter().map(|t| (t.code.as_str(), t.parent.as_deref())).collect();
        // Each stands behind the one above it, so that this ends.
        std::iter::successors(Some(code), |code| above.get(code).copied().flatten()).map(str::to_owned).collect()
    }

    /// Whether an officer is named.
    pub(super) fn names(&self, officer: OfficerId) -> bool {
        self.specialists.iter().any(|s| s.officer == officer)
    }

    /// Whether nobody but a specialist may take what is about it.
    pub(super) fn specialists_only(&self, code: &str) -> bool {
        self.topics.iter().any(|topic| topic.code == code && topic.specialists_only)
    }

    /// The topics that an officer knows.
    pub(super) fn known_to(&self, officer: OfficerId) -> &[String] {
        self.specialists.iter().find(|s| s.officer == officer).map_or(&[], |s| &s.topics)
    }
}

fn is_code(text: &str) -> bool {
    (1..=limits::TOPIC_CODE_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
}
