//! Sign-in through identity providers: who is whose, on every engine. The clients of the providers have tests of their own.

use zhengna_core::access::{
    Account, Actor, AssertedRelation, Assertion, Once, PortalTickets, Proof, Provider, ProviderError, VerifiedPerson,
};
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, TaxpayerId};
use zhengna_core::identity::{
    CaptureChannel, Fact, ImportBegun, ImportRow, ListVerdict, Listed, ListedTaxpayer, NewFormerNumber, NewRealName, NewRelation,
    NewTaxpayer, NumberKind, RealNameLevel, RealNameState, Role, TaxpayerKind,
};
use zhengna_core::interaction::Claim;
use zhengna_core::{Error, Timestamp, limits};
use zhengna_tests::people::{another, verified as listed_as_verified};
use zhengna_tests::provider::Says;
use zhengna_tests::stand_in::portal::{self, AUDIENCE, ISSUER, Portal, encoded};
use zhengna_tests::world::{ENGINES, Engine, NANGUAN, PROVINCE, World, code, company, listed, person, relation, start};

fn wechat(app_id: &str, openid: &str) -> Says {
    let account = Account { app_id: app_id.into(), user_id: openid.into() };
    Says(Provider::MiniProgram, Assertion { account, once: None, person: None })
}

fn verified(n: usize, level: RealNameLevel) -> VerifiedPerson {
    VerifiedPerson { level, ..zhengna_tests::provider::verified(n) }
}

fn bureau(user: &str, person: VerifiedPerson) -> Says {
    let account = Account { app_id: "bureau-app".into(), user_id: user.into() };
    Says(Provider::ElectronicTaxBureau, Assertion { account, once: None, person: Some(person) })
}

fn proof(link: Option<String>) -> Proof {
    Proof { proof: "code".into(), link }
}

/// The token of a sign-in that is good.
fn enter(world: &World, provider: &Says, link: Option<String>) -> Result<String, Error> {
    world.core.sign_in_with(provider, &proof(link), "test").map(|signed_in| signed_in.token)
}

fn who(world: &World, token: &str) -> Option<TaxpayerId> {
    match world.core.authenticate(token).ok()?.actor {
        Actor::Taxpayer(id) => Some(id),
        other => panic!("{other:?} signed in as a taxpayer"),
    }
}

fn link_of(refused: Result<String, Error>) -> String {
    match refused {
        Err(Error::Refused(Refusal::NotLinked(ticket))) => ticket.0,
        other => panic!("{other:?} where nobody is linked"),
    }
}

#[test]
fn an_account_is_linked_by_a_verification_and_by_nothing_else() {
    for engine in ENGINES {
        let world = World::new(engine);
        let mine = wechat("wx-app", "openid-1");
        let ticket = link_of(enter(&world, &mine, None));
        let verifying = enter(&world, &bureau("u1", verified(0, RealNameLevel::Face)), Some(ticket.clone())).unwrap();
        assert_eq!(who(&world, &verifying), Some(world.taxpayers[0]), "{engine:?}");
        // From now on the account alone is enough.
        let token = enter(&world, &mine, None).unwrap();
        assert_eq!(who(&world, &token), Some(world.taxpayers[0]), "{engine:?}");
        // The ticket was for one use.
        let again = enter(&world, &bureau("u1", verified(0, RealNameLevel::Face)), Some(ticket));
        assert_eq!(again.unwrap_err(), Error::Refused(Refusal::ChallengeOver), "{engine:?}");
        // The same openid of another app, or of another provider, is somebody else's.
        link_of(enter(&world, &wechat("wx-other", "openid-1"), None));
        let Says(_, assertion) = wechat("wx-app", "openid-1");
        link_of(enter(&world, &Says(Provider::OfficialAccount, assertion), None));
        // A provider that only knows accounts vouches for nobody, whatever it says.
        let Says(_, claimed) = bureau("openid-2", verified(1, RealNameLevel::InPerson));
        link_of(enter(&world, &Says(Provider::MiniProgram, claimed), None));
        // Name, number and phone are known to whoever has seen a card and a telephone.
        link_of(enter(&world, &bureau("u2", verified(1, RealNameLevel::NameAndNumber)), None));
        link_of(enter(&world, &bureau("u2", verified(1, RealNameLevel::NameNumberAndPhone)), None));
        // Who is named too weakly, and is not who was known, opens nobody's session.
        link_of(enter(&world, &bureau("u1", verified(1, RealNameLevel::NameAndNumber)), None));
        assert!(enter(&world, &bureau("u1", verified(0, RealNameLevel::NameAndNumber)), None).is_ok(), "{engine:?}");
    }
}

/// Issue: "linked by verified identity only, never by phone". Two people have one phone, and a third verifies with it.
#[test]
fn t15_a_shared_phone_links_nobody() {
    for engine in ENGINES {
        let world = World::new(engine);
        let stranger = VerifiedPerson { phone: person(0).phone, ..verified(700, RealNameLevel::Face) };
        let token = enter(&world, &bureau("u700", stranger), None).unwrap();
        let id = who(&world, &token).unwrap();
        assert!(!world.taxpayers.contains(&id), "{engine:?}: somebody new");
        let found = world.core.as_system().identity().find_by_number(&person(700).number).unwrap();
        assert_eq!(found, Some(id), "{engine:?}");
        let card = world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap();
        assert_eq!(card.authority, Some(code(PROVINCE)), "{engine:?}: until somebody knows better");
    }
}

/// Somebody comes and is served.
fn served(world: &World, id: TaxpayerId) -> ConversationId {
    let entered = world.core.as_actor(Actor::Taxpayer(id)).interaction().enter(world.enter()).wait().unwrap();
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    entered.conversation
}

