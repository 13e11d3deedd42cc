//! People as lists and officers' cards tell of them.

use zhengna_core::access::Actor;
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{
    BeginImport, CaptureChannel, Fact, ImportBegun, ImportRow, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, OfficerCard,
    RealNameLevel, RealNameState, Role, Roster,
};
use zhengna_core::interaction::{Claim, Enter, Entered, Leave, SourceChannel};
use zhengna_core::store::Ticket;
use zhengna_core::{Session, Timestamp};

use crate::world::{Engine, World, company, listed, person, relation, start};

/// An instant, as a clock in China shows it.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("{text}+08:00")).expect("an instant")
}

/// So many days after the start of the test.
pub fn day(n: i64) -> Timestamp {
    Timestamp::from_micros(start().micros() + n * 24 * 3600 * 1_000_000)
}

/// The e-tax bureau found face and papers of person `n` to be one.
pub fn verified(n: usize, found_at: Timestamp) -> NewRealName {
    NewRealName {
        person: person(n).number,
        state: RealNameState::Verified,
        level: Some(RealNameLevel::Face),
        channel: CaptureChannel::ElectronicTaxBureau,
        found_at,
    }
}

/// The relation as one that was over yesterday.
pub fn released(mut relation: NewRelation) -> NewRelation {
    (relation.ends_at, relation.released) = (Some(day(-1)), true);
    relation.starts_at = day(-300);
    relation
}

/// Enters by a channel as the product knows it: the door of the sign-in, a signed link, or on from an earlier conversation.
fn enter_by(world: &World, session: &Session, channel: SourceChannel) -> Ticket<Entered> {
    use SourceChannel::{Kiosk, MiniProgram, OfficialAccount, Portal, ReEntry, UnresolvedMatterDesk, Web, Zone};
    match channel {
        MiniProgram | OfficialAccount | Portal | Web => session.clone().through(channel).interaction().enter(world.enter()),
        UnresolvedMatterDesk | Zone | Kiosk => {
            let signed = world.core.as_system().interaction().sign_entry(world.line, channel).expect("signs");
            session.interaction().enter(Enter { entry: Some(signed.entry), ..world.enter() })
        }
        ReEntry => {
            let first = session.interaction().enter(world.enter()).wait().expect("enters").conversation;
            session.interaction().leave(Leave { conversation: first }).wait().expect("leaves");
            session.interaction().enter(Enter { previous: Some(first), ..world.enter() })
        }
    }
}

/// The card that officer 0 sees of a taxpayer who came by this channel, and was served at once.
pub fn card_through(world: &World, taxpayer: TaxpayerId, channel: SourceChannel) -> OfficerCard {
    let session = world.core.as_actor(Actor::Taxpayer(taxpayer));
    let entered = enter_by(world, &session, channel).wait().expect("enters");
    let claimed = world.officer(0).interaction().claim(Claim { line: world.line }).wait().expect("is served");
    assert_eq!(claimed.conversation, entered.conversation);
    let card = world.officer(0).identity().card(entered.conversation).expect("is at the desk");
    assert_eq!(card.channel, channel);
    card
}

/// What a card shows of something that is known.
#[track_caller]
pub fn value(fact: &Fact) -> &str {
    if let Fact::Known { value, .. } = fact { value } else { panic!("not known: {fact:?}") }
}

/// Taxpayer 0, verified by face at the electronic tax bureau ten days ago, acts for company 1 as its tax handler and acted for
/// company 2; company 1 has taxpayer 1 as its legal representative, and no finance officer since taxpayer 2 was released.
pub fn furnished(engine: Engine) -> World {
    let world = World::new(engine);
    let identity = world.core.as_system();
    let identity = identity.identity();
    let (one, two) = (company(1), company(2));
    identity.enrol(&[one.clone(), two.clone()], &mut |_| {}).expect("is written");
    let relations = [
        relation(&one.number, Role::TaxHandler, &person(0).number),
        relation(&one.number, Role::LegalRepresentative, &person(1).number),
        released(relation(&one.number, Role::FinanceOfficer, &person(2).number)),
        released(relation(&two.number, Role::InvoiceIssuer, &person(0).number)),
    ];
    assert_eq!(identity.record_relations(&relations, &mut |_| {}).expect("is written").changed, 4);
    identity.record_real_names(&[verified(0, day(-10))], &mut |_| {}).expect("is written");
    let on = NewRosterEntry {
        enterprise: one.number,
        roster: Roster::LargeEnterprise,
        starts_at: day(-100),
        ends_at: None,
        document: "吉税发〔2026〕1号".into(),
    };
    let gone = NewRosterEntry { roster: Roster::DesignatedSmallMicro, ends_at: Some(day(-1)), ..on.clone() };
    assert_eq!(identity.record_roster(&[on, gone], &mut |_| {}).expect("is written").changed, 2);
    world
}

/// What a list is known by.
pub const LIST: [u8; 32] = [7; 32];

/// The import of that list.
pub fn begun(world: &World, rows: i64) -> ImportBegun {
    world
        .core
        .as_system()
        .identity()
        .begin_import(BeginImport { batch: LIST, name: "纳税人.csv".into(), rows, given: None })
        .wait()
        .expect("begins")
}

/// The import of another list, by number.
pub fn another(world: &World, list: u8) -> ImportBegun {
    let begin = BeginImport { batch: [list; 32], name: "名单".into(), rows: 1, given: None };
    world.core.as_system().identity().begin_import(begin).wait().expect("begins")
}

/// The list as an import takes it.
pub fn rows_of(of: ImportBegun, people: &[NewTaxpayer]) -> Vec<ImportRow> {
    (2..).zip(people).map(|(line, new)| ImportRow { of, line, said: listed(new) }).collect()
}
