//! Opening and changing lines: one officer puts it forward, another one agrees.

use serde::{Deserialize, Serialize};

use super::{Line, LineSettings};
use crate::access::{AuthorityPath, Permission, check, holds_at, path_named, path_of, within_posts};
use crate::approval::{self, Approval, Changes, Matter, Opened, Opening};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::LineId;
use crate::identity::AuthorityCode;
use crate::identity::reason;
use crate::limits;
use crate::store::{ReadTx, Reads, StoreError, Tx, Writes};

/// Opens a line as the host itself, where nobody is there yet to agree: when a bureau is set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLine {
    /// The authority it belongs to.
    pub authority: AuthorityCode,
    /// How it works.
    pub settings: LineSettings,
    /// What it is known by elsewhere, or to whoever sets the bureau up: a second line of that id is not opened.
    pub external_id: Option<String>,
}

impl OpenLine {
    /// A general line that is served day and night.
    pub fn new(name: impl Into<String>, authority: AuthorityCode) -> Self {
        Self { authority, settings: LineSettings::new(name), external_id: None }
    }
}

/// The line that was opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LineOpened {
    /// Its id.
    pub line: LineId,
}

impl crate::core::Answer for LineOpened {
    fn subject(&self) -> String {
        format!("line/{}", self.line)
    }
}

/// Opens a line, or answers with the one that has its external id.
pub fn open_line(tx: &mut dyn Tx, ctx: &Ctx, cmd: OpenLine) -> Result<LineOpened, Error> {
    let external_id = cmd.external_id.as_deref().map(|id| error::text("external_id", id, limits::EXTERNAL_ID_CHARS_MAX)).transpose()?;
    if let Some(id) = &external_id
        && let Some(there) = tx.find_by::<Line>(Line::BY_EXTERNAL_ID, (id.clone(),))?
    {
        return Ok(LineOpened { line: there.trust("the host sets lines up").id });
    }
    let authority = path_named(tx, ctx, "authority", cmd.authority)?;
    let settings = settled(tx, ctx, None, &authority, cmd.settings)?;
    let line = Line { external_id, ..Line::new(LineId::from_uuid(ctx.new_uuid()), authority, ctx.now(), settings) };
    tx.add(&line)?;
    Ok(LineOpened { line: line.id })
}

/// A line to open, or how one is to work from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProposeLine {
    /// Which line changes; absent for a new one.
    #[serde(default)]
    pub line: Option<LineId>,
    /// The authority of a new one; that of a line that is there stays.
    #[serde(default)]
    pub authority: Option<AuthorityCode>,
    /// How it works: all of it, also what does not change.
    pub settings: LineSettings,
    /// Why, for whoever decides; kept in the audit trail.
    pub reason: String,
}

/// Puts forward that a line is opened or works otherwise.
///
/// # Errors
/// `NotFound` for a line that the caller does not manage; `Invalid` with the field; `ApprovalPending` where the same waits already.
pub fn propose_line(tx: &mut dyn Tx, ctx: &Ctx, cmd: ProposeLine) -> Result<Opened, Error> {
    let reason = reason(&cmd.reason)?;
    let (line, authority): (Option<Line>, AuthorityPath) = match (cmd.line, cmd.authority) {
        (Some(id), None) => {
            let found = tx.find::<Line>((id,))?;
            let line = check(ctx, found)?.into_inner();
            let authority = line.authority.clone();
            (Some(line), authority)
        }
        (None, Some(authority)) => {
            within_posts(tx, ctx, "authority", authority, Permission::ManageLines)?;
            (None, path_named(tx, ctx, "authority", authority)?)
        }
        (Some(_), Some(_)) => return Err(Error::invalid("authority", Problem::Malformed("a line stays at its authority".into()))),
        (None, None) => return Err(Error::invalid("authority", Problem::Empty)),
    };
    let settings = settled(tx, ctx, line.as_ref(), &authority, cmd.settings)?;
    let place = authority.own().ok_or_else(|| StoreError::Corrupt("a line has no authority".into()))?;
    let subject = cmd.line.map_or_else(|| format!("{place}/{}", settings.name), |id| id.to_string());
    let content = ProposeLine { settings, reason, ..cmd };
    approval::open(tx, ctx, Opening { matter: Matter::Line, subject, place: Some(place), about: None, content })
}

/// Makes happen what was approved. Checked again: the world may have changed since it was put forward.
pub(crate) fn carry_out(tx: &mut dyn Tx, ctx: &Ctx, approval: &Approval) -> Result<(), Error> {
    let ProposeLine { line, settings, .. } = approval.content()?;
    let place = approval.place.ok_or_else(|| StoreError::Corrupt("a line was approved for no place".into()))?;
    let authority: AuthorityPath = path_of(tx, ctx.rights(), place)?;
    let Some(id) = line else {
        let settings = settled(tx, ctx, None, &authority, settings)?;
        tx.add(&Line::new(LineId::from_uuid(ctx.new_uuid()), authority, ctx.now(), settings))?;
        return Ok(());
    };
    let found = tx.lock_row::<Line>((id,))?.ok_or_else(|| StoreError::Corrupt(format!("line {id} vanished")))?;
    let line = found.trust("what was approved is carried out").into_inner();
    let settings = settled(tx, ctx, Some(&line), &authority, settings)?;
    tx.replace(&line, line.clone().with(settings))?;
    Ok(())
}

/// How the line works now, beside how it would; nothing where it is new.
pub(crate) fn changes(tx: &mut dyn ReadTx, approval: &Approval) -> Result<Option<Changes>, Error> {
    let ProposeLine { line, settings, .. } = approval.content()?;
    let Some(id) = line else { return Ok(None) };
    let found = tx.find::<Line>((id,))?.map(|line| line.trust("whoever reads how a line is to work reads how it does").into_inner());
    Ok(found.map(|line| Changes::between(&line.settings(), &settings)).transpose()?)
}

/// Within the limits, over into another line of its authority or of one above that lets in whomever this one does, and with specialists who serve at its authority: those who are new
/// to it, for nobody's leaving keeps it from being changed otherwise.
fn settled(
    tx: &mut dyn ReadTx,
    ctx: &Ctx,
    line: Option<&Line>,
    authority: &AuthorityPath,
    settings: LineSettings,
) -> Result<LineSettings, Error> {
    let settings = settings.checked()?;
    if let Some(overflow) = settings.overflow {
        let over = tx.find::<Line>((overflow,))?.map(|over| over.trust("where a line sends people on").into_inner());
        let near = |over: &Line| over.authority.own().is_some_and(|own| authority.codes().contains(&own));
        // Whoever asks for a line without a gate is not sent to one that may not let them in.
        let lets_in = |over: &Line| over.kind.gate().is_none_or(|gate| settings.kind.gate() == Some(gate));
        if line.is_some_and(|line| line.id == overflow) || !over.is_some_and(|over| near(&over) && lets_in(&over)) {
            return Err(Error::invalid("overflow", Problem::Unknown("line")));
        }
    }
    let present = line.and_then(|line| line.routing.as_ref());
    let named = settings.routing.iter().flat_map(|routing| routing.specialists.iter().enumerate());
    for (i, specialist) in named.filter(|(_, s)| !present.is_some_and(|routing| routing.names(s.officer))) {
        if !holds_at(tx, ctx, specialist.officer, Permission::ServeTaxpayers, authority)? {
            return Err(Error::invalid(format!("routing.specialists[{i}].officer"), Problem::Unknown("officer")));
        }
    }
    Ok(settings)
}
