//! The people of a world and what befalls them: who comes when, what they write, who is interrupted, which storage
//! call fails. Decides the next step; the player takes it.

mod desk;
mod doors;
mod factors;
mod healing;
mod imports;
mod people;
mod probing;
mod ratings;
mod saying;
mod sessions;
mod zone;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use zhengna_core::store::fault::{FAULTS, Fault, Repeat};

use super::lines::{BESIDE, HOURED, NARROW, TOPICS, ZONE};
use super::model::{Told, audited};
use super::player::{Came, Counts, Player};
use super::stage::{CHIEFS, OFFERING, Setting, UNSERVED};
use super::step::{Deed, Dice, Step, Strike, Who};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// The bureau's load: what a province begins in a day, and the hours it has for it.
pub(crate) const PER_DAY: u32 = 2_000;
const OPEN_HOURS: i64 = 8 * HOUR;

/// A world to be played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plot {
    pub(crate) setting: Setting,
    /// Conversations that people begin.
    pub(crate) conversations: u32,
    /// Steps of a thousand at which storage fails.
    pub(crate) faults: u64,
}

/// A world that was played without fault of ours.
pub(crate) struct Played {
    pub(crate) counts: Counts,
    pub(crate) trace: u64,
}

/// What is not as it should be, and how it came to that.
pub(crate) struct Broken {
    pub(crate) what: String,
    pub(crate) steps: Vec<Step>,
    /// Whether it showed only in the end, when everything had healed.
    pub(crate) at_the_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Intent {
    Arrive,
    Poll {
        officer: u8,
    },
    Turn {
        conversation: u32,
        officer: u8,
        left: u8,
    },
    /// An officer makes up their mind about what is offered to them.
    Answer {
        conversation: u32,
        officer: u8,
    },
    Leave {
        conversation: u32,
    },
    Ask {
        conversation: u32,
    },
    Retry {
        nth: u32,
    },
    Tick {
        nth: u32,
    },
    Probe,
    Affair,
    Door,
    Import,
    Factor,
    Drop,
    Back {
        officer: u8,
    },
    Restart,
    /// A restart that is not followed by others.
    Once,
    TurnClock,
}

struct Crowd {
    player: Player,
    plot: Plot,
    dice: Dice,
    queue: BinaryHeap<Reverse<(i64, u64, Intent)>>,
    asked: u64,
    steps: Vec<Step>,
    /// The time outside, and how far the host's clock is from it.
    now: i64,
    skew: i64,
    faults: u64,
    labels: u32,
    keys: u32,
    /// People enrolled, and numbers from before that were written down, so far.
    newcomers: u16,
    formers: u16,
    tickets: u32,
    /// Things done about second factors so far.
    factors: u32,
    away: Vec<bool>,
    /// What will be tried again, with its key.
    retries: Vec<(Deed, Option<u32>)>,
    /// What was done lately with a key.
    recent: Vec<(Deed, u32)>,
}

/// Plays a world to its end.
pub(crate) fn play(plot: &Plot) -> Result<Played, Broken> {
    let player = Player::new(plot.setting).map_err(|what| Broken { what, steps: Vec::new(), at_the_end: true })?;
    let mut crowd = Crowd {
        player,
        plot: *plot,
        dice: Dice::new(plot.setting.seed),
        queue: BinaryHeap::new(),
        asked: 0,
        steps: Vec::new(),
        now: plot.setting.start,
        skew: 0,
        faults: plot.faults,
        labels: 0,
        keys: 0,
        newcomers: 0,
        formers: 0,
        tickets: 0,
        factors: 0,
        away: vec![false; usize::from(plot.setting.officers) + 1],
        retries: Vec::new(),
        recent: Vec::new(),
    };
    let lived = crowd.live().and_then(|()| crowd.heal()).map_err(|what| (what, false));
    let healed = lived.and_then(|()| {
        let now = crowd.player.stage.core.now().micros();
        crowd.player.healed(now).map_err(|what| (what, true))
    });
    match healed {
        Ok(()) => Ok(Played { counts: crowd.player.counts, trace: crowd.player.trace() }),
        Err((what, at_the_end)) => Err(Broken { what, steps: crowd.steps, at_the_end }),
    }
}

impl Crowd {
    fn after(&mut self, wait: i64, intent: Intent) {
        self.asked += 1;
        self.queue.push(Reverse((self.now + wait, self.asked, intent)));
    }

