//! Real-name state (实名状态) of natural persons: how far it is known that somebody is who they say, by which channel, since when.
//! Each finding is kept; the newest one counts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry::{self, Entry, EntryKind, Weighed};
use super::taxpayer::person_of;
use crate::access::{ActorKind, ActorRef, end_sessions, shut_out};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::TaxpayerId;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::{ReadTx, Reads, Tx, Writes, stretch};

words! {
    /// Channel by which something about a person or an enterprise came to be known (采集渠道).
    pub enum CaptureChannel {
        /// 办税服务厅, in person.
        Hall = "hall",
        /// 电子税务局: its identity service.
        ElectronicTaxBureau = "electronic_tax_bureau",
        /// 吉事办 and other portals of the province.
        Portal = "portal",
        /// The WeChat mini-program.
        MiniProgram = "mini_program",
        /// A self-service kiosk.
        Kiosk = "kiosk",
        /// The register of taxpayers (税务登记, 金税).
        Register = "register",
        /// The platform in service before this one.
        Migration = "migration",
    }
}

impl CaptureChannel {
    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Hall => "办税服务厅",
            Self::ElectronicTaxBureau => "电子税务局",
            Self::Portal => "吉事办",
            Self::MiniProgram => "微信小程序",
            Self::Kiosk => "自助办税终端",
            Self::Register => "税务登记",
            Self::Migration => "原平台迁移",
        }
    }
}

words! {
    /// How far it is known that somebody is who they say.
    pub enum RealNameState {
        /// 已采集: name, paper and phone were taken down, and compared with nothing yet.
        Captured = "captured",
        /// 已认证: an authority compared them.
        Verified = "verified",
        /// 未通过: they were compared and did not fit.
        Failed = "failed",
        /// 已失效: was verified, and is no more.
        Lapsed = "lapsed",
    }
}

impl RealNameState {
    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Captured => "已采集",
            Self::Verified => "已认证",
            Self::Failed => "未通过",
            Self::Lapsed => "已失效",
        }
    }
}

words! {
    /// How strong a verification was, weakest first.
    pub enum RealNameLevel {
        /// 两要素: name and number fit each other.
        NameAndNumber = "name_and_number",
        /// 三要素: and the phone is registered to them.
        NameNumberAndPhone = "name_number_and_phone",
        /// 人脸核验: and the face is theirs.
        Face = "face",
        /// 现场核验: an officer saw the person and the paper.
        InPerson = "in_person",
    }
}

impl RealNameLevel {
    /// Whether the person was there, rather than what somebody knows of them compared: whoever has seen a card and a telephone
    /// knows name, number and phone.
    pub const fn proves_presence(self) -> bool {
        matches!(self, Self::Face | Self::InPerson)
    }

    /// Its name in Chinese.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NameAndNumber => "两要素",
            Self::NameNumberAndPhone => "三要素",
            Self::Face => "人脸核验",
            Self::InPerson => "现场核验",
        }
    }
}

record! {
    /// One finding about a person's real name.
    #[derive(Serialize, Deserialize)]
    pub struct RealName in "real_name" {
        /// Whose.
        person: TaxpayerId,
        /// Place among the person's findings, from 1.
        number: i64,
        /// What was found.
        state: RealNameState,
        /// How strongly, where it was compared.
        level: Option<RealNameLevel>,
        /// By which channel.
        channel: CaptureChannel,
        /// When it was found there.
        found_at: Timestamp,
        /// When it was written down here.
        recorded_at: Timestamp,
    }
    key(person, number);
}

/// What was found about a real name, as its person and officers see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RealNameFound {
    /// What was found.
    pub state: RealNameState,
    /// How strongly, where it was compared.
    pub level: Option<RealNameLevel>,
    /// By which channel.
    pub channel: CaptureChannel,
    /// When it was found there.
    pub found_at: Timestamp,
}

impl RealNameFound {
    pub(super) fn of(found: &RealName) -> Self {
        Self { state: found.state, level: found.level, channel: found.channel, found_at: found.found_at }
    }
}

