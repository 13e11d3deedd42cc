//! People: numbers of every register, real names, relations, rosters, and the card an officer sees, on every engine.

use std::sync::OnceLock;

use zhengna_core::access::{Actor, ActorKind, ActorRef, Credentials};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{
    BeginImport, CaptureChannel, CardHolder, Fact, ImportBegun, ImportRow, Listed, ListedFormerNumber, ListedRealName, ListedRelation,
    ListedRosterEntry, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, NumberKind, OfficerCard, PersonalField,
    RealNameLevel, RealNameState, ReleaseRelation, RevealOnCard, Role, Roster, RowVerdict, Unknown, Verdict,
};
use zhengna_core::interaction::{Claim, Enter, SourceChannel};
use zhengna_core::{Error, Timestamp, limits, operation};
use zhengna_tests::world::{ENGINES, Engine, World, company, listed, person, relation, start};

fn day(n: i64) -> Timestamp {
    Timestamp::from_micros(start().micros() + n * 24 * 3600 * 1_000_000)
}

fn verified(n: usize, found_at: Timestamp) -> NewRealName {
    NewRealName {
        person: person(n).number,
        state: RealNameState::Verified,
        level: Some(RealNameLevel::Face),
        channel: CaptureChannel::ElectronicTaxBureau,
        found_at,
    }
}

fn released(mut relation: NewRelation) -> NewRelation {
    (relation.ends_at, relation.released) = (Some(day(-1)), true);
    relation.starts_at = day(-300);
    relation
}

/// Taxpayer 0, verified by face at the electronic tax bureau ten days ago, acts for company 1 as its tax handler and acted for
/// company 2; company 1 has taxpayer 1 as its legal representative, and no finance officer since taxpayer 2 was released.
fn furnished(engine: Engine) -> World {
    let world = World::new(engine);
    let identity = world.core.as_system();
    let identity = identity.identity();
    let (one, two) = (company(1), company(2));
    identity.enrol(&[one.clone(), two.clone()], &mut |_| {}).unwrap();
    let relations = [
        relation(&one.number, Role::TaxHandler, &person(0).number),
        relation(&one.number, Role::LegalRepresentative, &person(1).number),
        released(relation(&one.number, Role::FinanceOfficer, &person(2).number)),
        released(relation(&two.number, Role::InvoiceIssuer, &person(0).number)),
    ];
    assert_eq!(identity.record_relations(&relations, &mut |_| {}).unwrap().changed, 4);
    identity.record_real_names(&[verified(0, day(-10))], &mut |_| {}).unwrap();
    let on = NewRosterEntry {
        enterprise: one.number,
        roster: Roster::LargeEnterprise,
        starts_at: day(-100),
        ends_at: None,
        document: "吉税发〔2026〕1号".into(),
    };
    let gone = NewRosterEntry { roster: Roster::DesignatedSmallMicro, ends_at: Some(day(-1)), ..on.clone() };
    assert_eq!(identity.record_roster(&[on, gone], &mut |_| {}).unwrap().changed, 2);
    world
}

fn card_through(world: &World, taxpayer: TaxpayerId, channel: SourceChannel) -> OfficerCard {
    let session = world.core.as_actor(Actor::Taxpayer(taxpayer));
    let entered = session.interaction().enter(Enter { channel, ..world.enter() }).wait().unwrap();
    let claimed = world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    assert_eq!(claimed.conversation, entered.conversation);
    let card = world.officer(0).identity().card(entered.conversation).unwrap();
    assert_eq!(card.channel, channel);
    card
}

/// The cards by one channel: of somebody of whom all is known, and of somebody of whom hardly anything is.
fn cards(channel: SourceChannel) -> &'static (OfficerCard, OfficerCard) {
    static CARDS: [OnceLock<(OfficerCard, OfficerCard)>; SourceChannel::ALL.len()] = [const { OnceLock::new() }; SourceChannel::ALL.len()];
    let at = SourceChannel::ALL.iter().position(|c| *c == channel).unwrap();
    CARDS[at].get_or_init(|| {
        let world = furnished(Engine::Sqlite);
        (card_through(&world, world.taxpayers[0], channel), card_through(&world, world.taxpayers[4], channel))
    })
}

fn value(fact: &Fact) -> &str {
    if let Fact::Known { value, .. } = fact { value } else { panic!("not known: {fact:?}") }
}

fn from(fact: &Fact, source: CaptureChannel, age: i64) {
    let Fact::Known { source: told, source_title, age_days, .. } = fact else { panic!("not known: {fact:?}") };
    assert_eq!((*told, *source_title, *age_days), (source, source.title(), age));
}

fn missing(fact: &Fact, because: Unknown) {
    let Fact::Unknown { why, why_title } = fact else { panic!("known: {fact:?}") };
    assert_eq!((*why, *why_title), (because, because.title()));
}

fn officer_of(card: &OfficerCard, role: Role) -> &CardHolder {
    let mut of_role = card.officers.iter().filter(|o| o.role == role);
    let one = of_role.next().unwrap();
    assert!(of_role.next().is_none() && one.role_title == role.title());
    &one.holder
}

/// What the card says of each field, where it is known and where it is not.
mod fields {
    use super::*;