    /// Takes a step now.
    fn take(&mut self, deed: Deed, key: Option<u32>) -> Result<Came, String> {
        self.now += 1 + self.dice.below(2000) as i64;
        let strike = self.strike(&deed);
        let step = Step { number: self.steps.len() as u32, at: self.now + self.skew, deed, key, strike };
        self.steps.push(step);
        let came = self.player.step(&step)?;
        if came == Came::Failed && retried(&deed) {
            self.retries.push((deed, key));
            let wait = self.dice.between(SECOND, 20 * SECOND);
            self.after(wait, Intent::Retry { nth: self.retries.len() as u32 - 1 });
        }
        if came == Came::Failed && strike.is_some_and(|s| s.fault == Fault::Crash) && self.dice.chance(60) {
            self.restart()?;
        }
        if let (Came::Done, Some(key)) = (came, key) {
            self.recent.push((deed, key));
            if self.recent.len() > 64 {
                self.recent.remove(0);
            }
        }
        Ok(came)
    }

    /// Does something with a key of its own; now and then twice.
    fn keyed(&mut self, deed: Deed) -> Result<Came, String> {
        self.keys += 1;
        let key = self.keys;
        let came = self.take(deed, Some(key))?;
        if came == Came::Done {
            let last = self.player.last.clone();
            if self.dice.chance(20) {
                self.take(deed, Some(key))?;
            }
            self.player.last = last;
            self.begun(deed);
        }
        Ok(came)
    }

    fn strike(&mut self, deed: &Deed) -> Option<Strike> {
        let sheltered = matches!(
            deed,
            Deed::SignIn { .. }
                | Deed::Come { .. }
                | Deed::Factor { .. }
                | Deed::Use { .. }
                | Deed::WriteTouches
                | Deed::IssueTicket { .. }
                | Deed::Redeem
                | Deed::SignOut { .. }
                | Deed::Present { .. }
                | Deed::Return
                | Deed::Restart
                | Deed::Tail
                | Deed::Scan
        );
        if sheltered || !self.dice.chance(self.faults) {
            return None;
        }
        let calls = if matches!(deed, Deed::RunDue | Deed::Deliver { .. } | Deed::Offer) { 60 } else { 22 };
        Some(Strike {
            fault: self.dice.pick(&FAULTS)?,
            at: 1 + self.dice.below(calls),
            repeat: if self.dice.chance(125) { Repeat::Sticky } else { Repeat::Once },
        })
    }

    /// What follows a deed that was done: entering leads to waiting, claiming to talking.
    fn begun(&mut self, deed: Deed) {
        match (deed, self.player.last.clone()) {
            (Deed::Enter { line, label, .. }, Some(Told::Entered { .. })) => {
                let patience = self.dice.between(2 * MINUTE, 12 * MINUTE);
                if line == UNSERVED || self.dice.chance(50) {
                    self.after(patience, Intent::Leave { conversation: label });
                }
                if self.dice.chance(300) {
                    let wait = self.dice.between(SECOND, 40 * SECOND);
                    self.after(wait, Intent::Ask { conversation: label });
                }
            }
            (
                Deed::Claim { who: Who::Officer(officer), .. } | Deed::Accept { who: Who::Officer(officer), .. },
                Some(Told::Claimed { conversation, .. }),
            ) => {
                // Two messages mostly, so that the budget goes to more conversations; sometimes more.
                let left = [2, 2, 2, 2, 2, 2, 3, 5][self.dice.below(8) as usize];
                let wait = self.dice.between(3 * SECOND, 30 * SECOND);
                self.after(wait, Intent::Turn { conversation, officer, left });
            }
            (Deed::Transfer { .. }, Some(Told::Transferred(conversation, _, Some(officer)))) => {
                let wait = self.dice.between(3 * SECOND, 30 * SECOND);
                self.after(wait, Intent::Turn { conversation, officer, left: 2 });
            }
            _ => {}
        }
    }

