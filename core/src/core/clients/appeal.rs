//! Appeals.

use crate::appeal::{
    self, AnswerAppeal, AppealAnswered, AppealFiled, AppealView, ArrivalList, ArrivalRow, ArrivalTold, BeginCollection, Channel,
    ChannelDay, ChannelSet, CollectionBegun, FileAppeal, Respondent, SetChannel, TakeBackArrival,
};
use crate::clock::Timestamp;
use crate::core::Session;
use crate::core::bulk::BulkDone;
use crate::core::door::{Command, Target, commands};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::AppealId;
use crate::limits;
use crate::operation;
use crate::store::{Page, Ticket, Tx};

commands! {
    SetChannel;
    BeginCollection;
}

impl Command for FileAppeal {
    fn target(&self) -> Target {
        match self.about {
            Respondent::Conversation(id) => Target::Conversation(id),
            Respondent::Authority(_) => Target::Caller,
        }
    }
}
impl Command for AnswerAppeal {
    fn target(&self) -> Target {
        Target::Appeal(self.appeal)
    }
}

/// Appeals.
pub struct Appeals<'a>(pub(in crate::core) &'a Session);

impl Appeals<'_> {
    /// Files a complaint of the caller's.
    pub fn file(&self, cmd: FileAppeal) -> Ticket<AppealFiled> {
        self.0.command(&operation::FILE_APPEAL, cmd, appeal::file)
    }

    /// One appeal.
    pub fn appeal(&self, id: AppealId) -> Result<AppealView, Error> {
        self.0.query(&operation::READ_APPEAL, move |tx, ctx| appeal::appeal(tx, ctx, id))
    }

    /// The caller's own, newest first.
    pub fn mine(&self, page: Page) -> Result<Vec<AppealView>, Error> {
        self.0.query(&operation::MY_APPEALS, move |tx, ctx| appeal::appeals(tx, ctx, page))
    }

    /// Appeals that the caller handles, newest first.
    pub fn list(&self, page: Page) -> Result<Vec<AppealView>, Error> {
        self.0.query(&operation::APPEALS, move |tx, ctx| appeal::appeals(tx, ctx, page))
    }

    /// Answers an appeal, which closes it.
    pub fn answer(&self, cmd: AnswerAppeal) -> Ticket<AppealAnswered> {
        self.0.command(&operation::ANSWER_APPEAL, cmd, appeal::answer)
    }

    /// Sets how a channel works, as the host itself.
    pub fn set_channel(&self, cmd: SetChannel) -> Ticket<ChannelSet> {
        self.0.command(&operation::SET_CHANNEL, cmd, appeal::set_channel)
    }

    /// Every channel by which appeals arrive.
    pub fn channels(&self) -> Result<Vec<Channel>, Error> {
        self.0.query(&operation::CHANNELS, |tx, _| appeal::channels(tx))
    }

    /// One channel.
    ///
    /// # Errors
    /// `Invalid` for one that nobody knows.
    pub fn channel(&self, code: &str) -> Result<Channel, Error> {
        let code = code.to_owned();
        self.0.query(&operation::CHANNELS, move |tx, _| appeal::channel(tx, &code))
    }

    /// What a collection would make of each row of a table, by what is known now and by the rows before it; nothing is written. Blocks;
    /// `progress` hears how many rows were looked at.
    pub fn examine_arrivals(&self, list: &ArrivalList, progress: &mut dyn FnMut(u64)) -> Result<Vec<ArrivalTold>, Error> {
        let rows = list.rows_of(CollectionBegun { batch: list.batch(), attempt: 0 });
        let (mut told, mut heard) = (Vec::with_capacity(rows.len()), appeal::Heard::default());
        for chunk in rows.chunks(limits::BULK_CHUNK_ROWS) {
            let (channel, chunk) = (list.channel().to_owned(), chunk.to_vec());
            let found = self.0.query(&operation::EXAMINE_ARRIVALS, move |tx, ctx| appeal::examine_arrivals(tx, ctx, &channel, &chunk))?;
            told.extend(found.into_iter().map(|row| row.after(&mut heard)));
            progress(told.len() as u64);
        }
        Ok(told)
    }

    /// Begins a collection, or goes on with one.
    pub fn begin_collection(&self, list: &ArrivalList) -> Ticket<CollectionBegun> {
        self.0.command(&operation::BEGIN_COLLECTION, list.begin(), appeal::begin_collection)
    }

    /// Takes the rows of a table in that was begun; given again it goes on where it stopped. Blocks; `progress` hears how many rows are in.
    ///
    /// # Errors
    /// `import_taken_back` where somebody takes it back meanwhile.
    pub fn collect(&self, of: CollectionBegun, list: &ArrivalList, progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        let calendars = self.0.core.0.calendars.clone();
        let rule = move |tx: &mut dyn Tx, ctx: &Ctx, rows: &[ArrivalRow]| appeal::collect(tx, ctx, &calendars, rows);
        self.0.bulk(&operation::COLLECT, &list.rows_of(of), rule, progress)
    }

    /// The attempt that a collection of this table is at; nothing for one that was never begun.
    pub fn collection_of(&self, batch: [u8; 32]) -> Result<Option<CollectionBegun>, Error> {
        self.0.query(&operation::COLLECTED_ROWS, move |tx, _| appeal::collection_of(tx, batch))
    }

    /// What became of every row of a collection.
    pub fn collected(&self, of: CollectionBegun) -> Result<Vec<ArrivalTold>, Error> {
        let mut all: Vec<ArrivalTold> = Vec::new();
        loop {
            let after = all.last().map_or(i64::MIN, |row| row.line);
            let page = self.0.query(&operation::COLLECTED_ROWS, move |tx, _| appeal::collected_rows(tx, of, after))?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Takes a collection back: it looks first whether anything depends on it, then takes back all of it, or nothing. Blocks.
    ///
    /// # Errors
    /// `import_in_use`, with the line, where an appeal was answered or changed since, or is in a later table too.
    pub fn take_back_collection(&self, of: CollectionBegun, progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        let (mut lines, mut after) = (Vec::new(), i64::MIN);
        while let Some((some, last)) =
            self.0.query(&operation::COLLECTED_ROWS, move |tx, _| appeal::arrivals_to_take_back(tx, of, after))?
        {
            lines.extend(some);
            after = last;
        }
        // Last line first.
        let mut rows: Vec<TakeBackArrival> = lines.iter().rev().map(|&line| TakeBackArrival { of, line }).collect();
        let stands = self.0.query(&operation::COLLECTED_ROWS, move |tx, _| appeal::stands(tx, of))?;
        if rows.is_empty() && stands && after != i64::MIN {
            rows.push(TakeBackArrival { of, line: after }); // it wrote nothing: this alone ends it
        }
        self.0.bulk(&operation::TAKE_BACK_ARRIVALS, &rows, appeal::take_back_arrivals, progress)
    }

    /// What arrived by each channel on each day of a period, and where it stands.
    pub fn balance(&self, from: Timestamp, until: Timestamp) -> Result<Vec<ChannelDay>, Error> {
        self.0.query(&operation::BALANCE, move |tx, ctx| appeal::balance(tx, ctx, from, until))
    }
}