    pub(super) fn taxpayer_name((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.person.name), "测*");
        from(&full.person.name, CaptureChannel::Register, 0);
        assert!(matches!(full.person.name, Fact::Known { masked: true, .. }));
        assert_eq!(value(&bare.person.name), "测*", "whoever signed in has a name");
    }

    pub(super) fn enterprise((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.enterprise.name), company(1).name);
        assert_eq!(value(&full.enterprise.number), company(1).number);
        assert!(matches!(full.enterprise.name, Fact::Known { masked: false, .. }), "names of enterprises are public");
        missing(&bare.enterprise.name, Unknown::NoRelation);
    }

    pub(super) fn contact((full, _): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.person.phone), "138****0000");
        assert!(matches!(full.person.phone, Fact::Known { masked: true, .. }));
        missing(&full.enterprise.phone, Unknown::NotCaptured);
    }

    pub(super) fn legal_representative((full, bare): &(OfficerCard, OfficerCard)) {
        let holder = officer_of(full, Role::LegalRepresentative);
        assert_eq!((value(&holder.name), value(&holder.phone)), ("测*", "138****0001"));
        missing(&officer_of(bare, Role::LegalRepresentative).name, Unknown::NoRelation);
    }

    pub(super) fn finance_officer((full, bare): &(OfficerCard, OfficerCard)) {
        missing(&officer_of(full, Role::FinanceOfficer).name, Unknown::Released);
        missing(&officer_of(bare, Role::FinanceOfficer).name, Unknown::NoRelation);
    }

    pub(super) fn tax_handler((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(officer_of(full, Role::TaxHandler).taxpayer, full.person.taxpayer);
        missing(&officer_of(bare, Role::TaxHandler).phone, Unknown::NoRelation);
    }

    pub(super) fn real_name_state((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.real_name.state), "verified");
        from(&full.real_name.state, CaptureChannel::ElectronicTaxBureau, 10);
        assert_eq!(full.real_name.level, Some(RealNameLevel::Face));
        missing(&bare.real_name.state, Unknown::NotCaptured);
    }

    pub(super) fn released_relations((full, bare): &(OfficerCard, OfficerCard)) {
        let of = |released: bool| full.relations.iter().filter(|r| r.released == released).collect::<Vec<_>>();
        let [holds] = of(false)[..] else { panic!("{:?}", full.relations) };
        let [over] = of(true)[..] else { panic!("{:?}", full.relations) };
        assert!(holds.holds && holds.ends_at.is_none() && holds.role == Role::TaxHandler);
        assert!(!over.holds && over.ends_at == Some(day(-1)) && over.role_title == "开票员");
        assert_eq!((over.enterprise_name.as_str(), over.person_name.as_str()), (company(2).name.as_str(), "测*"));
        assert!(bare.relations.is_empty());
    }

    pub(super) fn capture_channel((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.real_name.channel), "电子税务局");
        missing(&bare.real_name.channel, Unknown::NotCaptured);
    }
}

macro_rules! one_test_per_channel_and_field {
    ($($channel:ident $Channel:ident;)*) => {
        $(mod $channel {
            use super::*;
            one_test_per_channel_and_field!(@fields $Channel taxpayer_name enterprise contact legal_representative finance_officer
                tax_handler real_name_state released_relations capture_channel);
        })*

        #[test]
        fn every_channel_has_its_tests() {
            assert_eq!(SourceChannel::ALL, [$(SourceChannel::$Channel),*]);
        }
    };
    (@fields $Channel:ident $($field:ident)*) => {
        $(#[test]
        fn $field() {
            fields::$field(cards(SourceChannel::$Channel));
        })*
    };
}

one_test_per_channel_and_field! {
    card_by_mini_program MiniProgram;
    card_by_unresolved_matter_desk UnresolvedMatterDesk;
    card_by_portal Portal;
    card_by_web Web;
    card_by_kiosk Kiosk;
}

#[test]
fn the_card_is_the_same_on_every_engine_and_names_rosters_of_today() {
    let shown = ENGINES.map(|engine| {
        let world = furnished(engine);
        let card = card_through(&world, world.taxpayers[0], SourceChannel::Web);
        let rosters: Vec<_> = card.rosters.iter().map(|r| (r.roster, r.roster_title, r.document.as_str())).collect();
        assert_eq!(rosters, [(Roster::LargeEnterprise, "大企业", "吉税发〔2026〕1号")], "{engine:?}");
        let written = serde_json::to_string(&card).unwrap();
        // Ids may differ: on PostgreSQL a body may have run again.
        written.split('"').filter(|part| uuid::Uuid::try_parse(part).is_err()).collect::<Vec<_>>().join("\"")
    });
    assert!(shown.iter().all(|card| *card == shown[0]), "{shown:#?}");
    for personal in [person(0).name, person(0).number, person(0).phone.unwrap(), person(1).number] {
        assert!(!shown[0].contains(&personal), "{personal} is on the card");
    }
}

#[test]
fn an_enterprise_that_signed_in_is_shown_and_nobody_is_named_for_it() {
    for engine in ENGINES {
        let world = furnished(engine);
        let id = world.core.as_system().identity().find_by_number(&company(1).number).unwrap().unwrap();
        let card = card_through(&world, id, SourceChannel::Portal);
        missing(&card.person.name, Unknown::EnterpriseSignedIn);
        missing(&card.real_name.state, Unknown::EnterpriseSignedIn);
        assert_eq!(value(&card.enterprise.name), company(1).name, "{engine:?}");
        assert_eq!(card.relations.len(), 3, "{engine:?}");
    }
}