    fn live(&mut self) -> Result<(), String> {
        self.after(SECOND, Intent::Arrive);
        (0..self.away.len() as u8).for_each(|officer| self.after(2 * SECOND, Intent::Poll { officer }));
        self.after(MINUTE, Intent::Tick { nth: 1 });
        self.after(30 * SECOND, Intent::Probe);
        self.after(40 * SECOND, Intent::Affair);
        self.after(50 * SECOND, Intent::Door);
        self.after(70 * SECOND, Intent::Import);
        if self.plot.setting.sessions {
            self.after(25 * SECOND, Intent::Factor);
        }
        self.after(20 * MINUTE, Intent::Drop);
        let often = if self.faults > 0 { 20 * MINUTE } else { HOUR };
        let wait = self.dice.between(often / 4, often);
        self.after(wait, Intent::Restart);
        let wait = self.dice.between(MINUTE, 20 * MINUTE);
        self.after(wait, Intent::TurnClock);
        self.relations_first()?;
        self.rosters_first()?;
        while let Some(Reverse((at, _, intent))) = self.queue.pop() {
            self.now = self.now.max(at);
            self.act(intent)?;
            // Whoever is in line already cannot enter it again, so more try than begin.
            if self.player.counts.conversations >= u64::from(self.plot.conversations) || self.labels > 20 * self.plot.conversations {
                break;
            }
        }
        Ok(())
    }

    fn act(&mut self, intent: Intent) -> Result<(), String> {
        match intent {
            Intent::Arrive => self.arrive(),
            Intent::Poll { officer } => self.poll(officer),
            Intent::Turn { conversation, officer, left } => self.turn(conversation, officer, left),
            Intent::Answer { conversation, officer } => self.answer(officer, conversation),
            Intent::Leave { conversation } => match self.owner(conversation) {
                Some(who) => self.keyed(Deed::Leave { who, conversation }).map(drop),
                None => Ok(()),
            },
            Intent::Ask { conversation } => self.ask(conversation),
            Intent::Retry { nth } => {
                let (deed, key) = self.retries[nth as usize];
                let came = self.take(deed, key)?;
                if came == Came::Done {
                    self.begun(deed);
                }
                Ok(())
            }
            Intent::Tick { nth } => self.tick(nth),
            Intent::Probe => {
                let wait = self.dice.between(20 * SECOND, MINUTE);
                self.after(wait, Intent::Probe);
                self.probe()
            }
            Intent::Affair => self.affair(),
            Intent::Door => self.door(),
            Intent::Import => self.import(),
            Intent::Factor => self.factor(),
            Intent::Drop => {
                let officer = self.dice.below(self.away.len() as u64) as u8;
                self.away[usize::from(officer)] = true;
                let away = self.dice.between(MINUTE, 50 * MINUTE);
                self.after(away, Intent::Back { officer });
                let next = self.dice.between(10 * MINUTE, 60 * MINUTE);
                self.after(next, Intent::Drop);
                Ok(())
            }
            Intent::Back { officer } => {
                self.away[usize::from(officer)] = false;
                let held: Vec<u32> = self.player.model.held.get(&officer).into_iter().flatten().copied().collect();
                held.into_iter().for_each(|conversation| self.after(SECOND, Intent::Turn { conversation, officer, left: 1 }));
                Ok(())
            }
            Intent::Restart => {
                let often = if self.faults > 0 { 20 * MINUTE } else { 3 * HOUR };
                let wait = self.dice.between(often / 4, often);
                self.after(wait, Intent::Restart);
                self.restart()
            }
            Intent::Once => self.restart(),
            Intent::TurnClock => {
                // Back by minutes and right again later; or the night, a weekend, passes at once.
                if self.skew != 0 {
                    self.skew = 0;
                } else if self.dice.chance(700) {
                    self.skew = -self.dice.between(SECOND, 10 * MINUTE);
                    // A host that starts again has not seen the later time.
                    let soon = self.dice.between(SECOND, 2 * MINUTE);
                    self.after(soon, Intent::Once);
                } else {
                    self.now += self.dice.between(MINUTE, 12 * HOUR);
                }
                let wait = self.dice.between(5 * MINUTE, HOUR);
                self.after(wait, Intent::TurnClock);
                Ok(())
            }
        }
    }

    fn restart(&mut self) -> Result<(), String> {
        self.take(Deed::Restart, None).map(drop)
    }

    fn owner(&self, conversation: u32) -> Option<Who> {
        self.player.model.conversations.get(&conversation).map(|c| Who::Taxpayer(c.taxpayer))
    }

    /// Gone without a word. Whoever supervises serves now and then, and is never gone so.
    fn is_away(&self, officer: u8) -> bool {
        self.away.get(usize::from(officer)).is_some_and(|away| *away)
    }

    /// How many officers there are, with those who supervise too.
    fn staff(&self) -> u8 {
        self.away.len() as u8 + CHIEFS
    }

    /// Somebody who serves and supervises.
    fn chief(&mut self) -> Who {
        Who::Officer(self.away.len() as u8 + self.dice.below(u64::from(CHIEFS)) as u8)
    }