/// Who told the number of whoever is served, and when.
fn number_told(world: &World, conversation: ConversationId) -> (CaptureChannel, Timestamp) {
    let card = world.officer(0).identity().card(conversation).unwrap();
    let Fact::Known { source, since, .. } = card.person.number else { panic!("{card:?}") };
    (source, since)
}

#[test]
fn the_number_of_who_came_by_a_provider_is_said_to_come_from_there() {
    for engine in ENGINES {
        let world = World::new(engine);
        let later = std::time::Duration::from_secs(3600);
        world.clock.advance(later);
        let known = |name: &str, phone: Option<&str>| VerifiedPerson {
            name: name.into(),
            phone: phone.map(str::to_owned),
            ..verified(700, RealNameLevel::Face)
        };
        let token = enter(&world, &bureau("u700", known("测试甲", Some("13900000001"))), None).unwrap();
        let id = who(&world, &token).unwrap();
        let first = (CaptureChannel::ElectronicTaxBureau, start().plus(later));
        let conversation = served(&world, id);
        assert_eq!(number_told(&world, conversation), first, "{engine:?}");
        // Neither another name and phone later nor a list that says the same makes it the register's.
        world.clock.advance(later);
        enter(&world, &bureau("u700", known("测试乙", Some("13900000002"))), None).unwrap();
        world.core.as_system().identity().enrol(&[person(700)], &mut |_| {}).unwrap();
        assert_eq!(number_told(&world, conversation), first, "{engine:?}");
        // Who was in the register keeps the register's number, whatever a provider says of them.
        enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), None).unwrap();
        assert_eq!(number_told(&world, served(&world, world.taxpayers[0])), (CaptureChannel::Register, start()), "{engine:?}");
    }
}

#[test]
fn t16_who_is_verified_is_signed_out_everywhere_else() {
    for engine in ENGINES {
        let world = World::new(engine);
        // Somebody got in as taxpayer 0 before: with a password that an importer gave.
        let whose = Actor::Taxpayer(world.taxpayers[0]).as_ref();
        world.core.as_system().access().set_password(whose, "13800000000", "Tax-Payer-2026").unwrap();
        let before = zhengna_tests::world::signed_in(&world.core, "13800000000", "Tax-Payer-2026").unwrap();
        assert_eq!(who(&world, &before), Some(world.taxpayers[0]));
        let own = enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), None).unwrap();
        assert_eq!((who(&world, &before), who(&world, &own)), (None, Some(world.taxpayers[0])), "{engine:?}");
        let again = zhengna_tests::world::signed_in(&world.core, "13800000000", "Tax-Payer-2026");
        assert_eq!(again.unwrap_err(), Error::Refused(Refusal::WrongCredentials), "{engine:?}: the password is gone too");
        // Known at the provider already: other devices stay.
        let second = enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), None).unwrap();
        assert!(who(&world, &own).is_some() && who(&world, &second).is_some(), "{engine:?}");
        // Another account at the provider for the same person: what was begun through the first ends, and WeChat is linked anew.
        let wechat_of_before = wechat("wx-app", "of before");
        let ticket = link_of(enter(&world, &wechat_of_before, None));
        enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), Some(ticket)).unwrap();
        let other = enter(&world, &bureau("u0-new", verified(0, RealNameLevel::Face)), None).unwrap();
        assert_eq!((who(&world, &own), who(&world, &second)), (None, None), "{engine:?}");
        assert!(who(&world, &other).is_some());
        let ticket = link_of(enter(&world, &wechat_of_before, None));
        // Nor does it outlast that a list tells of them being verified anew.
        enter(&world, &bureau("u0-new", verified(0, RealNameLevel::Face)), Some(ticket)).unwrap();
        assert!(enter(&world, &wechat_of_before, None).is_ok(), "{engine:?}");
        let hour = std::time::Duration::from_secs(3600);
        world.clock.advance(2 * hour);
        let found = |state, level, ago| NewRealName { state, level, ..listed_as_verified(0, world.core.now().minus(ago)) };
        let hall = [found(RealNameState::Lapsed, None, hour), found(RealNameState::Verified, Some(RealNameLevel::InPerson), hour / 2)];
        assert_eq!(world.core.as_system().identity().record_real_names(&hall, &mut |_| {}).unwrap().changed, 2, "{engine:?}");
        link_of(enter(&world, &wechat_of_before, None));
    }
}

#[test]
fn an_account_that_changes_hands_takes_the_sessions_of_before_along() {
    for engine in ENGINES {
        let world = World::new(engine);
        let shared = wechat("wx-app", "family");
        let ticket = link_of(enter(&world, &shared, None));
        enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), Some(ticket)).unwrap();
        let first = enter(&world, &shared, None).unwrap();
        world.core.as_actor(Actor::Taxpayer(world.taxpayers[0])).access().unlink_identity(Provider::MiniProgram).wait().unwrap();
        assert_eq!(who(&world, &first), None, "{engine:?}: unlinking signs out");
        let ticket = link_of(enter(&world, &shared, None));
        enter(&world, &bureau("u1", verified(1, RealNameLevel::Face)), Some(ticket)).unwrap();
        let token = enter(&world, &shared, None).unwrap();
        assert_eq!(who(&world, &token), Some(world.taxpayers[1]), "{engine:?}");
        // The bureau gives the user id of taxpayer 1 to taxpayer 2: theirs from now on, and nobody stays signed in by it.
        let moved = enter(&world, &bureau("u1", verified(2, RealNameLevel::Face)), None).unwrap();
        assert_eq!((who(&world, &token), who(&world, &moved)), (None, Some(world.taxpayers[2])), "{engine:?}");
    }
}

