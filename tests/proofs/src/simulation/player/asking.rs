//! Deeds as calls of the core, and its answers in the words of the model.

use zhengna_core::Error;
use zhengna_core::access::ActorKind;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, LineId};
use zhengna_core::interaction::{
    AcceptOffer, Claim, Close, ConversationView, DeclineOffer, Enter, Hold, Join, Leave, MarkRead, Merge, MessageView, NoEstimate, Outcome,
    Prioritise, Recall, RequestCallback, Resume, Review, SendMessage, SourceChannel, StepOut, Transfer, TransferTo, Wanted, Whisper,
};
use zhengna_core::limits;
use zhengna_core::store::Page;
use zhengna_tests::world::code;

use super::super::lines::{AUTHORITIES, TOPICS};
use super::super::model::{OUTCOMES, Quote, Told, View, Wait, Words, audited};
use super::super::stage::text;
use super::super::step::{Deed, Step, To, Who};
use super::ratings::rater;
use super::{Player, micros, outcome_word, remark, state_of};

impl Player {
    pub(super) fn perform(&mut self, step: &Step) -> (Result<Told, Error>, Option<ConversationId>) {
        let mut id = None;
        let told = self.answer(step, &mut id);
        (told, id)
    }

    fn answer(&mut self, step: &Step, begun: &mut Option<ConversationId>) -> Result<Told, Error> {
        let absent = ConversationId::from_uuid(uuid::Uuid::nil());
        let on = |player: &Self, label: u32| player.id(label).unwrap_or(absent);
        if let Some(key) = step.key {
            self.keys.entry(self.stage.key(key)).or_insert(key);
        }
        let session = |player: &Self, who| player.stage.session(who, step.key);
        if audited(&step.deed) || matches!(step.deed, Deed::Read { .. }) {
            self.counts.commands += 1;
        } else {
            self.counts.queries += 1;
        }
        match step.deed {
            Deed::Enter { who, line, topic, label } => {
                let channel = if label % 3 == 0 { SourceChannel::Kiosk } else { SourceChannel::MiniProgram };
                let topic_code = topic.map(|n| TOPICS[usize::from(n)].0.to_owned());
                let cmd = Enter { topic_code, ..Enter::new(self.stage.lines[usize::from(line)], text(label)) };
                let entered = session(self, who).through(channel).interaction().enter(cmd).wait()?;
                *begun = Some(entered.conversation);
                let line = self.line_of(entered.line);
                Ok(Told::Entered { line, ticket: entered.ticket, reply_due: micros(entered.reply_due) })
            }
            Deed::Leave { who, conversation } => {
                let left = session(self, who).interaction().leave(Leave { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Done(self.label(left.conversation)))
            }
            Deed::CallBack { who, conversation } => {
                let cmd = RequestCallback { conversation: on(self, conversation) };
                let done = session(self, who).interaction().request_callback(cmd).wait()?;
                Ok(Told::CalledBack(self.label(done.conversation), done.reply_due.micros()))
            }
            Deed::Claim { who, line } => {
                let claimed = session(self, who).interaction().claim(Claim { line: self.stage.lines[usize::from(line)] }).wait()?;
                Ok(Told::Claimed { conversation: self.label(claimed.conversation), ticket: claimed.ticket })
            }
            Deed::Offers { who } => {
                let found = session(self, who).interaction().offers()?;
                let mut told: Vec<_> = found.iter().map(|o| (self.label(o.conversation.id), o.until.micros())).collect();
                told.sort_unstable(); // of those that end at once none is first
                Ok(Told::Offers(told))
            }
            Deed::Accept { who, conversation } => {
                let claimed = session(self, who).interaction().accept_offer(AcceptOffer { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Claimed { conversation: self.label(claimed.conversation), ticket: claimed.ticket })
            }
            Deed::Decline { who, conversation } => {
                let declined =
                    session(self, who).interaction().decline_offer(DeclineOffer { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Done(self.label(declined.conversation)))
            }
            Deed::Send { who, conversation, text: n, quotes } => {
                let quotes = Some(quotes).filter(|number| *number != 0);
                let cmd = SendMessage { quotes, ..SendMessage::new(on(self, conversation), text(n)) };
                let sent = session(self, who).interaction().send(cmd).wait()?;
                Ok(Told::Sent { number: sent.number, at: sent.sent_at.micros() })
            }
            Deed::Recall { who, conversation, number } => {
                let done = session(self, who).interaction().recall(Recall { conversation: on(self, conversation), number }).wait()?;
                Ok(Told::Recalled(self.label(done.conversation), done.number, done.recalled_at.micros()))
            }
            Deed::Rate { .. } | Deed::Rating { .. } | Deed::AnswerFollowUp { .. } | Deed::FollowUps { .. } => {
                self.ask_rating(&session(self, rater(&step.deed)), &step.deed)
            }
            Deed::Read { who, conversation, number } => {
                let row = MarkRead { conversation: on(self, conversation), number };
                session(self, who).interaction().mark_read(vec![row]).wait().map(Told::Moved)
            }
            Deed::Close { who, conversation, outcome } => {
                let word = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
                let outcome = Outcome::parse(word).unwrap_or(Outcome::Idle);
                let note = (conversation % 5 > 0).then(|| text(conversation));
                let cmd = Close { conversation: on(self, conversation), outcome, note };
                let closed = session(self, who).interaction().close(cmd).wait()?;
                Ok(Told::Closed { conversation: self.label(closed.conversation), outcome: outcome_word(closed.outcome) })
            }
            Deed::Prioritise { who, conversation } => {
                let cmd = Prioritise { conversation: on(self, conversation), reason: "行动不便".into() };
                let done = session(self, who).interaction().prioritise(cmd).wait()?;
                Ok(Told::Done(self.label(done.conversation)))
            }
            Deed::Transfer { who, conversation, to } => {
                let to = match to {
                    To::Line(line) => TransferTo::Line(self.stage.lines[usize::from(line)]),
                    To::Officer(n) => TransferTo::Officer(self.stage.officers[usize::from(n)]),
                    To::Colleague(n) => TransferTo::Colleague(format!(" {}", self.model.staff_no(n))),
                    To::Authority(n) => TransferTo::Authority(code(AUTHORITIES[usize::from(n)])),
                };
                let cmd = Transfer::new(on(self, conversation), to, text(conversation));
                let done = session(self, who).interaction().transfer(cmd).wait()?;
                let officer = done.officer.map(|id| self.stage.officers.iter().position(|known| *known == id).map_or(u8::MAX, |n| n as u8));
                Ok(Told::Transferred(self.label(done.conversation), self.line_of(done.line), officer))
            }
            Deed::Hold { who, conversation, minutes } => {
                let cmd = Hold { conversation: on(self, conversation), minutes: minutes.into() };
                let held = session(self, who).interaction().hold(cmd).wait()?;
                Ok(Told::Held(self.label(held.conversation), micros(held.held_until)))
            }
            Deed::Resume { who, conversation } => {
                let held = session(self, who).interaction().resume(Resume { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Held(self.label(held.conversation), micros(held.held_until)))
            }
            Deed::Merge { who, conversation, other } => {
                let cmd = Merge { conversation: on(self, conversation), other: on(self, other) };
                let merged = session(self, who).interaction().merge(cmd).wait()?;
                Ok(Told::Merged(self.label(merged.conversation), self.label(merged.other)))
            }
            Deed::Join { who, conversation } => {
                let cmd = Join { conversation: on(self, conversation), reason: "协助".into() };
                let joined = session(self, who).interaction().join(cmd).wait()?;
                Ok(Told::Joined(self.label(joined.conversation), joined.joined))
            }
            Deed::StepOut { who, conversation } => {
                let joined = session(self, who).interaction().step_out(StepOut { conversation: on(self, conversation) }).wait()?;
                Ok(Told::Joined(self.label(joined.conversation), joined.joined))
            }
            Deed::Whisper { who, conversation, text: n } => {
                let cmd = Whisper { conversation: on(self, conversation), text: text(n), confirmed: false };
                session(self, who).interaction().whisper(cmd).wait().map(|whispered| Told::Whispered(whispered.number))
            }
            Deed::Whispers { who, conversation } => {
                let found = session(self, who).interaction().whispers(on(self, conversation))?;
                Ok(Told::Whispers(found.into_iter().map(remark).collect()))
            }
            Deed::Look { who, conversation } => {
                let view = session(self, who).interaction().conversation(on(self, conversation))?;
                Ok(Told::View(Box::new(self.view(&view))))
            }
            Deed::Messages { who, conversation, after } => {
                let found = session(self, who).interaction().messages(on(self, conversation), after, limits::PAGE_ROWS_MAX)?;
                Ok(Told::Messages(found.iter().map(|m| self.words(m)).collect()))
            }
            Deed::Position { who, conversation } => {
                let place = session(self, who).interaction().position(on(self, conversation))?;
                let numbers = place.estimate.map(|e| (e.p50_s, e.p90_s, [e.officers, e.places, e.free, e.sample]));
                let told = numbers.ok_or(place.no_estimate.map_or("", NoEstimate::as_str));
                let wait = place.ahead.map(|ahead| Wait { ahead, told });
                Ok(Told::Place { state: state_of(place.state), wait })
            }
            Deed::Waiting { who, line } => {
                let found = session(self, who).interaction().waiting(self.stage.lines[usize::from(line)], 10)?;
                Ok(Told::Line { total: found.total, first: found.first.iter().map(|c| self.label(c.id)).collect() })
            }
            Deed::Mine { who, limit } => {
                let found = session(self, who).interaction().mine(Page { after: None, limit })?;
                Ok(Told::Views(found.iter().map(|v| self.view(v)).collect()))
            }
            Deed::List { who, limit } => {
                let found = session(self, who).interaction().conversations(Page { after: None, limit }, Wanted::default())?.items;
                Ok(Told::Views(found.iter().map(|v| self.view(v)).collect()))
            }
            Deed::Transcript { who, conversation } => {
                let found = session(self, who).interaction().transcript(on(self, conversation)).wait()?;
                Ok(self.transcript(&found))
            }
            Deed::Review { who, conversation } => {
                let cmd = Review { conversation: on(self, conversation), reason: "质量检查".into() };
                let found = session(self, who).interaction().review(cmd).wait()?;
                Ok(self.transcript(&found))
            }
            Deed::Present { who } => session(self, who).interaction().be_present().wait().map(|_| Told::Done(0)),
            Deed::People { who, ref affair } => self.ask(who, affair, step.key),
            _ => Ok(Told::Done(0)),
        }
    }

    fn line_of(&self, id: LineId) -> u8 {
        self.stage.lines.iter().position(|known| *known == id).map_or(u8::MAX, |line| line as u8)
    }

    pub(super) fn refused(&self, e: &Error) -> Told {
        let about = match e {
            Error::Refused(Refusal::AlreadyInLine(id)) => i64::from(self.label(*id)),
            Error::Refused(Refusal::AtCapacity(n) | Refusal::OnHoldMax(n)) => *n,
            Error::Refused(Refusal::ImportInUse(line)) => *line,
            _ => 0,
        };
        Told::Refused(e.public().code, about)
    }

    pub(super) fn view(&self, v: &ConversationView) -> View {
        View {
            conversation: self.label(v.id),
            line: self.line_of(v.line),
            state: state_of(v.state),
            // A person's name is masked: of 测试12 nothing but the first character may be shown.
            topic: if v.taxpayer_name.as_str().contains("试") { format!("unmasked: {}", v.taxpayer_name) } else { v.topic.clone() },
            taxpayer: self.taxpayers.get(&v.taxpayer).copied().unwrap_or(u16::MAX),
            staff_no: v.staff_no.clone(),
            joined: v.joined_staff_no.clone(),
            ticket: v.ticket,
            times: [Some(v.entered_at.micros()), micros(v.claimed_at), micros(v.ended_at)],
            outcome: outcome_word(v.outcome),
            merged_into: v.merged_into.map(|kept| self.label(kept)),
            reply_due: (micros(v.reply_due), v.reply_provisional),
            topic_named: v.topic_code.as_ref().map(|code| TOPICS.iter().position(|(of, _)| of == code).map_or(u8::MAX, |n| n as u8)),
            on_behalf: v.on_behalf.map(|of| self.number_of(of)),
            owed: [micros(v.held_until), micros(v.unanswered_since)],
            numbers: [v.last_number, v.taxpayer_read, v.officer_read, v.unread],
        }
    }

    fn words(&self, m: &MessageView) -> Words {
        Words {
            number: m.number,
            by_taxpayer: m.sender == ActorKind::Taxpayer,
            mine: m.mine,
            key: m.client_id.as_ref().map(|key| self.keys.get(key).copied().unwrap_or(u32::MAX)),
            text: m.text.clone(),
            at: m.sent_at.micros(),
            recalled_at: micros(m.recalled_at),
            quoted: m.quoted.as_ref().map(|q| Quote {
                number: q.number,
                by_taxpayer: q.sender == ActorKind::Taxpayer,
                mine: q.mine,
                text: q.excerpt.clone(),
                recalled: q.recalled,
            }),
        }
    }

    fn transcript(&self, t: &zhengna_core::interaction::Transcript) -> Told {
        let who = |actor: &str| self.names.get(actor).copied().unwrap_or(Who::Nobody);
        let events = t.events.iter().map(|e| (e.kind.as_str(), e.at.micros(), who(&e.actor), e.number)).collect();
        let remarks = t.whispers.iter().cloned().map(remark).collect();
        Told::Transcript(Box::new(self.view(&t.conversation)), t.messages.iter().map(|m| self.words(m)).collect(), events, remarks)
    }
}
