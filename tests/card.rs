//! The officer's card: each value by each channel, with source and age, on every engine.

use std::sync::OnceLock;

use zhengna_core::audit::AuditAsked;
use zhengna_core::error::Problem;
use zhengna_core::identity::{
    CaptureChannel, CardHolder, CardOfficer, Fact, NewRelation, OfficerCard, PersonalField, RealNameLevel, RevealOnCard, Role, Roster,
    Unknown,
};
use zhengna_core::interaction::SourceChannel;
use zhengna_core::{Error, Timestamp, limits};
use zhengna_tests::people::{card_through, day, furnished, value};
use zhengna_tests::world::{ENGINES, Engine, company, person, relation, start};

/// The cards are looked at so many days after everything was written down.
const LATER: i64 = 3;

/// The cards by one channel: of somebody of whom all is known, and of somebody of whom hardly anything is.
fn cards(channel: SourceChannel) -> &'static (OfficerCard, OfficerCard) {
    static CARDS: [OnceLock<(OfficerCard, OfficerCard)>; SourceChannel::ALL.len()] = [const { OnceLock::new() }; SourceChannel::ALL.len()];
    let at = SourceChannel::ALL.iter().position(|c| *c == channel).unwrap();
    CARDS[at].get_or_init(|| {
        let world = furnished(Engine::Sqlite);
        world.clock.advance(std::time::Duration::from_secs(LATER as u64 * 24 * 3600));
        (card_through(&world, world.taxpayers[0], channel), card_through(&world, world.taxpayers[4], channel))
    })
}

fn from(fact: &Fact, source: CaptureChannel, age: i64) {
    let Fact::Known { source: told, source_title, age_days, .. } = fact else { panic!("not known: {fact:?}") };
    assert_eq!((*told, *source_title, *age_days), (source, source.title(), age));
}

fn missing(fact: &Fact, because: Unknown) {
    let Fact::Unknown { why, why_title } = fact else { panic!("known: {fact:?}") };
    assert_eq!((*why, *why_title), (because, because.title()));
}

fn entry_of(card: &OfficerCard, role: Role) -> &CardOfficer {
    let mut of_role = card.officers.iter().filter(|o| o.role == role);
    let one = of_role.next().unwrap();
    assert!(of_role.next().is_none() && one.role_title == role.title());
    one
}

fn officer_of(card: &OfficerCard, role: Role) -> &CardHolder {
    &entry_of(card, role).holder
}

/// Somebody acts, and the card says how and since when that is known.
fn acts(card: &OfficerCard, role: Role) {
    let entry = entry_of(card, role);
    let known = entry.known.as_ref().unwrap();
    assert_eq!((known.source, known.source_title), (CaptureChannel::Register, "税务登记"));
    assert_eq!((entry.starts_at, known.recorded_at, known.age_days), (Some(start()), start(), LATER));
}

/// Nobody acts, and nothing is known of it.
fn vacant(card: &OfficerCard, role: Role) {
    let entry = entry_of(card, role);
    assert_eq!((&entry.known, entry.starts_at, entry.holder.taxpayer), (&None, None, None));
}

/// What the card says of each field, where it is known and where it is not.
mod fields {
    use super::*;

