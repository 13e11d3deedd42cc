//! Real-name state (实名状态) of natural persons: how far it is known that somebody is who they say, by which channel, since when.
//! Each finding is kept; the newest one counts.

use serde::{Deserialize, Serialize};

use super::entry::{self, Entry, EntryKind, Weighed};
use super::taxpayer::person_of;
use crate::access::{ActorKind, ActorRef, end_sessions};
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
/// again; returns how many are new. A person newly verified is signed out everywhere: a session begun before may be somebody
/// else's (CVE-2026-44707).
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
        if newest.as_ref().is_some_and(|known| row.found_at <= known.found_at) {
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

    fn about(&self) -> TaxpayerId {
        self.person
    }

    fn enter(&self, tx: &mut dyn Tx, ctx: &Ctx) -> Result<(), Error> {
        let newest = findings(tx, self.person, 1)?.into_iter().next();
        tx.add(self)?;
        let newly = self.state == RealNameState::Verified && newest.is_none_or(|known| known.state != RealNameState::Verified);
        if newly && !planted(Bug::VerificationKeepsSessions) {
            end_sessions(tx, ctx, ActorRef { kind: ActorKind::Taxpayer, id: self.person.uuid() })?;
        }
        Ok(())
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