#[test]
fn whoever_is_not_at_the_desk_sees_no_card_and_a_reveal_reaches_only_who_is_on_it() {
    for engine in ENGINES {
        let world = furnished(engine);
        let conversation = card_through(&world, world.taxpayers[0], SourceChannel::Web).conversation;
        let card = |session: zhengna_core::Session| session.identity().card(conversation).map(|_| ());
        assert!(matches!(card(world.session_of(world.stranger)), Err(Error::NotFound { .. })), "{engine:?}");
        assert!(matches!(card(world.session_of(world.idle_hand)), Err(Error::Denied { .. })), "{engine:?}");
        assert!(matches!(card(world.taxpayer(0)), Err(Error::Denied { .. })), "{engine:?}");

        let supervisor = world.session_of(world.supervisor);
        let reveal = |taxpayer, reason: &str| {
            let asked = RevealOnCard { conversation, taxpayer, field: PersonalField::Phone, reason: reason.into() };
            supervisor.identity().reveal_on_card(asked).wait().map(|r| r.value)
        };
        assert_eq!(reveal(world.taxpayers[1], "核对法人").unwrap(), person(1).phone, "{engine:?}: the legal representative is on the card");
        assert!(matches!(reveal(world.taxpayers[2], "核对"), Err(Error::NotFound { .. })), "{engine:?}: a released officer is not");
        assert!(matches!(reveal(world.taxpayers[3], "核对"), Err(Error::NotFound { .. })), "{engine:?}: nor is anybody else");
        assert_eq!(reveal(world.taxpayers[1], " ").unwrap_err(), Error::invalid("reason", Problem::Empty));
        world.seal();
        let trail = supervisor.audit().read(0, 200).wait().unwrap();
        let reveals: Vec<_> = trail.iter().filter(|r| r.operation == "identity.reveal_on_card").collect();
        let [one] = reveals[..] else { panic!("{engine:?}: {} reveals are on record", reveals.len()) };
        assert_eq!(one.reason.as_deref(), Some("核对法人"));
        assert!(one.subject.ends_with("/phone") && one.subject.contains(&world.taxpayers[1].to_string()));
    }
}

#[test]
fn a_relation_is_released_by_either_side_once_and_its_history_is_kept() {
    for engine in ENGINES {
        let world = furnished(engine);
        let system = world.core.as_system();
        let id = system.identity().find_by_number(&company(1).number).unwrap().unwrap();
        let cmd = |n: usize, role| ReleaseRelation { enterprise: id, role, person: world.taxpayers[n], reason: "离职".into() };
        let release = |session: zhengna_core::Session, cmd| session.identity().release_relation(cmd).wait();
        let not_theirs = release(world.taxpayer(3), cmd(0, Role::TaxHandler));
        assert!(matches!(not_theirs, Err(Error::NotFound { .. })), "{engine:?}: {not_theirs:?}");
        let not_allowed = release(world.officer(0), cmd(0, Role::TaxHandler));
        assert!(matches!(not_allowed, Err(Error::Denied { .. })), "{engine:?}: {not_allowed:?}");
        let never = release(world.taxpayer(0), cmd(0, Role::TaxAgent));
        assert!(matches!(never, Err(Error::NotFound { .. })), "{engine:?}: {never:?}");

        let done = release(world.taxpayer(0), cmd(0, Role::TaxHandler)).unwrap();
        assert_eq!(done.ends_at, start(), "{engine:?}");
        let again = release(world.taxpayer(0), cmd(0, Role::TaxHandler)).unwrap_err();
        assert_eq!(again, Error::Refused(Refusal::RelationOver(Some(done.ends_at))), "{engine:?}");
        // A relation that lists told of twice, with two beginnings, is over altogether.
        let twice = [day(-20), day(-10)]
            .map(|starts_at| NewRelation { starts_at, ..relation(&company(1).number, Role::InvoiceCollector, &person(0).number) });
        system.identity().record_relations(&twice, &mut |_| {}).unwrap();
        release(world.taxpayer(0), cmd(0, Role::InvoiceCollector)).unwrap();
        let held = world.taxpayer(0).identity().relations(world.taxpayers[0]).unwrap();
        assert!(held.iter().all(|r| !r.holds), "{engine:?}: {held:?}");
        // The enterprise lets go of its legal representative, an officer of a person above.
        release(world.core.as_actor(Actor::Taxpayer(id)), cmd(1, Role::LegalRepresentative)).unwrap();

        let mine = world.taxpayer(0).identity().relations(world.taxpayers[0]).unwrap();
        assert_eq!(
            mine.iter().map(|r| (r.role, r.holds, r.released)).collect::<Vec<_>>(),
            [
                (Role::TaxHandler, false, true),
                (Role::InvoiceCollector, false, true),
                (Role::InvoiceCollector, false, true),
                (Role::InvoiceIssuer, false, true)
            ]
        );
        // The same list again takes nothing back; who begins anew begins at another time.
        let old = relation(&company(1).number, Role::TaxHandler, &person(0).number);
        assert_eq!(system.identity().record_relations(std::slice::from_ref(&old), &mut |_| {}).unwrap().changed, 0, "{engine:?}");
        let anew = NewRelation { starts_at: day(1), ..old };
        assert_eq!(system.identity().record_relations(&[anew], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        world.clock.advance(std::time::Duration::from_secs(24 * 3600));
        let mine = world.taxpayer(0).identity().relations(world.taxpayers[0]).unwrap();
        assert_eq!((mine.len(), mine[0].holds), (5, true), "{engine:?}");
    }
}

#[test]
fn numbers_of_every_register_find_their_taxpayer() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let with = |kind, number: &str, n| NewTaxpayer { number_kind: Some(kind), number: number.into(), ..person(n) };
        let rows = [
            with(NumberKind::Passport, "e12345678", 900),
            with(NumberKind::HongKongMacaoPermit, "H12345678", 901),
            with(NumberKind::TaiwanPermit, "12345678", 902),
            with(NumberKind::Passport, "12345678", 903),
            NewTaxpayer { number_kind: Some(NumberKind::TaxpayerNo), number: "220102M000100Y4".into(), ..company(9) },
        ];
        assert_eq!(system.identity().enrol(&rows, &mut |_| {}).unwrap().changed, 5, "{engine:?}: registers number alike");
        let again = [&rows[..], &[person(950)]].concat();
        assert_eq!(system.identity().enrol(&again, &mut |_| {}).unwrap().changed, 1, "{engine:?}: known already, but for one");
        let found = |number: &str| system.identity().find_by_number(number).unwrap();
        let card = |number: &str| system_card(&world, found(number).unwrap());
        assert_eq!(card(" E12345678 "), "E******78", "{engine:?}");
        assert_eq!(found("12345678"), None, "{engine:?}: a permit of one and a passport of another, so nobody");
        assert_eq!(card("220102m000100y4"), "220102M000100Y4", "{engine:?}: an enterprise's number is public");
        let misfit = NewTaxpayer { number_kind: Some(NumberKind::Passport), number: "E7654321".into(), ..company(10) };
        let refused = system.identity().enrol(&[misfit], &mut |_| {}).unwrap_err();
        assert!(matches!(&refused, Error::Invalid { field, .. } if field == "rows[0].number_kind"), "{refused:?}");

        let former = NewFormerNumber { taxpayer: person(0).number, kind: NumberKind::TaxpayerNo, number: "22010249123100201".into() };
        let record = |rows: &[NewFormerNumber]| system.identity().record_former_numbers(rows, &mut |_| {}).map(|d| d.changed);
        assert_eq!(record(std::slice::from_ref(&former)).unwrap(), 1, "{engine:?}");
        assert_eq!(found("22010249123100201"), Some(world.taxpayers[0]), "{engine:?}");
        let other = NewFormerNumber { taxpayer: person(1).number, ..former.clone() };
        assert_eq!(record(&[other]).unwrap_err(), Error::invalid("rows[0].number", Problem::Taken), "{engine:?}");
        let nobody = NewFormerNumber { taxpayer: person(999).number, ..former };
        assert_eq!(record(&[nobody]).unwrap_err(), Error::invalid("rows[0].taxpayer", Problem::Unknown("taxpayer")), "{engine:?}");
    }
}

