//! Taxpayers, what is known of them, lists of them.

use crate::access::{self, Actor, PhoneProvider};
use crate::approval::Opened;
use crate::core::door::{Command, Target, commands};
use crate::core::{BulkDone, Session};
use crate::crypto::KeyRing;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{ConversationId, TaxpayerId};
use crate::identity::{
    self, BeginImport, Comparison, Disclose, Disclosed, ErasePerson, ExportPerson, Heard, ImportBegun, ImportList, ImportRow, KeyEpochs,
    ListImported, ListStanding, ListTold, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, OfficerCard,
    PersonErased, PersonExport, PhoneTaken, ProposeImport, RelationReleased, RelationView, ReleaseRelation, RequestDisclosure,
    RevealOnCard, RevealTaxpayer, Revealed, RowVerdict, SealedVerdict, TakeBack, TakePhone, TaxpayerCard, TaxpayerKind, Verdicts,
};
use crate::limits;
use crate::operation::{self, Operation};
use crate::store::{ReadTx, StoreExt, Ticket, Tx};

commands! {
    identity::TakePhone;
    ErasePerson, reason;
    BeginImport;
    RequestDisclosure, reason;
    ProposeImport, reason;
}

impl Command for ReleaseRelation {
    fn target(&self) -> Target {
        Target::Relation { enterprise: self.enterprise, person: self.person }
    }
    fn reason(&self) -> Option<String> {
        Some(self.reason.trim().to_owned())
    }
}

/// Looks at rows of a list.
type LookAtRows = fn(&mut dyn ReadTx, &Ctx, &[ImportRow]) -> Result<Vec<RowVerdict>, Error>;

/// Taxpayers.
pub struct Identity<'a>(pub(in crate::core) &'a Session);