#[test]
fn a_lapsed_verification_asks_for_a_new_one() {
    for engine in ENGINES {
        let world = World::new(engine);
        let mine = wechat("wx-app", "openid-1");
        let ticket = link_of(enter(&world, &mine, None));
        enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), Some(ticket)).unwrap();
        let lapsed = NewRealName {
            person: person(0).number,
            state: RealNameState::Lapsed,
            level: None,
            channel: CaptureChannel::Hall,
            found_at: start().plus(std::time::Duration::from_secs(60)),
        };
        world.core.as_system().identity().record_real_names(&[lapsed], &mut |_| {}).unwrap();
        let ticket = link_of(enter(&world, &mine, None));
        // What the provider found before is no news.
        link_of(enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), None));
        let later = VerifiedPerson { verified_at: start().plus(std::time::Duration::from_secs(120)), ..verified(0, RealNameLevel::Face) };
        enter(&world, &bureau("u0", later), Some(ticket)).unwrap();
        assert!(enter(&world, &mine, None).is_ok(), "{engine:?}");
    }
}

/// Migrated people were captured long after the provider verified them: its word counts from now on.
#[test]
fn who_was_only_captured_since_is_verified_by_what_the_provider_says_now() {
    for engine in ENGINES {
        let world = World::new(engine);
        let captured = NewRealName {
            person: person(0).number,
            state: RealNameState::Captured,
            level: None,
            channel: CaptureChannel::Migration,
            found_at: start(),
        };
        world.core.as_system().identity().record_real_names(&[captured], &mut |_| {}).unwrap();
        world.clock.advance(std::time::Duration::from_secs(60));
        let long_ago =
            VerifiedPerson { verified_at: start().minus(std::time::Duration::from_secs(86_400 * 700)), ..verified(0, RealNameLevel::Face) };
        assert!(enter(&world, &bureau("u0", long_ago), None).is_ok(), "{engine:?}");
    }
}

#[test]
fn a_link_ticket_waits_a_quarter_of_an_hour() {
    for engine in ENGINES {
        let world = World::new(engine);
        let mine = wechat("wx-app", "openid-1");
        let (late, ticket) = (link_of(enter(&world, &mine, None)), link_of(enter(&world, &mine, None)));
        world.clock.advance(limits::LINK_TICKET_AGE_MAX - std::time::Duration::from_micros(1));
        assert!(enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), Some(ticket)).is_ok(), "{engine:?}");
        world.clock.advance(std::time::Duration::from_micros(1));
        let refused = enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), Some(late)).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ChallengeOver), "{engine:?}");
    }
}

#[test]
fn the_oldest_account_makes_room_and_edges_hold() {
    let world = World::new(Engine::Memory);
    for n in 0..=limits::LINKED_IDENTITIES_MAX {
        world.clock.advance(std::time::Duration::from_secs(1));
        enter(&world, &bureau(&format!("u{n}"), verified(0, RealNameLevel::Face)), None).unwrap();
    }
    let linked = world.taxpayer(0).access().linked_identities().unwrap();
    assert_eq!(linked.len(), limits::LINKED_IDENTITIES_MAX);
    assert!(linked.iter().all(|l| l.linked_at > start().plus(std::time::Duration::from_secs(1))), "the first is gone");
    let with = |text: String| world.core.sign_in_with(&wechat("a", "b"), &Proof { proof: text, link: None }, "test").err().unwrap();
    assert!(matches!(with("x".repeat(limits::PROOF_CHARS_MAX)), Error::Refused(Refusal::NotLinked(_))));
    assert!(matches!(with("x".repeat(limits::PROOF_CHARS_MAX + 1)), Error::Invalid { .. }));
    assert!(matches!(with(String::new()), Error::Invalid { .. }));
    let over = Error::Refused(Refusal::ChallengeOver);
    assert_eq!(enter(&world, &wechat("a", "b"), Some("no ticket".into())).unwrap_err(), over);
}

#[test]
fn what_the_bureau_says_is_on_the_card_with_source_and_age() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (one, two) = (company(1), company(2));
        world.core.as_system().identity().enrol(&[one.clone(), two.clone()], &mut |_| {}).unwrap();
        let known = relation(&one.number, Role::TaxHandler, &person(0).number);
        world.core.as_system().identity().record_relations(&[known], &mut |_| {}).unwrap();
        world.clock.advance(std::time::Duration::from_secs(3 * 24 * 3600));
        let day = |n: u64| start().plus(std::time::Duration::from_secs(n * 24 * 3600));
        let said = |enterprise: &str, role, starts_at, ends_at: Option<Timestamp>| AssertedRelation {
            enterprise: enterprise.into(),
            role,
            starts_at,
            ends_at,
            released: ends_at.is_some(),
        };
        let told = VerifiedPerson {
            name: "改名后".into(),
            phone: Some("13900000009".into()),
            authority: Some(code(PROVINCE)),
            relations: vec![
                // Begun and over at once: left out.
                said(&two.number, Role::TaxHandler, day(1), Some(day(1))),
                // Known here with another start, and released there since.
                said(&one.number, Role::TaxHandler, start().minus(std::time::Duration::from_secs(5)), Some(day(2))),
                said(&two.number, Role::FinanceOfficer, day(1), None),
                said(&company(77).number, Role::FinanceOfficer, day(1), None),
            ],
            verified_at: day(3),
            ..verified(0, RealNameLevel::Face)
        };
        let token = enter(&world, &bureau("u0", told.clone()), None).unwrap();
        let caller = world.core.authenticate(&token).unwrap();
        let me = world.core.as_actor(caller.actor);
        let relations = me.identity().relations(world.taxpayers[0]).unwrap();
        let shown: Vec<_> = relations.iter().map(|r| (r.role, r.holds, r.released, r.channel)).collect();
        let bureau_says = CaptureChannel::ElectronicTaxBureau;
        assert_eq!(shown, [(Role::FinanceOfficer, true, false, bureau_says), (Role::TaxHandler, false, true, bureau_says)], "{engine:?}");

        me.interaction().enter(world.enter()).wait().unwrap();
        let claimed = world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        let card = world.officer(0).identity().card(claimed.conversation).unwrap();
        for (fact, value) in [(&card.person.name, "改*"), (&card.person.phone, "139****0009")] {
            let Fact::Known { value: known, source, since, .. } = fact else { panic!("{fact:?}") };
            assert_eq!((known.as_str(), *source, *since), (value, bureau_says, day(3)), "{engine:?}");
        }
        let Fact::Known { source, since, .. } = &card.person.number else { panic!("a number") };
        assert_eq!((*source, *since), (CaptureChannel::Register, start()), "{engine:?}: the number is as it was enrolled");

        // Said again, nothing is new: names, phones and relations keep their age.
        world.clock.advance(std::time::Duration::from_secs(24 * 3600));
        enter(&world, &bureau("u0", told), None).unwrap();
        let again = world.officer(0).identity().card(claimed.conversation).unwrap();
        let Fact::Known { since, .. } = &again.person.name else { panic!("a name") };
        assert_eq!(*since, day(3), "{engine:?}");
        assert_eq!(again.relations.len(), 2, "{engine:?}");
    }
}