fn system_card(world: &World, id: TaxpayerId) -> String {
    world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap().number
}

/// T16 (CVE-2026-44707): whoever got in before the person was verified is out afterwards.
#[test]
fn t16_verification_ends_sessions_begun_before() {
    for engine in ENGINES {
        let world = World::new(engine);
        let whose = ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() };
        world.core.as_system().access().set_password(whose, "13800000000", "Xiang-Kan-2026").unwrap();
        let sign_in = || {
            let credentials = Credentials { login: "13800000000".into(), password: "Xiang-Kan-2026".into() };
            world.core.sign_in(&credentials, "-").unwrap().token
        };
        let before = sign_in();
        world.core.authenticate(&before).unwrap();
        let record = |found: NewRealName| world.core.as_system().identity().record_real_names(&[found], &mut |_| {}).map(|d| d.changed);
        let captured = NewRealName { state: RealNameState::Captured, level: None, ..verified(0, day(-9)) };
        assert_eq!(record(captured).unwrap(), 1, "{engine:?}");
        world.core.authenticate(&before).expect("being taken down ends nothing");
        assert_eq!(record(verified(0, day(-8))).unwrap(), 1, "{engine:?}");
        assert!(matches!(world.core.authenticate(&before), Err(Error::SignInRequired)), "{engine:?}");
        let after = sign_in();
        let no_newer = NewRealName { level: Some(RealNameLevel::InPerson), ..verified(0, day(-8)) };
        assert_eq!(record(no_newer).unwrap(), 0, "{engine:?}");
        assert_eq!(record(verified(0, day(-7))).unwrap(), 1, "{engine:?}: verified once more");
        world.core.authenticate(&after).expect("whoever signed in verified stays");
    }
}

