//! What was done in a world, counted.

use super::super::lines::{OFFERING, ZONE};
use super::super::model::Told;
use super::super::step::{Affair, Deed, To};

/// What was done in a world.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) conversations: u64,
    pub(crate) commands: u64,
    pub(crate) queries: u64,
    /// Conversations that went back to their lines because their officer was gone.
    pub(crate) returned: u64,
    /// Conversations that were handed to a line, to a colleague, to an authority.
    pub(crate) transferred: [u64; 3],
    /// People who came into a line that took over, and those whom no line took in; those let into the zone, and those refused there when
    /// they came, and when they wrote.
    pub(crate) full: [u64; 2],
    pub(crate) zone: [u64; 3],
    /// Messages that answered one, that were recalled, that were not any more.
    pub(crate) recalled: [u64; 3],
    /// Services rated, low ratings answered, those whom they are about refused, ratings that nobody answered in time.
    pub(crate) rated: [u64; 4],
    /// People who named a topic, and officers who asked for the next one and found nobody for them.
    pub(crate) topics: [u64; 2],
    /// Conversations that were put on hold, and those that went on in another.
    pub(crate) held: u64,
    pub(crate) merged: u64,
    /// Call-backs asked for, messages left outside of hours, call-backs promised when hours ended, answers that were late.
    pub(crate) called_back: [u64; 4],
    /// Conversations that were offered, and those that were accepted.
    pub(crate) offered: u64,
    pub(crate) accepted: u64,
    /// Conversations in which whoever supervises took part, and remarks beside them.
    pub(crate) joined: u64,
    pub(crate) whispered: u64,
    pub(crate) struck: u64,
    pub(crate) unknown: u64,
    pub(crate) unknown_done: u64,
    pub(crate) restarts: u64,
    pub(crate) resumed: u64,
    pub(crate) scans: u64,
    pub(crate) events: u64,
    pub(crate) records: u64,
    pub(crate) backlog: u64,
    pub(crate) sign_ins: u64,
    /// Sessions that began through a provider.
    pub(crate) came: u64,
    /// Lists about people applied, relations released, cards shown, values revealed.
    pub(crate) people: [u64; 4],
    /// Rows of imports applied that changed something, and taken back.
    pub(crate) imported: [u64; 2],
    /// Second factors confirmed, shown with a code, with a recovery code, refused, and taken away.
    pub(crate) factors: [u64; 5],
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.conversations += other.conversations;
        self.commands += other.commands;
        self.queries += other.queries;
        self.struck += other.struck;
        self.unknown += other.unknown;
        self.unknown_done += other.unknown_done;
        self.restarts += other.restarts;
        self.resumed += other.resumed;
        self.scans += other.scans;
        self.events += other.events;
        self.records += other.records;
        self.backlog = self.backlog.max(other.backlog);
        self.sign_ins += other.sign_ins;
        self.came += other.came;
        self.returned += other.returned;
        self.transferred = std::array::from_fn(|n| self.transferred[n] + other.transferred[n]);
        self.recalled = std::array::from_fn(|n| self.recalled[n] + other.recalled[n]);
        self.rated = std::array::from_fn(|n| self.rated[n] + other.rated[n]);
        self.topics = std::array::from_fn(|n| self.topics[n] + other.topics[n]);
        self.full = std::array::from_fn(|n| self.full[n] + other.full[n]);
        self.zone = std::array::from_fn(|n| self.zone[n] + other.zone[n]);
        self.held += other.held;
        self.merged += other.merged;
        self.offered += other.offered;
        self.accepted += other.accepted;
        self.joined += other.joined;
        self.whispered += other.whispered;
        self.called_back = std::array::from_fn(|n| self.called_back[n] + other.called_back[n]);
        self.people = std::array::from_fn(|n| self.people[n] + other.people[n]);
        self.imported = std::array::from_fn(|n| self.imported[n] + other.imported[n]);
        self.factors = std::array::from_fn(|n| self.factors[n] + other.factors[n]);
    }

    /// Counts what came of a deed.
    pub(super) fn came_of(&mut self, deed: &Deed, told: &Told) {
        match (deed, told) {
            (_, Told::Held(_, Some(_))) => self.held += 1,
            (_, Told::Merged(..)) => self.merged += 1,
            (Deed::Accept { .. }, Told::Claimed { .. }) => self.accepted += 1,
            (_, Told::Joined(_, true)) => self.joined += 1,
            (_, Told::Whispered(_)) => self.whispered += 1,
            (_, Told::CalledBack(..)) => self.called_back[0] += 1,
            (Deed::Transfer { to, .. }, Told::Transferred(..)) => {
                let how = match to {
                    To::Line(_) => 0,
                    To::Officer(_) | To::Colleague(_) => 1,
                    To::Authority(_) => 2,
                };
                self.transferred[how] += 1;
            }
            (Deed::Enter { line: asked, topic, .. }, Told::Entered { line, reply_due, .. }) => {
                self.called_back[1] += u64::from(reply_due.is_some());
                self.full[0] += u64::from(line != asked);
                self.zone[0] += u64::from(*line == ZONE);
                self.topics[0] += u64::from(topic.is_some());
            }
            (Deed::Send { quotes: 1.., .. }, Told::Sent { .. }) => self.recalled[0] += 1,
            (_, Told::Recalled(..)) => self.recalled[1] += 1,
            (_, Told::Refused("interaction.recall_too_late", _)) => self.recalled[2] += 1,
            (_, Told::Rated(..)) => self.rated[0] += 1,
            (Deed::AnswerFollowUp { .. }, Told::Done(_)) => self.rated[1] += 1,
            (_, Told::Refused("interaction.own_rating", _)) => self.rated[2] += 1,
            (Deed::Claim { line: OFFERING, .. }, Told::Refused("interaction.nobody_for_you", _)) => self.topics[1] += 1,
            (Deed::Enter { .. }, Told::Refused("interaction.line_full", _)) => self.full[1] += 1,
            (Deed::Enter { .. }, Told::Refused("interaction.no_enterprise" | "interaction.not_on_roster", _)) => self.zone[1] += 1,
            (Deed::Send { .. }, Told::Refused("interaction.no_enterprise" | "interaction.not_on_roster", _)) => self.zone[2] += 1,
            (Deed::People { affair: Affair::ImportRows { .. }, .. }, Told::List(rows)) => {
                self.people[0] += 1;
                self.imported[0] += rows;
            }
            (Deed::People { affair: Affair::TakeBack { .. }, .. }, Told::List(rows)) => {
                self.people[0] += 1;
                self.imported[1] += rows;
            }
            (_, Told::List(_)) => self.people[0] += 1,
            (_, Told::Released(_)) => self.people[1] += 1,
            (_, Told::Card(_)) => self.people[2] += 1,
            (_, Told::Revealed(_)) => self.people[3] += 1,
            _ => {}
        }
    }

    /// What should happen in any run, and did not.
    pub(crate) fn never(&self) -> Vec<&'static str> {
        let ([asked, left, over, late], [to_line, to_colleague, to_authority]) = (self.called_back, self.transferred);
        let ([taken_over, full], [admitted, gate, silenced]) = (self.full, self.zone);
        let ([quoted, recalled, too_late], [rated, answered, own, overdue]) = (self.recalled, self.rated);
        let [topics, not_for_them] = self.topics;
        let all = [
            ("a call-back", asked),
            ("a message outside of hours", left),
            ("a call-back because hours ended", over),
            ("an answer that was late", late),
            ("a transfer to a line", to_line),
            ("a transfer to a colleague", to_colleague),
            ("a transfer to an authority", to_authority),
            ("a line that took over", taken_over),
            ("a line that was full", full),
            ("somebody let into the zone", admitted),
            ("somebody refused at the gate", gate),
            ("somebody refused at a message", silenced),
            ("a message that answers one", quoted),
            ("a message recalled", recalled),
            ("a message recalled too late", too_late),
            ("a rating", rated),
            ("a low rating answered", answered),
            ("a low rating refused to whoever served", own),
            ("a low rating that nobody answered in time", overdue),
            ("a topic", topics),
            ("an officer for whom nobody waits", not_for_them),
        ];
        all.iter().filter(|(_, count)| *count == 0).map(|(what, _)| *what).collect()
    }
}