/// The bureau says Y, released, and no day: whoever is held to act for the enterprise acts no more from now on.
#[test]
fn a_release_without_a_day_ends_what_is_held_now() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (one, two, system) = (company(1), company(2), world.core.as_system());
        system.identity().enrol(&[one.clone(), two.clone()], &mut |_| {}).unwrap();
        let held = [(&one, Role::TaxHandler), (&one, Role::FinanceOfficer)].map(|(of, role)| relation(&of.number, role, &person(0).number));
        system.identity().record_relations(&held, &mut |_| {}).unwrap();
        let day = std::time::Duration::from_secs(24 * 3600);
        world.clock.advance(3 * day);
        let said = |of: &NewTaxpayer, role, starts_at, released| AssertedRelation {
            enterprise: of.number.clone(),
            role,
            starts_at,
            ends_at: None,
            released,
        };
        let long_ago = start().minus(700 * day);
        let told = VerifiedPerson {
            relations: vec![
                said(&one, Role::TaxHandler, long_ago, true),
                // Begun anew there: the one from before is over, and the new one is what is held here.
                said(&one, Role::FinanceOfficer, long_ago, true),
                said(&one, Role::FinanceOfficer, start(), false),
                // Not known here: there is nothing to end.
                said(&two, Role::TaxHandler, long_ago, true),
            ],
            ..verified(0, RealNameLevel::Face)
        };
        let relations = |user| {
            let token = enter(&world, &bureau(user, told.clone()), None).unwrap();
            let me = world.core.as_actor(world.core.authenticate(&token).unwrap().actor);
            let mut all = me.identity().relations(world.taxpayers[0]).unwrap();
            all.sort_by_key(|r| r.role.as_str());
            all.into_iter().map(|r| (r.role, r.holds, r.released, r.ends_at, r.channel)).collect::<Vec<_>>()
        };
        let over = start().plus(3 * day);
        let expected = [
            (Role::FinanceOfficer, true, false, None, CaptureChannel::Register),
            (Role::TaxHandler, false, true, Some(over), CaptureChannel::ElectronicTaxBureau),
        ];
        assert_eq!(relations("u0"), expected, "{engine:?}");
        // Said again later, the end stays where it was.
        world.clock.advance(day);
        assert_eq!(relations("u0"), expected, "{engine:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_whole_and_somebody_must_look() {
    for engine in ENGINES {
        let world = World::new(engine);
        let before = world.taxpayers.len();
        let good = verified(800, RealNameLevel::Face);
        let tomorrow = start().plus(std::time::Duration::from_secs(24 * 3600));
        for wrong in [
            VerifiedPerson { number: "22010219000101001X".into(), ..good.clone() },
            VerifiedPerson { name: String::new(), ..good.clone() },
            VerifiedPerson { verified_at: tomorrow, ..good.clone() },
        ] {
            let refused = enter(&world, &bureau("u800", wrong), None).unwrap_err();
            assert!(matches!(&refused, Error::Provider(ProviderError::Misconfigured(_))), "{engine:?}: {refused:?}");
            let public = refused.public();
            assert_eq!((public.status, public.code), (503, "access.provider_unavailable"));
        }
        let found = world.core.as_system().identity().find_by_number(&person(800).number).unwrap();
        assert_eq!((found, world.taxpayers.len()), (None, before), "{engine:?}: nothing half-written");
        // A phone that is none keeps nobody out, and whoever stood at the top goes where the provider says.
        let odd = VerifiedPerson { phone: Some("0431-12366".into()), ..good.clone() };
        let id = who(&world, &enter(&world, &bureau("u800", odd), None).unwrap()).unwrap();
        let view = |id| world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap();
        assert_eq!((view(id).phone, view(id).authority), (None, Some(code(PROVINCE))), "{engine:?}");
        enter(&world, &bureau("u800", VerifiedPerson { authority: Some(code(NANGUAN)), ..good }), None).unwrap();
        assert_eq!(view(id).authority, Some(code(NANGUAN)), "{engine:?}");
    }
}

