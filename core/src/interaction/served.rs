//! Who served a conversation: everybody who ever had it. Handing it over, or being away, makes nobody less answerable for it.

use super::Conversation;
use crate::id::OfficerId;
use crate::limits;
use crate::store::{Field, Kind, Value};

/// Officers who had a conversation, each once, whoever had it last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServedBy(Vec<OfficerId>);

impl Field for ServedBy {
    const KIND: Kind = Kind::Bytes;
    fn encode(&self) -> Value {
        Value::Bytes(self.0.iter().flat_map(|id| *id.as_bytes()).collect())
    }
    fn decode(value: Value) -> Option<Self> {
        let Value::Bytes(bytes) = value else { return None };
        let ids = bytes.chunks(16).map(|id| uuid::Uuid::from_slice(id).ok().map(OfficerId::from_uuid));
        ids.collect::<Option<Vec<_>>>().map(Self)
    }
}

impl Conversation {
    /// Everybody who ever had it, each once, whoever has it or had it last at the end.
    pub(crate) fn served(&self) -> Vec<OfficerId> {
        if let Some(ServedBy(all)) = &self.served_by {
            return all.clone();
        }
        self.officer.into_iter().collect() // of before this was kept
    }

    /// The same, and an officer who has it. Beyond the limit the earliest is let go.
    pub(super) fn served_also_by(&self, officer: OfficerId) -> Option<ServedBy> {
        let mut all = self.served();
        all.retain(|id| *id != officer);
        all.push(officer);
        Some(within_limit(all))
    }

    /// The same, and an officer who takes part beside the one who has it.
    pub(super) fn served_beside(&self, officer: OfficerId) -> Option<ServedBy> {
        let mut all = self.served();
        all.retain(|id| *id != officer);
        all.insert(all.len().saturating_sub(1), officer);
        Some(within_limit(all))
    }
}

fn within_limit(mut all: Vec<OfficerId>) -> ServedBy {
    let beyond = all.len().saturating_sub(limits::SERVED_BY_MAX);
    all.drain(..beyond);
    ServedBy(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn officers_are_read_as_they_were_written_and_no_part_of_an_id_is() {
        let id = |n| OfficerId::from_uuid(uuid::Uuid::from_u128(n));
        let two = ServedBy(vec![id(1), id(2)]);
        assert_eq!(ServedBy::decode(two.encode()), Some(two));
        assert_eq!(ServedBy::decode(Value::Bytes(vec![0; 17].as_slice().into())), None);
        assert_eq!(ServedBy::decode(Value::Null), None);
    }
}