/// A use that is not written down yet would bring a session back to life that was only idle.
#[test]
fn t16_verification_ends_sessions_that_were_used_but_not_written_down() {
    for engine in ENGINES {
        let world = World::new(engine);
        let whose = ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() };
        world.core.as_system().access().set_password(whose, "13800000000", "Xiang-Kan-2026").unwrap();
        let credentials = Credentials { login: "13800000000".into(), password: "Xiang-Kan-2026".into() };
        let token = world.core.sign_in(&credentials, "-").unwrap().token;
        let second = std::time::Duration::from_secs(1);
        world.clock.advance(limits::TAXPAYER_IDLE - second);
        world.core.touch(&world.core.authenticate(&token).unwrap(), &operation::LINES);
        world.clock.advance(2 * second);
        world.core.authenticate(&token).expect("used a moment ago");
        let found = verified(0, world.core.now());
        assert_eq!(world.core.as_system().identity().record_real_names(&[found], &mut |_| {}).unwrap().changed, 1);
        assert!(matches!(world.core.authenticate(&token), Err(Error::SignInRequired)), "{engine:?}");
        world.core.write_down_touches().unwrap();
        assert!(matches!(world.core.authenticate(&token), Err(Error::SignInRequired)), "{engine:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_row_and_field_and_nothing_is_written() {
    let world = furnished(Engine::Memory);
    let system = world.core.as_system();
    let identity = system.identity();
    let field = |answer: Result<zhengna_core::core::BulkDone, Error>| match answer.unwrap_err() {
        Error::Invalid { field, .. } => field,
        other => panic!("{other:?}"),
    };
    let good = || relation(&company(2).number, Role::TaxHandler, &person(3).number);
    let relations = |bad: NewRelation| field(identity.record_relations(&[good(), bad], &mut |_| {}));
    assert_eq!(relations(NewRelation { enterprise: person(0).number, ..good() }), "rows[1].enterprise");
    assert_eq!(relations(NewRelation { person: company(1).number, ..good() }), "rows[1].person");
    assert_eq!(relations(NewRelation { ends_at: Some(start()), ..good() }), "rows[1].ends_at");
    assert_eq!(relations(NewRelation { released: true, ..good() }), "rows[1].ends_at");
    assert!(world.taxpayer(3).identity().relations(world.taxpayers[3]).unwrap().is_empty(), "the good row before went with the bad one");
    let names = |bad: NewRealName| field(identity.record_real_names(&[bad], &mut |_| {}));
    assert_eq!(names(NewRealName { level: None, ..verified(1, start()) }), "rows[0].level");
    assert_eq!(names(NewRealName { state: RealNameState::Failed, ..verified(1, start()) }), "rows[0].level");
    let edge = start().plus(limits::CLOCK_SKEW_MAX);
    assert_eq!(names(verified(1, Timestamp::from_micros(edge.micros() + 1))), "rows[0].found_at");
    assert_eq!(identity.record_real_names(&[verified(1, edge)], &mut |_| {}).unwrap().changed, 1, "as far ahead as it may be");
    let entry = |document: String| NewRosterEntry {
        enterprise: company(2).number,
        roster: Roster::LargeEnterprise,
        starts_at: start(),
        ends_at: None,
        document,
    };
    assert_eq!(field(identity.record_roster(&[entry("长".repeat(limits::DOCUMENT_CHARS_MAX + 1))], &mut |_| {})), "rows[0].document");
    assert_eq!(identity.record_roster(&[entry("长".repeat(limits::DOCUMENT_CHARS_MAX))], &mut |_| {}).unwrap().changed, 1);
    let backwards = NewRosterEntry { ends_at: Some(start()), ..entry("文".into()) };
    assert_eq!(field(identity.record_roster(&[backwards], &mut |_| {})), "rows[0].ends_at");
}

#[test]
fn an_enterprise_has_so_many_relations_and_no_more() {
    let world = furnished(Engine::Memory);
    let system = world.core.as_system();
    let begun = |n: i64| NewRelation { starts_at: day(-1000 - n), ..relation(&company(2).number, Role::TaxHandler, &person(3).number) };
    let most = i64::from(limits::RELATIONS_PER_ENTERPRISE_MAX);
    // One is there already.
    let rows: Vec<_> = (1..most).map(begun).collect();
    assert_eq!(system.identity().record_relations(&rows, &mut |_| {}).unwrap().changed, rows.len() as u64);
    let refused = system.identity().record_relations(&[begun(most)], &mut |_| {}).unwrap_err();
    let max = limits::RELATIONS_PER_ENTERPRISE_MAX as usize;
    assert_eq!(refused, Error::invalid("rows[0].enterprise", Problem::TooMany { max }));
    let shown = world.taxpayer(3).identity().relations(world.taxpayers[3]).unwrap();
    assert_eq!(shown.len(), limits::RELATIONS_SHOWN_MAX as usize, "a person's newest");
}

const LIST: [u8; 32] = [7; 32];

fn begun(world: &World, rows: i64) -> ImportBegun {
    world.core.as_system().identity().begin_import(BeginImport { batch: LIST, name: "纳税人.csv".into(), rows }).wait().unwrap()
}

fn rows_of(of: ImportBegun, people: &[NewTaxpayer]) -> Vec<ImportRow> {
    (2..).zip(people).map(|(line, new)| ImportRow { of, line, said: listed(new) }).collect()
}

/// Somebody new, somebody with another phone, somebody known just so, five who are broken, and an enterprise.
fn list_of_all() -> Vec<NewTaxpayer> {
    let old = |n: usize| NewTaxpayer { external_id: Some(format!("吉-{n}")), ..person(n) };
    vec![
        old(700),
        NewTaxpayer { phone: Some("13912345678".into()), external_id: Some("吉-1".into()), ..person(1) },
        NewTaxpayer { phone: None, ..person(2) },
        NewTaxpayer { number: "110105194912310021".into(), ..old(701) },
        NewTaxpayer { phone: Some("123".into()), ..old(702) },
        NewTaxpayer { kind: zhengna_core::identity::TaxpayerKind::Enterprise, number_kind: Some(NumberKind::ResidentId), ..person(3) },
        NewTaxpayer { external_id: Some("吉-1".into()), ..person(4) },
        NewTaxpayer { name: "另一个名字".into(), ..old(700) },
        company(7),
    ]
}

#[test]
fn a_list_is_looked_at_applied_row_by_row_and_taken_back_whole() {
    use Verdict::{Broken, Changed, Duplicate, New};
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let of = begun(&world, 9);
        let rows = rows_of(of, &list_of_all());
        let before = dump(&world);
        let told = identity.examine_import(&rows, &mut |_| {}).unwrap();
        let verdicts = |told: &[RowVerdict]| told.iter().map(|v| v.verdict).collect::<Vec<_>>();
        // Of the two rows that name one external id, and the two that name one number, the list alone does not tell which is right.
        assert_eq!(verdicts(&told), [New, Changed, Duplicate, Broken, Broken, Broken, Changed, New, New], "{engine:?}");
        assert_eq!(dump(&world), before, "{engine:?}: a look writes nothing");

        let mut heard = 0;
        assert_eq!(identity.import(&rows, &mut |n| heard = n).unwrap().changed, 3, "{engine:?}");
        assert_eq!(heard, 9);
        let became = identity.imported_rows(of, i64::MIN, 200).unwrap();
        assert_eq!(verdicts(&became), [New, Changed, Duplicate, Broken, Broken, Broken, Broken, Broken, New], "{engine:?}");
        let fields: Vec<_> = became.iter().filter_map(|v| v.field.as_deref().map(|f| (v.line, f))).collect();
        assert_eq!(fields, [(5, "number"), (6, "phone"), (7, "kind"), (8, "external_id"), (9, "number")], "{engine:?}");
        assert!(became.iter().all(|v| v.field.is_some() == (v.why.is_some() && v.mend.is_some())));
        let said = serde_json::to_string(&became).unwrap();
        assert!(!said.contains("1101051949") && !said.contains("另一个名字"), "verdicts repeat nothing of the rows: {said}");
        let phone = |n: usize| world.taxpayer(n).identity().view(world.taxpayers[n]).unwrap().phone;
        assert_eq!((phone(1).as_deref(), phone(2).as_deref()), (Some("139****5678"), Some("138****0002")), "{engine:?}");
        assert_eq!(system.identity().find_by_number(&person(700).number).map(|t| t.is_some()), Ok(true));

        // The same list again, as after a cut: nothing twice, and everything is there as in the list.
        assert_eq!(begun(&world, 9), of);
        assert_eq!(identity.import(&rows, &mut |_| {}).unwrap().changed, 3, "{engine:?}: told as before");
        let again = identity.examine_import(&rows, &mut |_| {}).unwrap();
        assert_eq!(again.iter().filter(|v| v.verdict == Duplicate).count(), 4, "{engine:?}: {again:?}");

        assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 3, "{engine:?}");
        assert_eq!(phone(1).as_deref(), Some("138****0001"), "{engine:?}");
        assert_eq!(system.identity().find_by_number(&person(700).number).unwrap(), None, "{engine:?}");
        // And it may come again.
        let anew = begun(&world, 9);
        assert_eq!(anew.attempt, 2, "{engine:?}");
        assert_eq!(identity.import(&rows_of(anew, &list_of_all()), &mut |_| {}).unwrap().changed, 3, "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn what_somebody_used_or_changed_since_is_not_taken_back_and_then_nothing_is() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let of = begun(&world, 9);
        identity.import(&rows_of(of, &list_of_all()), &mut |_| {}).unwrap();
        let id = identity.find_by_number(&person(700).number).unwrap().unwrap();
        let session = world.core.as_actor(Actor::Taxpayer(id));
        session.interaction().enter(world.enter()).wait().unwrap();
        let before = dump(&world);
        let refused = identity.take_back_import(of, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportInUse(2)), "{engine:?}");
        assert_eq!(dump(&world), before, "{engine:?}");
    }
    let world = World::new(Engine::Memory);
    let system = world.core.as_system();
    let identity = system.identity();
    let of = begun(&world, 1);
    let one = |phone: &str| vec![NewTaxpayer { phone: Some(phone.into()), ..person(1) }];
    identity.import(&rows_of(of, &one("13900000001")), &mut |_| {}).unwrap();
    let later = identity.begin_import(BeginImport { batch: [8; 32], name: "后来.csv".into(), rows: 1 }).wait().unwrap();
    identity.import(&rows_of(later, &one("13900000002")), &mut |_| {}).unwrap();
    assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap_err(), Error::Refused(Refusal::ImportInUse(2)), "changed since");
    identity.take_back_import(later, &mut |_| {}).unwrap();
    assert_eq!(world.taxpayer(1).identity().view(world.taxpayers[1]).unwrap().phone.as_deref(), Some("139****0001"));
}