/// The newer word wins: what a list says of a day before the provider's word is left out, what it says of a day behind it is taken.
#[test]
fn a_list_from_before_what_a_provider_told_leaves_name_and_phone_alone() {
    use ListVerdict::{Changed, Duplicate, Older};
    let day = |n: u64| start().plus(std::time::Duration::from_secs(n * 24 * 3600));
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        world.clock.advance(std::time::Duration::from_secs(10 * 24 * 3600));
        let phone = |phone: &str| Some(phone.to_owned());
        // Of 0 the bureau tells another name and phone, of 1 the ones that are known.
        let told = VerifiedPerson { name: "改名后".into(), phone: phone("13900000009"), ..verified(0, RealNameLevel::Face) };
        enter(&world, &bureau("u0", told), None).unwrap();
        let confirmed = VerifiedPerson { phone: person(1).phone, ..verified(1, RealNameLevel::Face) };
        enter(&world, &bureau("u1", confirmed), None).unwrap();
        let mut lists = 0;
        let mut import = |new: NewTaxpayer, as_of: &str| {
            let Listed::Taxpayer(row) = listed(&new) else { panic!("a taxpayer") };
            lists += 1;
            let of = another(&world, lists);
            let rows = [ImportRow { of, line: 2, said: Listed::Taxpayer(ListedTaxpayer { as_of: as_of.into(), ..row }) }];
            let looked = identity.examine_import(&rows, &mut |_| {}).unwrap();
            identity.import(&rows, &mut |_| {}).unwrap();
            let became = identity.imported_rows(of, i64::MIN, 9).unwrap();
            assert_eq!(looked, became, "{engine:?} {as_of}");
            let fault = became[0].field.clone().zip(became[0].why.clone());
            assert_eq!(fault.is_some(), became[0].verdict == Older && became[0].mend.is_some(), "{engine:?}");
            (of, became[0].verdict, fault.map(|(field, why)| format!("{field} {why}")))
        };
        let card = |n: usize| world.taxpayer(n).identity().view(world.taxpayers[n]).unwrap();
        let stays = |n: usize, name: &str, tail: &str, at: &str| {
            assert_eq!((card(n).name.as_str(), card(n).phone.as_ref().map(|p| p.as_str())), (name, Some(tail)), "{engine:?} {at}");
        };
        // What is older is left out; what else the row says is taken, and taken back.
        let with_id = NewTaxpayer { external_id: Some("旧-0".into()), ..person(0) };
        let (of, verdict, why) = import(with_id, "2026-11-24");
        assert_eq!((verdict, why.as_deref()), (Older, Some("name is older than what is known")), "{engine:?}");
        stays(0, "改*", "139****0009", "an older list");
        let (_, verdict, _) = import(NewTaxpayer { external_id: Some("旧-0".into()), name: "改名后".into(), phone: None, ..person(0) }, "");
        assert_eq!(verdict, Duplicate, "{engine:?}: the id was taken");
        assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        stays(0, "改*", "139****0009", "taken back");
        // Nothing else in it: nothing is written. A list without a date is not newer than a provider's word.
        let renamed = || NewTaxpayer { name: "改名后".into(), ..person(0) };
        let phone_is_older = Some("phone is older than what is known".to_owned());
        for as_of in ["2026-11-24", ""] {
            let (of, verdict, why) = import(renamed(), as_of);
            assert_eq!((verdict, &why), (Older, &phone_is_older), "{engine:?} {as_of:?}");
            assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 0, "{engine:?}");
        }
        let other = || NewTaxpayer { phone: phone("13900000001"), ..person(1) };
        assert_eq!(import(other(), "2026-11-24").1, Older, "{engine:?}: the bureau said the phone again that was known");
        // The very instant is no older; later is newer.
        assert_eq!(import(renamed(), &day(10).minus(std::time::Duration::from_micros(1)).rfc3339()).1, Older, "{engine:?}");
        assert_eq!(import(renamed(), &day(10).rfc3339()).1, Changed, "{engine:?}");
        stays(0, "改*", "138****0000", "a newer list");
        // Between lists too the newer one wins, whichever comes first.
        world.clock.advance(std::time::Duration::from_secs(10 * 24 * 3600));
        assert_eq!(import(NewTaxpayer { phone: phone("13900000002"), ..person(2) }, "2026-12-10").1, Changed, "{engine:?}");
        assert_eq!(import(NewTaxpayer { phone: phone("13900000003"), ..person(2) }, "2026-12-09").1, Older, "{engine:?}");
        assert_eq!(import(NewTaxpayer { phone: phone("13900000003"), ..person(2) }, "").1, Changed, "{engine:?}");
        // Somebody new has the date of their list.
        assert_eq!(import(person(500), "2026-12-01").1, ListVerdict::New, "{engine:?}");
        assert_eq!(import(NewTaxpayer { phone: phone("13900000004"), ..person(500) }, "2026-11-30").1, Older, "{engine:?}");
        assert_eq!(import(NewTaxpayer { phone: phone("13900000004"), ..person(500) }, "2026-12-02").1, Changed, "{engine:?}");
        let of = ImportBegun { batch: [0; 32], attempt: 1 };
        let Listed::Taxpayer(row) = listed(&person(501)) else { panic!("a taxpayer") };
        for as_of in ["2026-12-15", "昨天"] {
            let said = Listed::Taxpayer(ListedTaxpayer { as_of: as_of.into(), ..row.clone() });
            let told = identity.examine_import(&[ImportRow { of, line: 2, said }], &mut |_| {}).unwrap();
            assert_eq!((told[0].verdict, told[0].field.as_deref()), (ListVerdict::Broken, Some("as_of")), "{engine:?} {as_of}");
        }
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

