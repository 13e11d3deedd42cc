//! Sign-in through identity providers: who is whose, on every engine. The clients of the providers have tests of their own.

use zhengna_core::access::{
    Account, Actor, AssertedRelation, Assertion, IdentityProvider, Once, PortalTickets, Proof, Provider, ProviderError, VerifiedPerson,
};
use zhengna_core::error::Refusal;
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{CaptureChannel, Fact, NewRealName, RealNameLevel, RealNameState, Role};
use zhengna_core::interaction::Claim;
use zhengna_core::{Error, Timestamp, limits};
use zhengna_tests::stand_in::portal::{self, AUDIENCE, ISSUER, Portal, encoded};
use zhengna_tests::world::{ENGINES, Engine, PROVINCE, World, code, company, person, relation, start};

/// A provider that says what it was told to say.
struct Says(Provider, Assertion);

impl IdentityProvider for Says {
    fn provider(&self) -> Provider {
        self.0
    }

    fn exchange(&self, _: &str, _: Timestamp) -> Result<Assertion, ProviderError> {
        Ok(self.1.clone())
    }
}

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
        assert_eq!(card.authority, Some(code("10000000000")), "{engine:?}: until somebody knows better");
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
        // A phone that is none keeps nobody out, and whoever stood at the root goes where the provider says.
        let odd = VerifiedPerson { phone: Some("0431-12366".into()), ..good.clone() };
        let id = who(&world, &enter(&world, &bureau("u800", odd), None).unwrap()).unwrap();
        let view = |id| world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap();
        assert_eq!((view(id).phone, view(id).authority), (None, Some(code("10000000000"))), "{engine:?}");
        enter(&world, &bureau("u800", VerifiedPerson { authority: Some(code(PROVINCE)), ..good }), None).unwrap();
        assert_eq!(view(id).authority, Some(code(PROVINCE)), "{engine:?}");
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
    let agent = VerifiedPerson { relations: relations.collect(), ..verified(0, RealNameLevel::Face) };
    enter(&world, &bureau("u0", agent), None).unwrap();
    let of = |firm: &zhengna_core::identity::NewTaxpayer| {
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