#[test]
fn a_list_that_says_two_things_of_one_taxpayer_is_told_so_and_one_that_is_over_takes_no_rows() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let of = begun(&world, 3);
        // Another phone, then the one that is known, then the other one again.
        let other = NewTaxpayer { phone: Some("13900000009".into()), ..person(1) };
        let rows = rows_of(of, &[other.clone(), person(1), other]);
        assert_eq!(identity.import(&rows, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        let became: Vec<_> = identity.imported_rows(of, i64::MIN, 9).unwrap().into_iter().map(|v| (v.verdict, v.field)).collect();
        let broken = (Verdict::Broken, Some("number".to_owned()));
        assert_eq!(became, [(Verdict::Changed, None), broken, (Verdict::Duplicate, None)], "{engine:?}");
        identity.take_back_import(of, &mut |_| {}).unwrap();
        let late = identity.import(&rows_of(of, &[person(2)]), &mut |_| {}).unwrap_err();
        assert_eq!(late, Error::Refused(Refusal::ImportTakenBack), "{engine:?}");
        let unknown = ImportBegun { batch: [9; 32], attempt: 1 };
        let never = identity.import(&rows_of(unknown, &[person(2)]), &mut |_| {}).unwrap_err();
        assert_eq!(never, Error::NotFound { what: "import_batch" }, "{engine:?}");
    }
}