/// The owner of a sole trader (个体工商户) that is registered under their resident id, or was before it had a unified code.
#[test]
fn an_owner_signs_in_as_the_person_and_the_sole_trader_stays_an_enterprise() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let trader = |n: usize| NewTaxpayer {
            kind: TaxpayerKind::Enterprise,
            number_kind: Some(NumberKind::ResidentId),
            name: "测试百货店".into(),
            ..person(n)
        };
        let coded = company(1);
        system.identity().enrol(&[trader(700), coded.clone()], &mut |_| {}).unwrap();
        let before = NewFormerNumber { taxpayer: coded.number.clone(), kind: NumberKind::TaxpayerNo, number: person(701).number };
        system.identity().record_former_numbers(&[before], &mut |_| {}).unwrap();
        let enterprises = [700, 701].map(|n| system.identity().find_by_number(&person(n).number).unwrap().unwrap());
        for (n, enterprise) in [700, 701].into_iter().zip(enterprises) {
            let own = AssertedRelation {
                enterprise: person(n).number,
                role: Role::LegalRepresentative,
                starts_at: start(),
                ends_at: None,
                released: false,
            };
            let owner = VerifiedPerson { relations: vec![own], ..verified(n, RealNameLevel::Face) };
            let token = enter(&world, &bureau(&format!("u{n}"), owner.clone()), None).unwrap();
            let id = who(&world, &token).unwrap();
            assert_eq!(enter(&world, &bureau(&format!("u{n}"), owner), None).map(|t| who(&world, &t)), Ok(Some(id)), "{engine:?}: again");
            let card = |id| world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap();
            assert_eq!((card(id).kind, card(enterprise).kind), (TaxpayerKind::Person, TaxpayerKind::Enterprise), "{engine:?} {n}");
            let relations = world.core.as_actor(Actor::Taxpayer(id)).identity().relations(id).unwrap();
            assert_eq!(relations.iter().map(|r| r.enterprise).collect::<Vec<_>>(), [enterprise], "{engine:?} {n}: theirs");
            // Too weak a word about the owner is about the owner, not about the enterprise.
            let weak = verified(n, RealNameLevel::NameAndNumber);
            assert!(enter(&world, &bureau(&format!("u{n}"), weak), None).is_ok(), "{engine:?} {n}");
        }
    }
}

/// Two stretches there that are one here: the newer is what is known of it, whichever comes first in the answer.
#[test]
fn a_stretch_that_ended_there_does_not_end_the_one_that_goes_on() {
    for engine in ENGINES {
        for turned in [false, true] {
            let world = World::new(engine);
            let (one, system) = (company(1), world.core.as_system());
            system.identity().enrol(std::slice::from_ref(&one), &mut |_| {}).unwrap();
            let day = std::time::Duration::from_secs(24 * 3600);
            let held = NewRelation { starts_at: start().minus(900 * day), ..relation(&one.number, Role::TaxHandler, &person(0).number) };
            system.identity().record_relations(&[held], &mut |_| {}).unwrap();
            let said = |starts_at, ends_at: Option<Timestamp>| AssertedRelation {
                enterprise: one.number.clone(),
                role: Role::TaxHandler,
                starts_at,
                ends_at,
                released: ends_at.is_some(),
            };
            let mut relations = vec![said(start().minus(800 * day), Some(start().minus(500 * day))), said(start().minus(500 * day), None)];
            if turned {
                relations.reverse();
            }
            let told = VerifiedPerson { relations, ..verified(0, RealNameLevel::Face) };
            let token = enter(&world, &bureau("u0", told), None).unwrap();
            let me = world.core.as_actor(world.core.authenticate(&token).unwrap().actor);
            let all = me.identity().relations(world.taxpayers[0]).unwrap();
            assert_eq!(all.iter().map(|r| r.holds).collect::<Vec<_>>(), [true], "{engine:?}");
        }
    }
}

/// An enterprise told of under two numbers is one; a relation to come ends nothing, and keeps nothing that has ended.
#[test]
fn a_release_under_a_former_number_ends_nothing_that_goes_on_and_one_to_come_keeps_nothing() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (one, two, system) = (company(1), company(2), world.core.as_system());
        let identity = system.identity();
        identity.enrol(&[one.clone(), two.clone()], &mut |_| {}).unwrap();
        let old = "220102M000100Y4";
        let former = NewFormerNumber { taxpayer: one.number.clone(), kind: NumberKind::TaxpayerNo, number: old.into() };
        identity.record_former_numbers(&[former], &mut |_| {}).unwrap();
        let held = [&one, &two].map(|of| relation(&of.number, Role::TaxHandler, &person(0).number));
        identity.record_relations(&held, &mut |_| {}).unwrap();
        let day = std::time::Duration::from_secs(24 * 3600);
        world.clock.advance(3 * day);
        let said = |number: &str, starts_at, ends_at, released| AssertedRelation {
            enterprise: number.into(),
            role: Role::TaxHandler,
            starts_at,
            ends_at,
            released,
        };
        let relations = vec![
            said(&one.number, start().minus(700 * day), None, false),
            said(old, start().minus(800 * day), None, true),
            said(&two.number, start().minus(700 * day), Some(start().plus(2 * day)), true),
            said(&two.number, start().plus(30 * day), None, false),
        ];
        let told = VerifiedPerson { relations, ..verified(0, RealNameLevel::Face) };
        let token = enter(&world, &bureau("u0", told), None).unwrap();
        let me = world.core.as_actor(world.core.authenticate(&token).unwrap().actor);
        let all = me.identity().relations(world.taxpayers[0]).unwrap();
        let [one, two] = [&one, &two].map(|of| identity.find_by_number(&of.number).unwrap().unwrap());
        let holds = |of| all.iter().filter(|r| r.enterprise == of).map(|r| (r.starts_at, r.holds)).collect::<Vec<_>>();
        assert_eq!(holds(one), [(start(), true)], "{engine:?}");
        assert_eq!(holds(two), [(start().plus(30 * day), false), (start(), false)], "{engine:?}");
    }
}

