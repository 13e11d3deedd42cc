//! Lists that are imported: what is asked of the core about them, and whom they speak of as they see themselves then.

use zhengna_core::access::Actor;
use zhengna_core::core::Identity;
use zhengna_core::identity::{BeginImport, ImportBegun, ImportRow, Listed, NewTaxpayer, RowVerdict};
use zhengna_core::{Error, Timestamp, limits};
use zhengna_tests::world::listed;

use super::super::directory::{LIST_ROWS, ListRow};
use super::super::model::Told;
use super::super::stage::patiently;
use super::super::step::{Affair, Deed, Step};
use super::{Came, Checked, Player};

/// The line of a list's first row.
const FIRST_LINE: i64 = 2;

fn import_of(list: u8, attempt: u8) -> ImportBegun {
    ImportBegun { batch: [list; 32], attempt: i64::from(attempt) }
}

fn verdicts(rows: &[RowVerdict]) -> Told {
    Told::Verdicts(rows.iter().map(|row| (row.line, row.verdict.as_str().to_owned(), row.field.clone())).collect())
}

impl Player {
    fn said(&self, row: &ListRow) -> Listed {
        let known = self.model.people.directory.row(row.who);
        // No other last character makes a number good.
        let slipped = |number: &str| format!("{}{}", &number[..number.len() - 1], if number.ends_with('0') { '1' } else { '0' });
        let number = if row.slip { slipped(&known.number) } else { known.number.clone() };
        let mut said = listed(&NewTaxpayer { number, phone: Some(row.phone.clone()), ..known });
        if let (Listed::Taxpayer(said), Some(as_of)) = (&mut said, row.as_of) {
            said.as_of = Timestamp::from_micros(as_of).rfc3339();
        }
        said
    }

    fn import_rows(&self, list: u8, attempt: u8) -> Vec<ImportRow> {
        let rows = self.model.people.directory.list(list);
        let of = import_of(list, attempt);
        (FIRST_LINE..).zip(&rows).map(|(line, row)| ImportRow { of, line, said: self.said(row) }).collect()
    }

    pub(super) fn ask_import(&self, identity: &Identity<'_>, affair: &Affair) -> Result<Told, Error> {
        match *affair {
            Affair::BeginImport { list } => {
                let begin = BeginImport { batch: [list; 32], name: format!("名单{list}"), rows: i64::from(LIST_ROWS), given: None };
                identity.begin_import(begin).wait().map(|begun| Told::Begun(begun.attempt as u8))
            }
            Affair::Examine { list } => identity.examine_import(&self.import_rows(list, 1), &mut |_| {}).map(|rows| verdicts(&rows)),
            Affair::ImportRows { list, attempt, from, until } => {
                let rows = self.import_rows(list, attempt);
                let some = &rows[usize::from(from)..usize::from(until)];
                identity.import(some, &mut |_| self.piece()).map(|done| Told::List(done.changed))
            }
            Affair::Imported { list, attempt } => {
                identity.imported_rows(import_of(list, attempt), i64::MIN, limits::PAGE_ROWS_MAX).map(|rows| verdicts(&rows))
            }
            Affair::Compare { list, attempt } => {
                identity.compare_import(&self.import_rows(list, attempt), &mut |_| {}).map(|compared| Told::Compared {
                    rows: compared.rows,
                    left_out: compared.left_out,
                    agrees: compared.agrees(),
                    differing: compared.differing,
                })
            }
            Affair::TakeBack { list, attempt } => {
                identity.take_back_import(import_of(list, attempt), &mut |_| self.piece()).map(|done| Told::List(done.changed))
            }
            _ => Ok(Told::Done(u32::MAX)),
        }
    }

    /// After rows of a list were applied or taken back: those it speaks of see themselves as the model has them.
    pub(super) fn imported(&mut self, step: &Step, came: Came) -> Checked<()> {
        let Deed::People { affair: Affair::ImportRows { list, .. } | Affair::TakeBack { list, .. }, .. } = step.deed else { return Ok(()) };
        if came != Came::Done {
            return Ok(());
        }
        for row in self.model.people.directory.list(list) {
            let Some(seen) = self.own_face(row.who)? else { continue };
            let should = self.model.people.own_face(row.who);
            if seen != should {
                return Err(format!("after it {} is {seen:?}\n  should be {should:?}", row.who));
            }
        }
        Ok(())
    }

    fn own_face(&self, n: u16) -> Checked<Option<Told>> {
        let id = self.who_is(n);
        if id.uuid().is_nil() {
            return Ok(None);
        }
        let session = self.core().as_actor(Actor::Taxpayer(id));
        let card = patiently(|| session.identity().view(id)).map_err(|e| format!("person {n}: {e}"))?;
        Ok(Some(Told::Face(Box::new(self.face(&card)))))
    }
}