    /// Somebody who is with an officer: in which conversation, and with whom.
    fn whoever_talks(&mut self) -> Option<(Who, u32, Who)> {
        let officer = self.dice.below(self.away.len() as u64) as u8;
        let held: Vec<u32> = self.player.model.held.get(&officer).into_iter().flatten().copied().collect();
        let conversation = self.dice.pick(&held)?;
        Some((self.owner(conversation)?, conversation, Who::Officer(officer)))
    }

    fn taxpayer(&mut self) -> Who {
        Who::Taxpayer(self.dice.below(u64::from(self.player.model.people.directory.everybody().end)) as u16)
    }

    fn arrive(&mut self) -> Result<(), String> {
        let mean = OPEN_HOURS / i64::from(PER_DAY);
        // Rushes and lulls, an hour long.
        let rush = [4, 2, 1, 1][(self.now / HOUR % 4) as usize];
        let wait = self.dice.between(0, mean * rush);
        self.after(wait, Intent::Arrive);
        if self.labels > 0 && self.labels.is_multiple_of(PER_DAY) {
            self.now += 24 * HOUR - OPEN_HOURS;
        }
        let line = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, UNSERVED][self.dice.below(20) as usize];
        let line = if self.dice.chance(if self.is_long() { 5 } else { 120 }) { OFFERING } else { line };
        let line = if self.dice.chance(160) { self.dice.pick(&[HOURED, HOURED, NARROW, BESIDE, ZONE]).unwrap_or(line) } else { line };
        // Some who talk already come about something else.
        let talking = if self.dice.chance(60) { self.whoever_talks() } else { None };
        let somebody = if line == ZONE { self.whoever_acts() } else { self.taxpayer() };
        let (who, label) = (talking.map_or(somebody, |(who, ..)| who), self.labels);
        self.labels += 1;
        let topic = (line == OFFERING && self.dice.chance(600)).then(|| self.dice.below(TOPICS.len() as u64) as u8);
        let topic = if self.dice.chance(3) { Some(0) } else { topic };
        self.keyed(Deed::Enter { who, line, topic, label })?;
        // To the small lines several come at once now and then.
        if [NARROW, BESIDE, ZONE].contains(&line) && self.dice.chance(300) {
            for _ in 0..3 {
                let who = if line == ZONE { self.whoever_acts() } else { self.taxpayer() };
                let label = self.labels;
                self.labels += 1;
                self.keyed(Deed::Enter { who, line, topic: None, label })?;
            }
        }
        if line == OFFERING && self.dice.chance(400) {
            self.offer()?;
        }
        if let Some((_, conversation, officer)) = talking {
            self.merge(officer, conversation)?;
        }
        self.player.counts.backlog = self.player.counts.backlog.max(self.player.model.waiting_in(line) as u64);
        Ok(())
    }

    fn poll(&mut self, officer: u8) -> Result<(), String> {
        let wait = self.dice.between(4 * SECOND, 16 * SECOND);
        self.after(wait, Intent::Poll { officer });
        if self.is_away(officer) {
            return Ok(());
        }
        let mut lines = self.player.model.serves(officer);
        lines.sort_by_key(|l| Reverse(self.player.model.waiting_in(*l)));
        // Those who are offered what waits there mostly wait for that, and few look after the small lines: some wait there when the hours end,
        // or it is full.
        let asks = |crowd: &mut Self, line: u8| {
            let often = if line == OFFERING { 60 } else { 20 };
            ![OFFERING, HOURED, NARROW, BESIDE].contains(&line) || crowd.dice.chance(often)
        };
        let Some(line) = lines.into_iter().find(|line| asks(self, *line)) else { return Ok(()) };
        let sensible = self.player.model.holds(officer) < super::stage::CAPACITY && self.player.model.waiting_in(line) > 0;
        if sensible || self.dice.chance(10) {
            self.keyed(Deed::Claim { who: Who::Officer(officer), line })?;
        }
        Ok(())
    }

    fn ask(&mut self, conversation: u32) -> Result<(), String> {
        let Some(who) = self.owner(conversation) else { return Ok(()) };
        self.take(Deed::Position { who, conversation }, None)?;
        if self.dice.chance(250) {
            let text = self.dice.below(500) as u32;
            self.keyed(Deed::Send { who, conversation, text, quotes: 0 })?;
        }
        if self.dice.chance(150) {
            self.keyed(Deed::CallBack { who, conversation })?;
        }
        if self.dice.chance(40) {
            self.keyed(Deed::Prioritise { who: Who::Supervisor, conversation })?;
        }
        Ok(())
    }