/// A list, and what becomes of each row when it is looked at, and when it is imported: the verdict, and the field of a broken one.
type Told = (Verdict, Option<&'static str>);
type SaidOfPeople = (Vec<Listed>, Vec<Told>, Vec<Told>);

fn relation_row(role: &str, person_no: usize, starts_at: &str, ends_at: &str) -> ListedRelation {
    ListedRelation {
        enterprise: company(1).number,
        role: role.into(),
        person: person(person_no).number,
        starts_at: starts_at.into(),
        ends_at: ends_at.into(),
        channel: "税务登记".into(),
        ..ListedRelation::default()
    }
}

/// What is known before: company 1 with a finance officer since 2025, and a legal representative who was released.
fn known_before(world: &World) {
    let midnight = |day: &str| Timestamp::parse(&format!("{day}T00:00:00+08:00")).unwrap();
    let system = world.core.as_system();
    let identity = system.identity();
    let one = company(1);
    identity.enrol(std::slice::from_ref(&one), &mut |_| {}).unwrap();
    let since = |role, n: usize| NewRelation { starts_at: midnight("2025-01-01"), ..relation(&one.number, role, &person(n).number) };
    let gone = NewRelation { ends_at: Some(midnight("2026-01-01")), released: true, ..since(Role::LegalRepresentative, 2) };
    identity.record_relations(&[since(Role::FinanceOfficer, 1), gone], &mut |_| {}).unwrap();
    identity.record_real_names(&[verified(2, day(-10))], &mut |_| {}).unwrap();
    let document = "吉税发〔2025〕1号".to_owned();
    let (roster, starts_at) = (Roster::DesignatedSmallMicro, midnight("2026-01-01"));
    let entry = NewRosterEntry { enterprise: one.number, roster, starts_at, ends_at: None, document };
    identity.record_roster(&[entry], &mut |_| {}).unwrap();
}

fn said_of_people() -> [SaidOfPeople; 4] {
    use Verdict::{Broken, Changed, Duplicate, New};
    let ok = |verdict| (verdict, None);
    let broken = |field| (Broken, Some(field));
    let handler = relation_row("办税员", 0, "2026-01-01", "长期");
    let released = ListedRelation { released: "是".into(), ..relation_row("财务负责人", 1, "2025/1/1", "2025-12-31") };
    let relations = vec![
        handler.clone(),
        released,
        relation_row("legal_representative", 2, "20250101", ""),
        handler.clone(),
        relation_row("经理", 0, "2026-01-01", ""),
        relation_row("办税员", 999, "2026-01-01", ""),
        ListedRelation { ends_at: "2026-06-30".into(), ..handler },
        relation_row("开票员", 0, "2026-01-01", "2025-01-01"),
        ListedRelation { enterprise: person(0).number, ..relation_row("开票员", 0, "2026-01-01", "") },
        ListedRelation { external_id: "长".repeat(limits::EXTERNAL_ID_CHARS_MAX + 1), ..relation_row("开票员", 0, "2026-01-01", "") },
    ];
    let ends = [broken("ends_at"), broken("enterprise"), broken("external_id")];
    let looked = [ok(New), ok(Changed), broken("ends_at"), ok(New), broken("role"), broken("person"), ok(New)];
    let became = [ok(New), ok(Changed), broken("ends_at"), ok(Duplicate), broken("role"), broken("person"), broken("starts_at")];

    let finding = |n: usize, state: &str, level: &str, found_at: &str| {
        let [state, level, channel, found_at] = [state, level, "办税服务厅", found_at].map(String::from);
        Listed::RealName(ListedRealName { person: person(n).number, state, level, channel, found_at })
    };
    // The newest first, as systems list them.
    let findings = vec![
        finding(0, "已认证", "人脸核验", "2026-03-02 10:00:00"),
        finding(0, "已采集", "", "2026年3月1日"),
        finding(1, "已认证", "", "2026-03-01"),
        finding(2, "已采集", "", "2026-03-01"),
        finding(3, "verified", "in_person", "2027-01-01"),
        finding(3, "verified", "in_person", "昨天"),
    ];
    let found = vec![ok(New), ok(New), broken("level"), broken("found_at"), broken("found_at"), broken("found_at")];

    let on = |roster: &str, document: &str| {
        let [roster, document, starts_at, ends_at] = [roster, document, "2026-01-01", "9999-12-31"].map(String::from);
        Listed::RosterEntry(ListedRosterEntry { enterprise: company(1).number, roster, starts_at, ends_at, document })
    };
    let long = "长".repeat(limits::DOCUMENT_CHARS_MAX + 1);
    let roster = vec![on("大企业", "吉税发〔2026〕2号"), on("小微企业", "吉税发〔2026〕2号"), on("小微企业", &long), on("中企业", "文")];
    let named = vec![ok(New), ok(Changed), broken("document"), broken("roster")];

    let former = |n: usize, kind: &str, number: &str| {
        let (taxpayer, number_kind, number) = (person(n).number, kind.into(), number.into());
        Listed::FormerNumber(ListedFormerNumber { taxpayer, number_kind, number })
    };
    let own = person(2).number;
    let numbers = vec![
        former(0, "护照", "E12345678"),
        former(1, "护照", "E12345678"),
        former(2, "居民身份证", &own),
        former(2, "护照", "?"),
        former(999, "护照", "E7654321"),
    ];
    let tail = [ok(Duplicate), broken("number"), broken("taxpayer")];
    [
        (relations.into_iter().map(Listed::Relation).collect(), [&looked[..], &ends].concat(), [&became[..], &ends].concat()),
        (findings, found.clone(), found),
        (roster, named.clone(), named),
        (numbers, [&[ok(New), ok(New)][..], &tail].concat(), [&[ok(New), broken("number")][..], &tail].concat()),
    ]
}

#[test]
fn what_lists_say_of_people_is_looked_at_applied_row_by_row_and_taken_back_whole() {
    for engine in ENGINES {
        let world = World::new(engine);
        known_before(&world);
        let system = world.core.as_system();
        let identity = system.identity();
        let told = |verdicts: &[RowVerdict]| {
            assert!(verdicts.iter().all(|v| v.field.is_some() == (v.why.is_some() && v.mend.is_some())), "{verdicts:?}");
            verdicts.iter().map(|v| (v.verdict, v.field.clone())).collect::<Vec<_>>()
        };
        let expected = |told: &[Told]| told.iter().map(|(v, f)| (*v, f.map(String::from))).collect::<Vec<_>>();
        let known = |world: &World| {
            let card = |n: usize| world.taxpayer(n).identity().relations(world.taxpayers[n]).unwrap();
            let ends = |n: usize| card(n).iter().map(|r| (r.role, r.ends_at, r.released)).collect::<Vec<_>>();
            (ends(0), ends(1), ends(2), identity.find_by_number("E12345678").unwrap())
        };
        let before = known(&world);
        let tables = |lines: Vec<String>| -> Vec<String> {
            let said = ["\"relation\"", "\"real_name\"", "\"roster_entry\"", "\"former_number\""];
            lines.into_iter().filter(|line| said.iter().any(|table| line.contains(table))).collect()
        };
        let nothing = dump(&world);
        let mut begun = Vec::new();
        for (n, (list, looked, became)) in said_of_people().into_iter().enumerate() {
            let begin = BeginImport { batch: [n as u8; 32], name: "名单".into(), rows: list.len() as i64 };
            let rows = |of| (2..).zip(&list).map(|(line, said)| ImportRow { of, line, said: said.clone() }).collect::<Vec<_>>();
            let (at, dry) = (dump(&world), rows(ImportBegun { batch: begin.batch, attempt: 0 }));
            assert_eq!(told(&identity.examine_import(&dry, &mut |_| {}).unwrap()), expected(&looked), "{engine:?} {n}");
            assert_eq!(dump(&world), at, "{engine:?}: a look writes nothing");
            let of = identity.begin_import(begin.clone()).wait().unwrap();
            let changed = became.iter().filter(|(v, _)| matches!(v, Verdict::New | Verdict::Changed)).count() as u64;
            assert_eq!(identity.import(&rows(of), &mut |_| {}).unwrap().changed, changed, "{engine:?} {n}");
            assert_eq!(told(&identity.imported_rows(of, i64::MIN, 200).unwrap()), expected(&became), "{engine:?} {n}");
            let said = format!("{:?}", identity.imported_rows(of, i64::MIN, 200).unwrap());
            assert!(!said.contains(&person(0).number) && !said.contains("E1234"), "verdicts repeat nothing of the rows: {said}");
            // The same list again, as after a cut.
            assert_eq!(identity.begin_import(begin).wait().unwrap(), of);
            assert_eq!(identity.import(&rows(of), &mut |_| {}).unwrap().changed, changed, "{engine:?} {n}: told as before");
            let again = identity.examine_import(&rows(of), &mut |_| {}).unwrap();
            let good = again.iter().zip(&became).filter(|(_, (became, _))| *became != Verdict::Broken);
            let all_there = good.into_iter().all(|(again, _)| again.verdict == Verdict::Duplicate);
            assert!(all_there, "{engine:?} {n}: all good rows are there as in the list: {again:?}");
            begun.push(of);
        }
        let last_of_2025 = Some(Timestamp::parse("2026-01-01T00:00:00+08:00").unwrap());
        let (of_0, of_1, of_2, holder) = known(&world);
        assert_eq!(of_0, [(Role::TaxHandler, None, false)], "{engine:?}");
        assert_eq!(of_1, [(Role::FinanceOfficer, last_of_2025, true)], "{engine:?}: the last day is part of it");
        assert_eq!(of_2, [(Role::LegalRepresentative, last_of_2025, true)], "{engine:?}: what has ended stays ended");
        assert_eq!(holder, Some(world.taxpayers[0]), "{engine:?}");
        let card = card_through(&world, world.taxpayers[0], SourceChannel::ALL[0]);
        assert_eq!(value(&card.enterprise.name), company(1).name, "{engine:?}: an officer sees what was imported");

        for of in begun.iter().rev() {
            identity.take_back_import(*of, &mut |_| {}).unwrap();
        }
        assert_eq!(known(&world), before, "{engine:?}");
        // As before, but for the versions of rows that were changed and changed back.
        assert_eq!(tables(dump(&world)).len(), tables(nothing).len(), "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
        assert_eq!(world.seal().finding, None, "{engine:?}");
        let anew = identity.begin_import(BeginImport { batch: [0; 32], name: "名单".into(), rows: 1 }).wait().unwrap();
        let said = Listed::Relation(relation_row("办税员", 0, "2026-01-01", ""));
        assert_eq!(identity.import(&[ImportRow { of: anew, line: 2, said }], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
    }
}

#[test]
fn what_was_said_anew_since_is_not_taken_back_nor_people_of_whom_something_is_said() {
    for engine in ENGINES {
        let world = World::new(engine);
        known_before(&world);
        let system = world.core.as_system();
        let identity = system.identity();
        let begin = |batch: u8| identity.begin_import(BeginImport { batch: [batch; 32], name: "名单".into(), rows: 1 }).wait().unwrap();
        let one = |of, said| identity.import(&[ImportRow { of, line: 2, said }], &mut |_| {}).unwrap();
        let (people, relations, later) = (begin(1), begin(2), begin(3));
        one(people, listed(&person(700)));
        let of = |ends_at: &str| Listed::Relation(relation_row("办税员", 700, "2026-01-01", ends_at));
        one(relations, of(""));
        let refused = identity.take_back_import(people, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportInUse(2)), "{engine:?}: they act for somebody");
        // Another list ends it: that one is taken back first.
        one(later, of("2026-06-30"));
        let before = dump(&world);
        let refused = identity.take_back_import(relations, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportInUse(2)), "{engine:?}");
        assert_eq!(dump(&world), before, "{engine:?}");
        for of in [later, relations, people] {
            assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        }
        assert_eq!(identity.find_by_number(&person(700).number).unwrap(), None, "{engine:?}");
    }
}

#[test]
fn a_list_has_a_name_and_no_more_rows_than_a_list_may_have() {
    let world = World::new(Engine::Memory);
    let begin = |name: &str, rows: i64| {
        let cmd = BeginImport { batch: LIST, name: name.into(), rows };
        world.core.as_system().identity().begin_import(cmd).wait()
    };
    let most = limits::BULK_ROWS_MAX as i64;
    assert_eq!(begin(" ", 1).unwrap_err(), Error::invalid("name", Problem::Empty));
    assert_eq!(begin("名", most + 1).unwrap_err(), Error::invalid("rows", Problem::OutOfRange { min: 0, max: most }));
    begin("名", most).unwrap();
    let id = |chars: usize| NewTaxpayer { external_id: Some("号".repeat(chars)), ..person(30) };
    let of = begun(&world, 2);
    let rows = rows_of(of, &[id(limits::EXTERNAL_ID_CHARS_MAX), id(limits::EXTERNAL_ID_CHARS_MAX + 1)]);
    let told = world.core.as_system().identity().examine_import(&rows, &mut |_| {}).unwrap();
    assert_eq!(told.iter().map(|v| v.verdict).collect::<Vec<_>>(), [Verdict::New, Verdict::Broken]);
}

fn dump(world: &World) -> Vec<String> {
    let (put, lines) = std::sync::mpsc::channel();
    let write = move |line: &str| put.send(line.to_owned()).map_err(std::io::Error::other);
    zhengna_core::store::dump::dump(&**world.core.store(), write).unwrap();
    lines.into_iter().collect()
}