/// One finding to write down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRealName {
    /// Number of the person.
    pub person: String,
    /// What was found.
    pub state: RealNameState,
    /// How strongly; given exactly for what was verified.
    pub level: Option<RealNameLevel>,
    /// By which channel.
    pub channel: CaptureChannel,
    /// When.
    pub found_at: Timestamp,
}

/// Writes findings down. One that is not newer than the newest known of the person is left out, so that a list can be applied
/// again; returns how many are new. A person newly verified, or for the first time by being there, is shut out of what was before: a
/// session begun then, a password and an account linked then may be somebody else's (CVE-2026-44707). Of whoever was there before, and
/// was only taken down since, sessions alone end. What ended does not come back where a list is taken back.
///
/// # Errors
/// `Invalid` with the row and field: nobody known by the number, not a person, a level without verification or the reverse, a
/// time that has not come.
pub fn record_real_names(tx: &mut dyn Tx, ctx: &Ctx, rows: &[NewRealName]) -> Result<u64, Error> {
    entry::record::<RealName>(tx, ctx, rows)
}

impl Entry for RealName {
    const KIND: EntryKind = EntryKind::RealName;
    type Row = NewRealName;

    fn weigh(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewRealName) -> Result<Weighed<Self>, Error> {
        let unknown = || Error::invalid("person", Problem::Unknown("person"));
        let person = person_of(tx, ctx, &row.person)?.ok_or_else(unknown)?;
        match (row.state, row.level) {
            (RealNameState::Verified, None) => return Err(Error::invalid("level", Problem::Empty)),
            (RealNameState::Captured | RealNameState::Failed, Some(_)) => {
                return Err(Error::invalid("level", Problem::Malformed("only a verification has a level".into())));
            }
            _ => {}
        }
        if row.found_at > ctx.now().plus(limits::CLOCK_SKEW_MAX) {
            return Err(Error::invalid("found_at", Problem::Malformed("is in the future".into())));
        }
        let newest = findings(tx, person, 1)?.into_iter().next();
        // Lists tell days: of what was found on one day, a verification goes over what is none.
        let verifies =
            |known: &RealName| row.found_at == known.found_at && row.state == RealNameState::Verified && known.state != row.state;
        if newest.as_ref().is_some_and(|known| row.found_at <= known.found_at && !verifies(known)) {
            let said = (row.found_at, row.state, row.level, row.channel);
            let known = findings(tx, person, limits::PAGE_ROWS_MAX)?;
            let same = known.iter().any(|known| (known.found_at, known.state, known.level, known.channel) == said);
            return Ok(if same { Weighed::Known(person) } else { Weighed::Overtaken("found_at", "something newer is known") });
        }
        Ok(Weighed::New(RealName {
            person,
            number: newest.map_or(1, |known| known.number + 1),
            state: row.state,
            level: row.level,
            channel: row.channel,
            found_at: row.found_at,
            recorded_at: ctx.now(),
        }))
    }

    fn compared(tx: &mut dyn ReadTx, ctx: &Ctx, row: &NewRealName) -> Result<[Value; 2], Error> {
        let unknown = || Error::invalid("person", Problem::Unknown("person"));
        let person = person_of(tx, ctx, &row.person)?.ok_or_else(unknown)?;
        let canonical = |state: RealNameState, level: Option<RealNameLevel>, channel: CaptureChannel| {
            json!(["real_name", person, row.found_at, state, level, channel])
        };
        let said = canonical(row.state, row.level, row.channel);
        let known = findings(tx, person, limits::PAGE_ROWS_MAX)?;
        let at_that_time = known.iter().filter(|known| known.found_at == row.found_at);
        let mut kept = at_that_time.map(|known| canonical(known.state, known.level, known.channel)).collect::<Vec<_>>();
        // What was found at one instant in two ways is kept if one of them is it.
        kept.sort_by_key(|kept| *kept != said);
        Ok([said, kept.into_iter().next().unwrap_or(Value::Null)])
    }

