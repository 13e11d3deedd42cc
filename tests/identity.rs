//! People: numbers of every register, real names, relations, rosters, on every engine. What an officer sees of them is in card.rs, lists
//! of them in import.rs.

use zhengna_core::access::{Account, Actor, ActorKind, ActorRef, Assertion, Credentials, Proof, Provider, ProviderError, VerifiedPerson};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{
    ExportPerson, ImportRow, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, NumberKind, PersonalField,
    RealNameLevel, RealNameState, ReleaseRelation, ResidentId, RevealTaxpayer, Role, Roster, TaxpayerKind,
};
use zhengna_core::{Error, Timestamp, limits, operation};
use zhengna_tests::people::{begun, day, furnished, rows_of, verified};
use zhengna_tests::provider::{self, Says};
use zhengna_tests::world::{ENGINES, Engine, World, company, listed, person, relation, start};

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

/// A sole trader (个体工商户) may be registered under the owner's resident id: two taxpayers, and each rule means the one it is about.
#[test]
fn an_owner_and_their_sole_trader_have_one_number_and_are_two() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let trader = NewTaxpayer {
            kind: TaxpayerKind::Enterprise,
            number_kind: Some(NumberKind::ResidentId),
            name: "测试百货店".into(),
            ..person(600)
        };
        let of = begun(&world, 2);
        assert_eq!(identity.import(&rows_of(of, &[trader, person(600)]), &mut |_| {}).unwrap().changed, 2, "{engine:?}");
        let number = person(600).number;
        assert_eq!(identity.find_by_number(&number).unwrap(), None, "{engine:?}: not the wrong one");
        let own = relation(&number, Role::LegalRepresentative, &number);
        assert_eq!(identity.record_relations(&[own], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        identity.record_real_names(&[verified(600, day(-1))], &mut |_| {}).unwrap();
        // The register of a former number tells whose it was.
        let former = |kind, number: &str| NewFormerNumber { taxpayer: person(600).number, kind, number: number.into() };
        let both = [former(NumberKind::TaxpayerNo, "22010249123100201"), former(NumberKind::Passport, "E12345678")];
        assert_eq!(identity.record_former_numbers(&both, &mut |_| {}).unwrap().changed, 2, "{engine:?}");
        let found = |typed: &str| identity.find_by_number(typed).unwrap().unwrap();
        let (enterprise, owner) = (found("22010249123100201"), found("E12345678"));
        let card = |id| world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap();
        assert_eq!((card(enterprise).kind, card(owner).kind), (TaxpayerKind::Enterprise, TaxpayerKind::Person), "{engine:?}");
        assert_eq!(card(enterprise).number, card(owner).number, "{engine:?}: it is a person's, and masked for both");
        let acts = world.core.as_actor(Actor::Taxpayer(owner)).identity().relations(owner).unwrap();
        assert_eq!(acts.iter().map(|r| (r.enterprise, r.person)).collect::<Vec<_>>(), [(enterprise, owner)], "{engine:?}");

        // Any other number is one taxpayer's.
        let old = |n: usize| NewTaxpayer { number_kind: Some(NumberKind::TaxpayerNo), number: "220102491231002".into(), ..person(n) };
        identity.enrol(&[old(602)], &mut |_| {}).unwrap();
        let other = listed(&NewTaxpayer { kind: TaxpayerKind::Enterprise, ..old(603) });
        let told = identity.examine_import(&[ImportRow { of, line: 9, said: other }], &mut |_| {}).unwrap();
        assert_eq!(told[0].field.as_deref(), Some("kind"), "{engine:?}");

        // With a unified code since, the enterprise had the owner's number before; the owner keeps theirs.
        let (coded, owner) = (company(8), person(601));
        identity.enrol(&[coded.clone(), owner.clone()], &mut |_| {}).unwrap();
        let before = NewFormerNumber { taxpayer: coded.number, kind: NumberKind::TaxpayerNo, number: owner.number.clone() };
        assert_eq!(identity.record_former_numbers(&[before], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_eq!(identity.record_real_names(&[verified(601, day(-1))], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        let own = relation(&owner.number, Role::TaxHandler, &owner.number);
        assert_eq!(identity.record_relations(&[own], &mut |_| {}).unwrap().changed, 1, "{engine:?}: found by the former number");
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
        let renewed = with(NumberKind::HongKongMacaoPermit, "h1234567802", 901);
        let again = [&rows[..], &[renewed, person(950)]].concat();
        assert_eq!(system.identity().enrol(&again, &mut |_| {}).unwrap().changed, 1, "{engine:?}: known already, but for one");
        let found = |number: &str| system.identity().find_by_number(number).unwrap();
        let card = |number: &str| system_card(&world, found(number).unwrap());
        assert_eq!(card(" E12345678 "), "E******78", "{engine:?}");
        assert!(found("H12345678").is_some() && found("H12345678") == found("H1234567801"), "{engine:?}: renewals are no part of it");
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

/// The resident id of somebody born on a day such as 20261123.
fn born_on(day: &str) -> String {
    let mut ids = "0123456789X".chars().map(|check| format!("220102{day}001{check}"));
    ids.find(|id| ResidentId::parse(id).is_ok()).expect("one of the check characters fits")
}

#[test]
fn nobody_is_known_by_a_resident_id_before_the_day_of_their_birth() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let enrol = |new: NewTaxpayer| system.identity().enrol(&[new], &mut |_| {}).map(|done| done.changed);
        let newborn = |day: &str| NewTaxpayer { number: born_on(day), ..person(800) };
        let trader = |day: &str| {
            let (kind, number_kind) = (TaxpayerKind::Enterprise, Some(NumberKind::TaxpayerNo));
            NewTaxpayer { kind, number_kind, name: "测试百货店".into(), ..newborn(day) }
        };
        let come = |day: &str| {
            let person = VerifiedPerson { number: born_on(day), ..provider::verified(800) };
            let account = Account { app_id: "app".into(), user_id: day.into() };
            let bureau = Says(Provider::ElectronicTaxBureau, Assertion { account, once: None, person: Some(person) });
            world.core.sign_in_with(&bureau, &Proof { proof: "code".into(), link: None }, "test").map(drop)
        };
        let no_date = Error::invalid("rows[0].number", Problem::Malformed("resident identity number: no such date at 7".into()));
        let refuses_tomorrow = || {
            assert_eq!(enrol(newborn("20261124")).unwrap_err(), no_date, "{engine:?}");
            assert_eq!(enrol(trader("20261124")).unwrap_err(), no_date, "{engine:?}: whoever's number it is");
            let former = NewFormerNumber { taxpayer: person(0).number, kind: NumberKind::ResidentId, number: born_on("20261124") };
            assert_eq!(system.identity().record_former_numbers(&[former], &mut |_| {}).unwrap_err(), no_date, "{engine:?}: once");
            let said = come("20261124").unwrap_err();
            assert!(matches!(&said, Error::Provider(ProviderError::Misconfigured(_))), "{engine:?}: {said:?}");
        };
        assert_eq!(enrol(newborn("20261123")).unwrap(), 1, "{engine:?}: today's");
        come("20261123").unwrap();
        refuses_tomorrow();
        let (second, until_midnight) = (std::time::Duration::from_secs(1), std::time::Duration::from_secs(15 * 3600));
        world.clock.advance(until_midnight - second);
        refuses_tomorrow();
        world.clock.advance(second);
        assert_eq!(enrol(newborn("20261124")).unwrap(), 1, "{engine:?}: the day has come in Beijing");
        assert_eq!(enrol(trader("20261124")).unwrap(), 1, "{engine:?}");
        come("20261124").unwrap();
    }
}

fn system_card(world: &World, id: TaxpayerId) -> String {
    world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap().number.to_string()
}

/// Taxpayer 0 gets a password.
fn with_password(world: &World) {
    let whose = ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() };
    world.core.as_system().access().set_password(whose, "13800000000", "Xiang-Kan-2026").unwrap();
}

/// A token of taxpayer 0.
fn sign_in(world: &World) -> String {
    try_password(world).unwrap()
}

fn try_password(world: &World) -> Result<String, Error> {
    let credentials = Credentials { login: "13800000000".into(), password: "Xiang-Kan-2026".into() };
    world.core.sign_in(&credentials, "-").map(|signed_in| signed_in.token)
}

/// T16 (CVE-2026-44707): whoever got in before the person was verified is out afterwards.
#[test]
fn t16_verification_ends_sessions_begun_before() {
    for engine in ENGINES {
        let world = World::new(engine);
        with_password(&world);
        let before = sign_in(&world);
        world.core.authenticate(&before).unwrap();
        let record = |found: NewRealName| world.core.as_system().identity().record_real_names(&[found], &mut |_| {}).map(|d| d.changed);
        let captured = NewRealName { state: RealNameState::Captured, level: None, ..verified(0, day(-9)) };
        assert_eq!(record(captured).unwrap(), 1, "{engine:?}");
        world.core.authenticate(&before).expect("being taken down ends nothing");
        assert_eq!(record(verified(0, day(-8))).unwrap(), 1, "{engine:?}");
        assert!(matches!(world.core.authenticate(&before), Err(Error::SignInRequired)), "{engine:?}");
        let password = try_password(&world).unwrap_err();
        assert_eq!(password, Error::Refused(Refusal::WrongCredentials), "{engine:?}: whoever set it may be somebody else");
        with_password(&world);
        let after = sign_in(&world);
        let no_newer = NewRealName { level: Some(RealNameLevel::InPerson), ..verified(0, day(-8)) };
        assert_eq!(record(no_newer).unwrap(), 0, "{engine:?}");
        assert_eq!(record(verified(0, day(-7))).unwrap(), 1, "{engine:?}: verified once more");
        world.core.authenticate(&after).expect("whoever signed in verified stays");
    }
}

/// T16 again: whoever knows name, number and phone gets as far as a verification without presence.
#[test]
fn t16_presence_shown_for_the_first_time_ends_sessions_of_who_only_knew_the_number() {
    for engine in ENGINES {
        let world = World::new(engine);
        let stands_after = |level, found_at| {
            with_password(&world);
            let token = sign_in(&world);
            let found = NewRealName { level: Some(level), ..verified(0, found_at) };
            assert_eq!(world.core.as_system().identity().record_real_names(&[found], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
            world.core.authenticate(&token).is_ok()
        };
        use RealNameLevel::{Face, InPerson, NameAndNumber, NameNumberAndPhone};
        let told = [NameAndNumber, NameAndNumber, NameNumberAndPhone, InPerson, InPerson, Face, NameAndNumber, Face];
        let stands: Vec<_> = (-20..).zip(told).map(|(at, level)| stands_after(level, day(at))).collect();
        assert_eq!(stands, [false, true, true, false, true, true, true, true], "{engine:?}");
        // Verified anew after it lapsed, they are shown to be there anew.
        let lapsed = NewRealName { state: RealNameState::Lapsed, level: None, ..verified(0, day(-9)) };
        world.core.as_system().identity().record_real_names(&[lapsed], &mut |_| {}).unwrap();
        assert_eq!([stands_after(NameAndNumber, day(-8)), stands_after(Face, day(-7))], [false, false], "{engine:?}");
    }
}

/// Side by side with the platform of before, its lists take down and verify anew whoever showed themselves here: they keep their way in.
#[test]
fn a_list_takes_no_way_in_from_whoever_showed_themselves() {
    for engine in ENGINES {
        let world = World::new(engine);
        let record = |state, level, found_at| {
            let found = NewRealName { state, level, ..verified(0, found_at) };
            assert_eq!(world.core.as_system().identity().record_real_names(&[found], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        };
        let weak = Some(RealNameLevel::NameAndNumber);
        record(RealNameState::Verified, Some(RealNameLevel::Face), day(-20));
        with_password(&world);
        let before = sign_in(&world);
        record(RealNameState::Captured, None, day(-19));
        record(RealNameState::Verified, weak, day(-18));
        assert!(world.core.authenticate(&before).is_err() && try_password(&world).is_ok(), "{engine:?}: sessions alone end");
        record(RealNameState::Failed, None, day(-17));
        record(RealNameState::Verified, weak, day(-16));
        assert!(try_password(&world).is_err(), "{engine:?}: something spoke against it");
    }
}

/// Somebody signs in, and uses the session just before it is idle; by what is written down it is idle.
fn used_and_not_written_down(world: &World) -> String {
    with_password(world);
    let (token, second) = (sign_in(world), std::time::Duration::from_secs(1));
    world.clock.advance(limits::TAXPAYER_IDLE - second);
    world.core.touch(&world.core.authenticate(&token).unwrap(), &operation::LINES);
    world.clock.advance(2 * second);
    world.core.authenticate(&token).expect("used a moment ago");
    token
}

/// A use that is not written down yet would bring a session back to life that was only idle.
#[test]
fn t16_verification_ends_sessions_that_were_used_but_not_written_down() {
    for engine in ENGINES {
        let world = World::new(engine);
        let token = used_and_not_written_down(&world);
        let found = verified(0, world.core.now());
        assert_eq!(world.core.as_system().identity().record_real_names(&[found], &mut |_| {}).unwrap().changed, 1);
        assert!(matches!(world.core.authenticate(&token), Err(Error::SignInRequired)), "{engine:?}");
        world.core.write_down_touches().unwrap();
        assert!(matches!(world.core.authenticate(&token), Err(Error::SignInRequired)), "{engine:?}");
    }
}

/// The same of whoever signs in anew: a taxpayer's other sessions that seem idle end, and an officer has one session.
#[test]
fn a_new_sign_in_ends_sessions_that_were_used_but_not_written_down() {
    for engine in ENGINES {
        let world = World::new(engine);
        let token = used_and_not_written_down(&world);
        let new = sign_in(&world);
        world.core.write_down_touches().unwrap();
        assert!(matches!(world.core.authenticate(&token), Err(Error::SignInRequired)), "{engine:?}");
        // One that is in use by what is written down stays: a taxpayer has several devices.
        world.clock.advance(std::time::Duration::from_secs(1));
        sign_in(&world);
        assert!(world.core.authenticate(&new).is_ok(), "{engine:?}");
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
    assert_eq!(refused, Error::invalid("rows[0].relations", Problem::TooMany { max }));
    let shown = world.taxpayer(3).identity().relations(world.taxpayers[3]).unwrap();
    assert_eq!(shown.len(), limits::RELATIONS_SHOWN_MAX as usize, "a person's newest");
}

/// What is over stays over, whatever a list says: somebody who was let go does not come back by last year's list.
#[test]
fn a_relation_that_was_released_or_has_ended_is_not_revived_by_a_list() {
    for engine in ENGINES {
        let world = World::new(engine);
        let identity = world.core.as_system();
        let identity = identity.identity();
        identity.enrol(&[company(1)], &mut |_| {}).unwrap();
        let acts = |role, ends_at| NewRelation { starts_at: day(-30), ends_at, ..relation(&company(1).number, role, &person(0).number) };
        let (handler, agent) = (Role::TaxHandler, Role::TaxAgent);
        identity.record_relations(&[acts(handler, None), acts(agent, Some(day(-1)))], &mut |_| {}).unwrap();
        let enterprise = identity.find_by_number(&company(1).number).unwrap().unwrap();
        let release = ReleaseRelation { enterprise, role: handler, person: world.taxpayers[0], reason: "离职".into() };
        world.taxpayer(0).identity().release_relation(release).wait().unwrap();
        for role in [handler, agent] {
            for ends_at in [None, Some(day(300))] {
                assert_eq!(identity.record_relations(&[acts(role, ends_at)], &mut |_| {}).unwrap().changed, 0, "{engine:?}: {ends_at:?}");
            }
        }
        let kept = world.taxpayer(0).identity().relations(world.taxpayers[0]).unwrap();
        assert!(kept.len() == 2 && kept.iter().all(|r| !r.holds), "{engine:?}: {kept:?}");
        // One that goes on may be prolonged, and whoever is appointed again begins anew.
        identity.record_relations(&[acts(Role::InvoiceIssuer, Some(day(30)))], &mut |_| {}).unwrap();
        assert_eq!(identity.record_relations(&[acts(Role::InvoiceIssuer, Some(day(60)))], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        let anew = NewRelation { starts_at: world.core.now(), ..acts(handler, None) };
        assert_eq!(identity.record_relations(&[anew], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
    }
}

/// Lists tell days. Who was captured, or failed, and was verified on one day was verified, whichever line came first.
#[test]
fn a_verification_goes_over_what_else_was_found_on_its_day() {
    for engine in ENGINES {
        let world = World::new(engine);
        let identity = world.core.as_system();
        let identity = identity.identity();
        let found = |n: usize, state, level| NewRealName { state, level, found_at: day(-3), ..verified(n, day(-3)) };
        for (n, before) in [(0, RealNameState::Captured), (1, RealNameState::Failed)] {
            let good = || found(n, RealNameState::Verified, Some(RealNameLevel::Face));
            for row in [found(n, before, None), good(), found(n, before, None), good()] {
                let _changed = identity.record_real_names(&[row], &mut |_| {});
            }
            let export = ExportPerson { person: world.taxpayers[n], reason: "核对".into() };
            let kept = identity.export_person(export, &mut |_| {}).unwrap().person.real_name;
            assert_eq!(kept.iter().map(|f| f.state).collect::<Vec<_>>(), [RealNameState::Verified, before], "{engine:?}");
        }
    }
}

/// The audit trail keeps a reason as it is, and for good.
#[test]
fn a_reason_names_nobody_by_number() {
    let world = World::new(Engine::Memory);
    let reveal = |reason: String| {
        let cmd = RevealTaxpayer { taxpayer: world.taxpayers[0], field: PersonalField::Phone, reason };
        world.session_of(world.supervisor).identity().reveal(cmd).wait().map(drop)
    };
    let told = reveal(format!("核对 {}", person(0).number)).unwrap_err();
    assert_eq!(told, Error::invalid("reason", Problem::PersonalData));
    assert!(reveal("核对身份".into()).is_ok());
}