/// Passports of two states may have one number: a second person does not become the first, nor does a list make them so.
#[test]
fn a_passport_number_that_somebody_of_another_name_has_lets_nobody_in() {
    for engine in ENGINES {
        let world = World::new(engine);
        let of = |name: &str| VerifiedPerson {
            name: name.into(),
            number_kind: NumberKind::Passport,
            number: "E7654321".into(),
            ..verified(0, RealNameLevel::Face)
        };
        let first = enter(&world, &bureau("p1", of("JOHN-PAUL SMITH")), None).unwrap();
        let known = who(&world, &first);
        let again = enter(&world, &bureau("p1", of("Smith, John Paul")), None).unwrap();
        assert_eq!((who(&world, &again), known.is_some()), (known, true), "{engine:?}");
        let other = enter(&world, &bureau("p2", of("MARIA ROSSI")), None).unwrap_err();
        assert_eq!(other, Error::Refused(Refusal::OtherName), "{engine:?}");
        assert_eq!(who(&world, &again), known, "{engine:?}: whoever was there stays signed in");
        let system = world.core.as_system();
        let number_kind = Some(NumberKind::Passport);
        let named = NewTaxpayer { name: "MARIA ROSSI".into(), number_kind, number: "E7654321".into(), ..person(0) };
        let of = another(&world, 1);
        let row = ImportRow { of, line: 2, said: listed(&named) };
        let told = system.identity().examine_import(&[row], &mut |_| {}).unwrap();
        assert_eq!((told[0].verdict, told[0].field.as_deref()), (ListVerdict::Broken, Some("name")), "{engine:?}");
        // A name that was written down wrong is put right by who is known by another id, too.
        let named = |name: &str| NewTaxpayer {
            name: name.into(),
            number_kind,
            number: "G1234567".into(),
            external_id: Some("吉-9".into()),
            ..person(0)
        };
        let rows = ["MARIA ROSI", "MARIA ROSSI"].map(|name| ImportRow { of, line: 3, said: listed(&named(name)) });
        assert_eq!(system.identity().import(&rows[..1], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_eq!(system.identity().examine_import(&rows[1..], &mut |_| {}).unwrap()[0].verdict, ListVerdict::Changed, "{engine:?}");
    }
}

/// Released here in the morning, appointed anew there the same day: providers know days, and the new one is no echo of the old.
#[test]
fn who_is_appointed_anew_on_the_day_of_the_release_acts_again() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (one, system) = (company(1), world.core.as_system());
        system.identity().enrol(std::slice::from_ref(&one), &mut |_| {}).unwrap();
        let day = std::time::Duration::from_secs(24 * 3600);
        let held = relation(&one.number, Role::TaxHandler, &person(0).number);
        system.identity().record_relations(std::slice::from_ref(&held), &mut |_| {}).unwrap();
        world.clock.advance(3 * day);
        let released = start().plus(3 * day);
        system.identity().record_relations(&[NewRelation { ends_at: Some(released), released: true, ..held }], &mut |_| {}).unwrap();
        world.clock.advance(std::time::Duration::from_secs(3600));
        let told = |starts_at| {
            let said =
                AssertedRelation { enterprise: one.number.clone(), role: Role::TaxHandler, starts_at, ends_at: None, released: false };
            let told = VerifiedPerson { relations: vec![said], ..verified(0, RealNameLevel::Face) };
            let token = enter(&world, &bureau("u0", told), None).unwrap();
            let me = world.core.as_actor(world.core.authenticate(&token).unwrap().actor);
            let mut all = me.identity().relations(world.taxpayers[0]).unwrap();
            all.sort_by_key(|r| r.starts_at);
            all.into_iter().map(|r| (r.starts_at, r.holds)).collect::<Vec<_>>()
        };
        let over = vec![(start(), false)];
        assert_eq!(told(start().minus(700 * day)), over, "{engine:?}: a provider that has not heard of the release");
        assert_eq!(told(start()), over, "{engine:?}: nor one that knows its day");
        let anew = vec![(start(), false), (released, true)];
        let midnight = Timestamp::parse("2026-11-26T00:00:00+08:00").unwrap();
        for _ in 0..2 {
            assert_eq!(told(midnight), anew, "{engine:?}");
        }
    }
}

#[test]
fn the_newest_relations_are_taken_over_and_no_more() {
    let world = World::new(Engine::Memory);
    let firms: Vec<_> = (1..=limits::RELATIONS_ASSERTED_MAX + 1).map(company).collect();
    world.core.as_system().identity().enrol(&firms, &mut |_| {}).unwrap();
    let relations = firms.iter().zip(0..).map(|(firm, n)| AssertedRelation {
        enterprise: firm.number.clone(),
        role: Role::TaxAgent,
        starts_at: start().minus(std::time::Duration::from_secs(n)),
        ends_at: None,
        released: false,
    });
    // One more than are taken over was released, another ended: both are held here, and are not.
    let day = std::time::Duration::from_secs(24 * 3600);
    let gone = [company(70), company(71), company(72)];
    world.core.as_system().identity().enrol(&gone, &mut |_| {}).unwrap();
    let held = gone.each_ref().map(|firm| relation(&firm.number, Role::TaxHandler, &person(0).number));
    world.core.as_system().identity().record_relations(&held, &mut |_| {}).unwrap();
    let over = |firm: &NewTaxpayer, ends_at| AssertedRelation {
        enterprise: firm.number.clone(),
        role: Role::TaxHandler,
        starts_at: start().minus(700 * day),
        ends_at,
        released: true,
    };
    world.clock.advance(3 * day);
    let still = AssertedRelation { starts_at: start().minus(600 * day), released: false, ..over(&gone[2], None) };
    let ended = [over(&gone[0], None), over(&gone[1], Some(start().plus(2 * day))), still, over(&gone[2], None)];
    let agent = VerifiedPerson { relations: relations.chain(ended).collect(), ..verified(0, RealNameLevel::Face) };
    enter(&world, &bureau("u0", agent), None).unwrap();
    // One that holds beyond the newest is not taken over, and not ended by an older one in the same role either.
    let holds = |firm: &NewTaxpayer| {
        let id = world.core.as_system().identity().find_by_number(&firm.number).unwrap().unwrap();
        world.core.as_actor(Actor::Taxpayer(id)).identity().relations(id).unwrap().iter().any(|r| r.holds)
    };
    assert_eq!(gone.each_ref().map(holds), [false, false, true]);
    let of = |firm: &NewTaxpayer| {
        let system = world.core.as_system();
        let id = system.identity().find_by_number(&firm.number).unwrap().unwrap();
        world.core.as_actor(Actor::Taxpayer(id)).identity().relations(id).unwrap().len()
    };
    assert_eq!((of(&firms[0]), of(&firms[limits::RELATIONS_ASSERTED_MAX - 1]), of(&firms[limits::RELATIONS_ASSERTED_MAX])), (1, 1, 0));
}