impl Identity<'_> {
    /// Enrols taxpayers. Blocks.
    pub fn enrol(&self, rows: &[NewTaxpayer], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::ENROL_TAXPAYERS, rows, identity::enrol, progress)
    }

    /// The id of the taxpayer with this number, for the host itself; nobody where it is an owner's and their sole trader's.
    pub fn find_by_number(&self, number: &str) -> Result<Option<TaxpayerId>, Error> {
        if !matches!(self.0.actor(), Actor::System) {
            return Err(Error::Denied { operation: operation::ENROL_TAXPAYERS.name });
        }
        let indexes = identity::indexes_of(&self.0.core.0.settings.keys, TaxpayerKind::ALL, number);
        self.0.core.0.store.query("identity.find_by_number", move |tx| identity::find_by_number(tx, &indexes))
    }

    /// A taxpayer's card, personal data masked.
    pub fn view(&self, id: TaxpayerId) -> Result<TaxpayerCard, Error> {
        self.0.query(&operation::VIEW_TAXPAYER, move |tx, ctx| identity::view(tx, ctx, id))
    }

    /// Asks for personal data of many taxpayers.
    pub fn request_disclosure(&self, cmd: RequestDisclosure) -> Ticket<Opened> {
        self.0.command(&operation::REQUEST_DISCLOSURE, cmd, identity::request_disclosure)
    }

    /// Personal data of many taxpayers, as it was approved; shown once.
    pub fn disclose(&self, cmd: Disclose) -> Ticket<Disclosed> {
        let subject = format!("approval/{}", cmd.approval);
        let (asked, show) = (cmd.clone(), move |tx: &mut dyn Tx, ctx: &Ctx| identity::disclose(tx, ctx, &cmd));
        self.0.audited_query_of(&operation::DISCLOSE, &asked, subject, None, show, |shown: &Disclosed| shown.items.len())
    }

    /// Takes over the phone that the caller lets a provider tell us. Blocks, for some seconds at most.
    ///
    /// # Errors
    /// `Provider`; `Invalid` for a code that is none.
    pub fn take_phone(&self, provider: &dyn PhoneProvider, code: &str) -> Result<PhoneTaken, Error> {
        access::admit(&operation::TAKE_PHONE, self.0.actor())?;
        access::within_a_proof("code", code)?;
        let phone = provider.phone_of(code, self.0.core.now())?;
        self.0.command(&operation::TAKE_PHONE, TakePhone { phone }, identity::take_phone).wait()
    }

    /// Begins an import, or goes on with one.
    pub fn begin_import(&self, cmd: BeginImport) -> Ticket<ImportBegun> {
        self.0.command(&operation::BEGIN_IMPORT, cmd, identity::begin_import)
    }

    /// What an import would make of each row, by line; nothing is written. A row that speaks of what an earlier one makes (the enterprise of
    /// a relation in the same list, say) is told by what is there now. Blocks; `progress` hears how many were looked at.
    pub fn examine_import(&self, rows: &[ImportRow], progress: &mut dyn FnMut(u64)) -> Result<Vec<RowVerdict>, Error> {
        self.examined(&operation::EXAMINE_IMPORT, rows, identity::examine_import, progress)
    }

    fn examined(
        &self,
        operation: &'static Operation,
        rows: &[ImportRow],
        rule: LookAtRows,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<RowVerdict>, Error> {
        let (mut verdicts, mut heard) = (Vec::with_capacity(rows.len()), Heard::default());
        let (ordered, now) = (identity::in_order(rows), self.0.core.now());
        for chunk in ordered.chunks(limits::BULK_CHUNK_ROWS) {
            let asked = chunk.to_vec();
            let told = self.0.query(operation, move |tx, ctx| rule(tx, ctx, &asked))?;
            verdicts.extend(chunk.iter().zip(told).map(|(row, verdict)| heard.then(row, verdict, now)));
            progress(verdicts.len() as u64);
        }
        verdicts.sort_by_key(|verdict| verdict.line);
        Ok(verdicts)
    }

    /// Applies the rows of a list, findings about real names in the order of their time. Blocks.
    pub fn import(&self, rows: &[ImportRow], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::IMPORT_ROWS, &identity::in_order(rows), identity::import_rows, progress)
    }

    /// The attempt that an import of this list is at; nothing for a list that was never imported.
    pub fn import_attempt(&self, batch: [u8; 32]) -> Result<Option<ImportBegun>, Error> {
        self.0.query(&operation::IMPORTED_ROWS, move |tx, _| identity::attempt_of(tx, batch))
    }

    /// Rows of an import behind a line, with what became of them.
    pub fn imported_rows(&self, of: ImportBegun, after: i64, limit: u32) -> Result<Vec<RowVerdict>, Error> {
        self.0.query(&operation::IMPORTED_ROWS, move |tx, _| identity::imported_rows(tx, of, after, limit))
    }

    /// Every row of an import, by line, with what became of it. Blocks.
    pub fn all_imported_rows(&self, of: ImportBegun) -> Result<Vec<RowVerdict>, Error> {
        self.became(&operation::IMPORTED_ROWS, of)
    }

    fn became(&self, operation: &'static Operation, of: ImportBegun) -> Result<Vec<RowVerdict>, Error> {
        let (mut told, mut after) = (Vec::<RowVerdict>::new(), i64::MIN);
        loop {
            let page = self.0.query(operation, move |tx, _| identity::imported_rows(tx, of, after, limits::PAGE_ROWS_MAX))?;
            let Some(last) = page.last() else { return Ok(told) };
            after = last.line;
            told.extend(page);
        }
    }

    /// Compares a list that was imported with what is kept of it. Blocks; `progress` hears how many rows were compared.
    pub fn compare_import(&self, rows: &[ImportRow], progress: &mut dyn FnMut(u64)) -> Result<Comparison, Error> {
        self.compared(&operation::COMPARE_IMPORT, rows, progress)
    }

    fn compared(&self, operation: &'static Operation, rows: &[ImportRow], progress: &mut dyn FnMut(u64)) -> Result<Comparison, Error> {
        let mut comparison = Comparison::EMPTY;
        for chunk in rows.chunks(limits::BULK_CHUNK_ROWS) {
            let chunk = chunk.to_vec();
            comparison.add(&self.0.query(operation, move |tx, ctx| identity::compare_import(tx, ctx, &chunk))?);
            progress(comparison.rows + comparison.left_out);
        }
        Ok(comparison)
    }

    /// Whether the caller imports lists, before one is read.
    ///
    /// # Errors
    /// `Denied` where the caller's post is not the province's.
    pub fn may_import_lists(&self) -> Result<(), Error> {
        self.0.query(&operation::EXAMINE_LIST, identity::may_import_lists)
    }

    /// What an import of a list would make of each row, and how it stands with its approval; nothing is written. A row that speaks of what an
    /// earlier one makes is told by what is there now. Blocks; `progress` hears how many rows were looked at.
    pub fn examine_list(&self, list: &ImportList, progress: &mut dyn FnMut(u64)) -> Result<ListTold, Error> {
        let told = self.examined(&operation::EXAMINE_LIST, list.rows(), identity::examine_list, progress)?;
        let batch = list.batch();
        let standing = self.0.query(&operation::EXAMINE_LIST, move |tx, ctx| identity::standing_of(tx, ctx, batch))?;
        Ok(ListTold::new(list, told, standing))
    }

    /// Puts a list forward, with what would become of its rows. Blocks; `progress` hears how many rows were looked at.
    pub fn propose_import(&self, list: &ImportList, reason: String, progress: &mut dyn FnMut(u64)) -> Result<Opened, Error> {
        let told = self.examined(&operation::EXAMINE_LIST, list.rows(), identity::examine_list, progress)?;
        self.0.command(&operation::PROPOSE_IMPORT, list.proposal(Verdicts::of(&told), reason), identity::propose_import).wait()
    }

    /// Imports a list that somebody else agreed to, and compares it with what is kept. The same list given again goes on where it stopped.
    /// Blocks; each row is applied, then compared: `progress` hears of both, so up to twice the rows.
    ///
    /// # Errors
    /// `not_approved`; `import_taken_back` where somebody takes it back meanwhile.
    pub fn import_list(&self, list: &ImportList, progress: &mut dyn FnMut(u64)) -> Result<ListImported, Error> {
        let batch = list.batch();
        let of = self.0.query(&operation::EXAMINE_LIST, move |tx, ctx| identity::attempt_to_import(tx, ctx, batch))?;
        let rows = list.rows_of(of);
        self.0.bulk(&operation::IMPORT_LIST, &identity::in_order(&rows), identity::import_approved, progress)?;
        let compared = self.compared(&operation::EXAMINE_LIST, &rows, &mut |n| progress(rows.len() as u64 + n))?;
        let told = self.became(&operation::EXAMINE_LIST, of)?;
        let differing = compared.differing.into_iter().take(limits::LIST_ROWS_TOLD_MAX).collect();
        Ok(ListImported { list: ListTold::new(list, told, ListStanding::Approved), differing })
    }

    /// Takes an import back: it looks first whether anything depends on it, and then takes back all of it, or nothing. What a host
    /// that runs beside it let somebody use in between stays ([`Self::import_kept`]). Where it was cut off it goes on. A list of which
    /// nothing stands may be imported anew behind it too. Blocks.
    ///
    /// # Errors
    /// `import_in_use`, with the line, where a taxpayer of the import had been used or changed before taking back began.
    pub fn take_back_import(&self, of: ImportBegun, progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        let lines = self.lines_of(of, identity::lines_to_take_back)?;
        // Last line first.
        let first = lines.first().copied();
        let mut rows: Vec<TakeBack> = lines.iter().rev().map(|&line| TakeBack { of, line, last: Some(line) == first }).collect();
        if rows.is_empty() {
            let line = self.0.query(&operation::IMPORTED_ROWS, move |tx, _| identity::line_to_end_with(tx, of))?;
            rows.extend(line.map(|line| TakeBack { of, line, last: true }));
        }
        self.0.bulk(&operation::TAKE_BACK_IMPORT, &rows, identity::take_back, progress)
    }

    /// The lines that stayed of an import that was taken back, because somebody used or changed what they made since that began.
    pub fn import_kept(&self, of: ImportBegun) -> Result<Vec<i64>, Error> {
        self.lines_of(of, identity::lines_kept)
    }

    fn lines_of(&self, of: ImportBegun, behind: identity::PageOfLines) -> Result<Vec<i64>, Error> {
        let (mut lines, mut after) = (Vec::new(), i64::MIN);
        while let Some((some, last)) = self.0.query(&operation::IMPORTED_ROWS, move |tx, _| behind(tx, of, after))? {
            lines.extend(some);
            after = last;
        }
        Ok(lines)
    }

    /// Writes down numbers that taxpayers had before the one in use. Blocks.
    pub fn record_former_numbers(&self, rows: &[NewFormerNumber], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_FORMER_NUMBERS, rows, identity::record_former_numbers, progress)
    }

    /// Writes down findings about real names. Blocks.
    pub fn record_real_names(&self, rows: &[NewRealName], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_REAL_NAMES, rows, identity::record_real_names, progress)
    }

    /// Writes down who acts for which enterprise. Blocks.
    pub fn record_relations(&self, rows: &[NewRelation], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_RELATIONS, rows, identity::record_relations, progress)
    }

    /// Writes down which enterprises are on a roster. Blocks.
    pub fn record_roster(&self, rows: &[NewRosterEntry], progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        self.0.bulk(&operation::RECORD_ROSTER, rows, identity::record_roster, progress)
    }

    /// Erases a person: all by which they are found at once, and some of their conversations; again while there is more.
    ///
    /// # Errors
    /// `still_open` while they wait or are served.
    pub fn erase_person(&self, cmd: ErasePerson) -> Ticket<PersonErased> {
        self.0.command(&operation::ERASE_PERSON, cmd, identity::erase_person)
    }

    /// All that is kept of a person; an audit record for the person and for each conversation. Blocks.
    pub fn export_person(&self, cmd: ExportPerson, progress: &mut dyn FnMut(u64)) -> Result<PersonExport, Error> {
        let (person, reason) = (cmd.person, Some(cmd.reason.trim().to_owned()));
        let exported_at = self.0.core.now();
        let (asked, subject) = (cmd.clone(), format!("taxpayer/{person}"));
        let first = self.0.audited_query(&operation::EXPORT_PERSON, &asked, subject, reason.clone(), move |tx, ctx| {
            identity::export_person(tx, ctx, &cmd)
        });
        let (exported, ids) = first.wait()?;
        let mut conversations = Vec::with_capacity(ids.len());
        for id in ids {
            let subject = format!("conversation/{id}");
            let one = self.0.audited_query(&operation::EXPORT_PERSON, &(&asked, id), subject, reason.clone(), move |tx, ctx| {
                identity::export_conversation(tx, ctx, person, id)
            });
            conversations.push(one.wait()?);
            progress(conversations.len() as u64);
        }
        Ok(PersonExport { exported_at, person: exported, conversations })
    }

    /// Wraps keys of older epochs anew by the current one, at most `most`; none are left when it answers that there were no
    /// rows. May be interrupted at any time, and hosts may run it side by side. Blocks.
    pub fn rewrap_keys(&self, most: usize, progress: &mut dyn FnMut(u64)) -> Result<BulkDone, Error> {
        access::admit(&operation::REWRAP_KEYS, self.0.actor())?;
        let settings = self.0.core.0.settings.clone();
        let name = operation::REWRAP_KEYS.name;
        let rows = self.0.core.0.store.query(name, move |tx| identity::keys_to_rewrap(tx, &settings.keys, most))?;
        self.0.bulk(&operation::REWRAP_KEYS, &rows, identity::rewrap_keys, progress)
    }

    /// Whether anything sealed was altered past the door; reads all of it. `told` hears how many rows were looked at.
    pub fn verify_sealed(&self, mut told: impl FnMut(u64) + Send + 'static) -> Result<SealedVerdict, Error> {
        self.0.query(&operation::VERIFY_SEALED, move |tx, ctx| identity::verify_sealed(tx, ctx, &mut told))
    }

    /// How many keys each epoch wraps.
    pub fn key_epochs(&self) -> Result<KeyEpochs, Error> {
        self.0.query(&operation::KEY_EPOCHS, identity::key_epochs)
    }

    /// Takes an old epoch out of `ring`, which the caller writes to the key file.
    ///
    /// # Errors
    /// `epoch_in_use` while anything is wrapped by it; `Invalid` for the current one, one that was prepared, and one that is not
    /// there.
    pub fn retire_epoch(&self, ring: &mut KeyRing, epoch: u32) -> Result<(), Error> {
        self.0.query(&operation::KEY_EPOCHS, move |tx, ctx| identity::may_retire(tx, ctx.keys(), epoch))?;
        Ok(ring.destroy_epoch(epoch)?)
    }

    /// Who acts, or acted, for an enterprise; for whom a person acts, or acted.
    pub fn relations(&self, id: TaxpayerId) -> Result<Vec<RelationView>, Error> {
        self.0.query(&operation::RELATIONS, move |tx, ctx| identity::relations(tx, ctx, id))
    }

    /// Ends a relation, with a reason.
    pub fn release_relation(&self, cmd: ReleaseRelation) -> Ticket<RelationReleased> {
        self.0.command(&operation::RELEASE_RELATION, cmd, identity::release_relation)
    }

    /// The card of a conversation, personal data masked.
    pub fn card(&self, id: ConversationId) -> Result<OfficerCard, Error> {
        self.0.query(&operation::CARD, move |tx, ctx| identity::card_of(tx, ctx, id))
    }

    /// One field of somebody on a conversation's card unmasked, with a reason; leaves an audit record.
    pub fn reveal_on_card(&self, cmd: RevealOnCard) -> Ticket<Revealed> {
        let subject = format!("taxpayer/{}/{}", cmd.taxpayer, cmd.field.as_str());
        let reason = Some(cmd.reason.trim().to_owned());
        let asked = cmd.clone();
        self.0.audited_query(&operation::REVEAL_ON_CARD, &asked, subject, reason, move |tx, ctx| identity::reveal_on_card(tx, ctx, &cmd))
    }

    /// One field unmasked, with a reason; leaves an audit record.
    pub fn reveal(&self, cmd: RevealTaxpayer) -> Ticket<Revealed> {
        let subject = format!("taxpayer/{}/{}", cmd.taxpayer, cmd.field.as_str());
        let reason = Some(cmd.reason.trim().to_owned());
        let asked = cmd.clone();
        self.0.audited_query(&operation::REVEAL_TAXPAYER, &asked, subject, reason, move |tx, ctx| identity::reveal(tx, ctx, &cmd))
    }
}