    pub(super) fn taxpayer_name((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.person.name), "测*");
        assert!(matches!(full.person.name, Fact::Known { masked: true, .. }));
        for fact in [&full.person.name, &full.person.number, &bare.person.name] {
            from(fact, CaptureChannel::Register, LATER);
        }
        assert_eq!(value(&bare.person.name), "测*", "whoever signed in has a name");
    }

    pub(super) fn enterprise((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.enterprise.name), company(1).name);
        assert_eq!(value(&full.enterprise.number), company(1).number);
        assert!(matches!(full.enterprise.name, Fact::Known { masked: false, .. }), "names of enterprises are public");
        for fact in [&full.enterprise.name, &full.enterprise.number] {
            from(fact, CaptureChannel::Register, LATER);
        }
        missing(&bare.enterprise.name, Unknown::NoRelation);
        let [on] = &full.rosters[..] else { panic!("{:?}", full.rosters) };
        assert_eq!((on.document.as_str(), on.recorded_at, on.age_days), ("吉税发〔2026〕1号", start(), LATER));
    }

    pub(super) fn contact((full, _): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.person.phone), "138****0000");
        assert!(matches!(full.person.phone, Fact::Known { masked: true, .. }));
        from(&full.person.phone, CaptureChannel::Register, LATER);
        missing(&full.enterprise.phone, Unknown::NotCaptured);
    }

    pub(super) fn legal_representative((full, bare): &(OfficerCard, OfficerCard)) {
        let holder = officer_of(full, Role::LegalRepresentative);
        assert_eq!((value(&holder.name), value(&holder.phone)), ("测*", "138****0001"));
        for fact in [&holder.name, &holder.number, &holder.phone] {
            from(fact, CaptureChannel::Register, LATER);
        }
        acts(full, Role::LegalRepresentative);
        vacant(bare, Role::LegalRepresentative);
        missing(&officer_of(bare, Role::LegalRepresentative).name, Unknown::NoRelation);
    }

    pub(super) fn finance_officer((full, bare): &(OfficerCard, OfficerCard)) {
        missing(&officer_of(full, Role::FinanceOfficer).name, Unknown::Released);
        vacant(full, Role::FinanceOfficer);
        missing(&officer_of(bare, Role::FinanceOfficer).name, Unknown::NoRelation);
    }

    pub(super) fn tax_handler((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(officer_of(full, Role::TaxHandler), &full.person);
        acts(full, Role::TaxHandler);
        missing(&officer_of(bare, Role::TaxHandler).phone, Unknown::NoRelation);
    }

    pub(super) fn real_name_state((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.real_name.state), "verified");
        from(&full.real_name.state, CaptureChannel::ElectronicTaxBureau, 10 + LATER);
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
        assert!([holds, over].iter().all(|r| (r.channel, r.recorded_at) == (CaptureChannel::Register, start())));
        assert!(bare.relations.is_empty());
    }

    pub(super) fn capture_channel((full, bare): &(OfficerCard, OfficerCard)) {
        assert_eq!(value(&full.real_name.channel), "电子税务局");
        from(&full.real_name.channel, CaptureChannel::ElectronicTaxBureau, 10 + LATER);
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
    card_by_zone Zone;
    card_by_portal Portal;
    card_by_web Web;
    card_by_kiosk Kiosk;
    card_by_official_account OfficialAccount;
    card_by_re_entry ReEntry;
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
fn t09_whoever_is_not_at_the_desk_sees_no_card_and_a_reveal_reaches_only_who_is_on_it() {
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
        let trail = world.session_of(world.auditor).audit().read(AuditAsked::behind(0, 200)).wait().unwrap().items;
        let reveals: Vec<_> = trail.iter().filter(|r| r.operation == "identity.reveal_on_card").collect();
        let [one] = reveals[..] else { panic!("{engine:?}: {} reveals are on record", reveals.len()) };
        assert_eq!(one.reason.as_deref(), Some("核对法人"));
        assert!(one.subject.ends_with("/phone") && one.subject.contains(&world.taxpayers[1].to_string()));
    }
}

#[test]
fn whoever_acts_for_an_enterprise_is_shown_so_however_many_newer_relations_have_ended() {
    let world = furnished(Engine::Memory);
    let over = |n: i64| {
        let minute = |n: i64| Timestamp::from_micros(start().micros() + n * 60_000_000);
        NewRelation {
            starts_at: minute(n),
            ends_at: Some(minute(n + 1)),
            ..relation(&company(2).number, Role::TaxHandler, &person(0).number)
        }
    };
    // The one that holds is the oldest of those that are looked at.
    let newer: Vec<_> = (1..i64::from(limits::ENTERPRISES_PER_PERSON_MAX)).map(over).collect();
    let done = world.core.as_system().identity().record_relations(&newer, &mut |_| {}).unwrap();
    assert_eq!(done.changed, newer.len() as u64);
    world.clock.advance(std::time::Duration::from_secs(LATER as u64 * 24 * 3600));
    let card = card_through(&world, world.taxpayers[0], SourceChannel::Web);
    assert_eq!(value(&card.enterprise.name), company(1).name);
    acts(&card, Role::TaxHandler);
    assert_eq!(card.relations.len(), limits::RELATIONS_SHOWN_MAX as usize, "the newest are shown");
    let asked = RevealOnCard {
        conversation: card.conversation,
        taxpayer: world.taxpayers[1],
        field: PersonalField::Phone,
        reason: "核对法人".into(),
    };
    let revealed = world.session_of(world.supervisor).identity().reveal_on_card(asked).wait().unwrap();
    assert_eq!(revealed.value, person(1).phone, "the legal representative is on the card");
}