// The portal's tickets

fn tickets(portal: &Portal) -> PortalTickets {
    PortalTickets::new(ISSUER, AUDIENCE, &portal.public_key()).unwrap()
}

fn claims(n: usize, id: &str) -> serde_json::Value {
    portal::claims(n, id, start())
}

#[test]
fn t20_a_ticket_of_the_portal_is_good_once_for_us_and_now() {
    for engine in ENGINES {
        let world = World::new(engine);
        let key = Portal::of(7);
        let portal = tickets(&key);
        let bring = |text: &str| world.core.sign_in_with(&portal, &Proof { proof: text.into(), link: None }, "test").map(|s| s.token);
        let with = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut changed = claims(0, "other");
            change(&mut changed);
            key.ticket(&changed)
        };
        let now = start().micros() / 1_000_000;
        let good = key.ticket(&claims(0, "one"));
        let payload = good.split('.').nth(1).unwrap();
        let cases: Vec<(&str, String)> = vec![
            ("another audience", with(&|c| c["aud"] = "others".into())),
            ("another issuer", with(&|c| c["iss"] = "https://evil.example".into())),
            ("expired", with(&|c| (c["iat"], c["exp"]) = ((now - 130).into(), (now - 10).into()))),
            ("expires now", with(&|c| (c["iat"], c["exp"]) = ((now - 60).into(), now.into()))),
            ("issued in the future", with(&|c| (c["iat"], c["exp"]) = ((now + 400).into(), (now + 500).into()))),
            ("not before later", with(&|c| c["nbf"] = (now + 400).into())),
            ("good for too long", with(&|c| c["exp"] = (now + 301).into())),
            ("no id", with(&|c| c["jti"] = "".into())),
            ("no subject", with(&|c| c["sub"] = "".into())),
            ("no time", with(&|c| drop(c.as_object_mut().unwrap().remove("exp")))),
            ("times beyond counting", with(&|c| (c["iat"], c["exp"]) = (i64::MAX.into(), i64::MAX.into()))),
            ("another key", Portal::of(8).ticket(&claims(0, "other"))),
            ("no signature", format!("zt1.{payload}.")),
            ("no signature at all", format!("zt1.{payload}")),
            ("another version", good.replacen("zt1", "zt2", 1)),
            ("a JWT without algorithm", format!("{}.{payload}.", encoded(b"{\"alg\":\"none\"}"))),
            ("another payload under the signature", {
                let (_, signature) = good.rsplit_once('.').unwrap();
                format!("zt1.{}.{signature}", encoded(claims(1, "one").to_string().as_bytes()))
            }),
            ("nothing like it", "x".repeat(100)),
        ];
        for (what, bad) in cases {
            assert_eq!(bring(&bad).unwrap_err(), Error::Provider(ProviderError::Spent), "{engine:?}: {what}");
        }
        // A field that names an algorithm changes nothing.
        let named = with(&|c| (c["alg"], c["jti"]) = ("none".into(), "named".into()));
        assert!(bring(&named).is_ok(), "{engine:?}");
        let token = bring(&good).unwrap();
        assert_eq!(who(&world, &token), Some(world.taxpayers[0]), "{engine:?}");
        assert_eq!(bring(&good).unwrap_err(), Error::Provider(ProviderError::Spent), "{engine:?}: replayed");
        // Also by a host that was started anew, until it is too old anyway.
        world.clock.advance(std::time::Duration::from_secs(119));
        assert_eq!(bring(&good).unwrap_err(), Error::Provider(ProviderError::Spent), "{engine:?}: replayed later");
        world.clock.advance(std::time::Duration::from_secs(2));
        assert_eq!(bring(&good).unwrap_err(), Error::Provider(ProviderError::Spent), "{engine:?}: too old");
    }
}

#[test]
fn an_account_at_the_portal_without_a_person_is_linked_like_any_other() {
    let world = World::new(Engine::Memory);
    let key = Portal::of(7);
    let portal = tickets(&key);
    let anonymous = |id: &str| {
        let mut some = claims(0, id);
        some.as_object_mut().unwrap().remove("person");
        Proof { proof: key.ticket(&some), link: None }
    };
    let refused = world.core.sign_in_with(&portal, &anonymous("one"), "test").map(|s| s.token);
    let link = link_of(refused);
    enter(&world, &bureau("u0", verified(0, RealNameLevel::Face)), Some(link)).unwrap();
    let token = world.core.sign_in_with(&portal, &anonymous("two"), "test").unwrap().token;
    assert_eq!(who(&world, &token), Some(world.taxpayers[0]));
}

#[test]
fn keys_that_are_none_are_refused() {
    let point_not_on_the_curve = format!("04{}", "11".repeat(64));
    for bad in ["", "04", "zz", point_not_on_the_curve.as_str()] {
        assert!(PortalTickets::new("i", "a", bad).is_err(), "{bad}");
    }
}

#[test]
fn a_proof_used_on_one_host_is_used_on_all() {
    // The row decides, not the memory of a host: two cores over one store.
    let world = World::new(Engine::Memory);
    let other = zhengna_tests::world::core_over(world.core.store().clone(), 99).0;
    let Says(provider, mut assertion) = bureau("u0", verified(0, RealNameLevel::Face));
    assertion.once = Some(Once { id: "ticket".into(), expires_at: start().plus(std::time::Duration::from_secs(60)) });
    let says = Says(provider, assertion);
    assert!(enter(&world, &says, None).is_ok());
    let refused = other.sign_in_with(&says, &proof(None), "test").map(|s| s.token);
    assert_eq!(refused.unwrap_err(), Error::Provider(ProviderError::Spent));
}