    /// One of the two writes; the last turn closes.
    fn turn(&mut self, conversation: u32, officer: u8, left: u8) -> Result<(), String> {
        let Some(taxpayer) = self.owner(conversation) else { return Ok(()) };
        if left == 0 {
            if self.dice.chance(40) {
                return self.hand_on(officer, conversation);
            }
            if self.dice.chance(970) {
                let outcome = self.dice.below(3) as u8;
                self.keyed(Deed::Close { who: Who::Officer(officer), conversation, outcome })?;
                if self.dice.chance(300) {
                    self.take(Deed::Messages { who: taxpayer, conversation, after: 0 }, None)?;
                }
                self.take_back(conversation)?;
                self.rate(taxpayer, conversation)?;
            }
            return Ok(());
        }
        let who = if left.is_multiple_of(2) { Who::Officer(officer) } else { taxpayer };
        if matches!(who, Who::Officer(n) if self.is_away(n)) {
            return Ok(()); // until they are back, or it is closed for them
        }
        if self.dice.chance(250) {
            let number = self.player.model.last_number(conversation) + i64::from(self.dice.chance(100));
            self.take(Deed::Read { who, conversation, number: number.max(1) }, None)?;
        }
        if self.dice.chance(100) {
            let after = self.dice.below(3) as i64;
            self.take(Deed::Messages { who, conversation, after }, None)?;
        }
        if matches!(who, Who::Taxpayer(_)) {
            self.out_of_zone(conversation)?;
        }
        self.say(who, conversation)?;
        if let Who::Officer(_) = who {
            self.beside(who, conversation)?;
        }
        self.supervise(officer, conversation)?;
        let wait = if self.dice.chance(8) { 31 * MINUTE } else { self.dice.between(10 * SECOND, 90 * SECOND) };
        self.after(wait, Intent::Turn { conversation, officer, left: left - 1 });
        Ok(())
    }

    /// About once a minute: what the host's keeper does, who reads along, who renews their presence.
    fn tick(&mut self, nth: u32) -> Result<(), String> {
        self.after(MINUTE, Intent::Tick { nth: nth + 1 });
        self.take(Deed::RunDue, None)?;
        if self.plot.setting.told {
            let well = !self.dice.chance(50);
            self.take(Deed::Deliver { well }, None)?;
        }
        for officer in 0..self.away.len() as u8 {
            if !self.is_away(officer) {
                self.take(Deed::Present { who: Who::Officer(officer) }, None)?;
            }
        }
        self.take(Deed::Return, None)?;
        if nth.is_multiple_of(3) || !self.is_long() {
            self.offer()?;
        }
        if nth.is_multiple_of(2) {
            let max = 1 + self.dice.below(400) as u32;
            let who = match nth % 16 {
                0 | 4 | 8 | 12 => Who::Officer(0),
                2 => self.chief(),
                _ => Who::Taxpayer((nth / 4 % 4) as u16),
            };
            self.take(Deed::Follow { who, max }, None)?;
        }
        if nth.is_multiple_of(4) {
            self.follow_up()?;
        }
        if nth.is_multiple_of(3) {
            self.take(Deed::Seal, None)?;
        }
        if nth.is_multiple_of(60) {
            self.take(Deed::Checkpoint, None)?;
        }
        if nth.is_multiple_of(30) {
            self.take(Deed::Tail, None)?;
        }
        // Scans cost as much as there is to see, so they become rarer as the world grows: at 16, 64, 256...
        if nth.is_power_of_two() && nth >= 16 && nth.trailing_zeros().is_multiple_of(2) {
            self.take(Deed::Scan, None)?;
        }
        if self.plot.setting.sessions {
            self.sessions(nth)?;
        }
        Ok(())
    }
}

/// Whether the client tries again what failed.
fn retried(deed: &Deed) -> bool {
    match deed {
        Deed::Transcript { .. } | Deed::Review { .. } | Deed::SignIn { .. } | Deed::SignOut { .. } | Deed::IssueTicket { .. } => false,
        Deed::Read { .. } => true,
        _ => audited(deed),
    }
}

/// Takes recorded steps again in a fresh world. `Err` says which one broke what.
pub(crate) fn replay(setting: Setting, steps: &[Step]) -> Result<u64, (usize, String)> {
    let mut player = Player::new(setting).map_err(|what| (0, what))?;
    for (n, step) in steps.iter().enumerate() {
        player.step(step).map_err(|what| (n, what))?;
    }
    Ok(player.trace())
}