    fn about(&self) -> TaxpayerId {
        self.person
    }

    fn enter(&self, tx: &mut dyn Tx, ctx: &Ctx) -> Result<(), Error> {
        let ends = self.ends(tx)?;
        tx.add(self)?;
        match ends.filter(|_| !planted(Bug::VerificationKeepsSessions)) {
            None => Ok(()),
            Some(Ends::Sessions) => end_sessions(tx, ctx, ActorRef { kind: ActorKind::Taxpayer, id: self.person.uuid() }),
            Some(Ends::EveryWayIn) => shut_out(tx, ctx, self.person),
        }
    }
}

/// What ends where it is surer than before who a person is: whoever knew name, number and phone may have got in meanwhile.
enum Ends {
    /// They were there for a verification before, and nothing since says that they are not who they say: what they set up then is theirs,
    /// however often lists take them down or verify them anew.
    Sessions,
    EveryWayIn,
}

impl RealName {
    fn proves_presence(&self) -> bool {
        self.level.is_some_and(RealNameLevel::proves_presence)
    }

    /// What ends with this finding. It is surer than before who they are where they were not verified, or were never there for it since
    /// they are.
    fn ends(&self, tx: &mut dyn ReadTx) -> Result<Option<Ends>, Error> {
        if self.state != RealNameState::Verified {
            return Ok(None);
        }
        let known = findings(tx, self.person, limits::PAGE_ROWS_MAX)?;
        let mut since_verified = known.iter().take_while(|known| known.state == RealNameState::Verified).peekable();
        let newly = since_verified.peek().is_none();
        let surer = newly || self.proves_presence() && !since_verified.any(Self::proves_presence);
        if !surer {
            return Ok(None);
        }
        let stood = |known: &&RealName| matches!(known.state, RealNameState::Verified | RealNameState::Captured);
        let shown = known.iter().take_while(stood).any(Self::proves_presence);
        Ok(Some(if shown { Ends::Sessions } else { Ends::EveryWayIn }))
    }
}

/// Writes down that a provider calls somebody verified since `found_at`. Over what was only captured since it goes as of now: the
/// provider says it now. What failed or lapsed since stays so, until they are verified anew.
pub(super) fn verify(
    tx: &mut dyn Tx,
    ctx: &Ctx,
    person: TaxpayerId,
    level: RealNameLevel,
    channel: CaptureChannel,
    found_at: Timestamp,
) -> Result<(), Error> {
    let newest = findings(tx, person, 1)?.into_iter().next();
    let found_at = match &newest {
        Some(known) if found_at > known.found_at => found_at,
        Some(known) if known.state == RealNameState::Captured => ctx.now(),
        // They tell days: who failed and was verified on one day was verified.
        Some(known) if found_at == known.found_at && known.state != RealNameState::Verified => found_at,
        Some(_) => return Ok(()),
        None => found_at,
    };
    let number = newest.map_or(1, |known| known.number + 1);
    let state = RealNameState::Verified;
    RealName { person, number, state, level: Some(level), channel, found_at, recorded_at: ctx.now() }.enter(tx, ctx)
}

/// The findings about a person, newest first. The caller has opened the person.
pub(super) fn findings(tx: &mut dyn ReadTx, person: TaxpayerId, most: u32) -> Result<Vec<RealName>, Error> {
    let why = crate::access::Engine::work("real-name findings of a person whom the caller opened");
    Ok(tx.scan(why, stretch(None, (person,)).newest_first().limit(most))?)
}

/// Every finding about a person, newest first. The caller has opened the person.
pub(super) fn all_findings(tx: &mut dyn ReadTx, person: TaxpayerId) -> Result<Vec<RealName>, Error> {
    let why = crate::access::Engine::work("real-name findings of a person to whom all that is kept of them is given");
    Ok(tx.scan_all(why, stretch(None, (person,)).newest_first(), |_| true)?)
}
