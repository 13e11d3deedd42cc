//! The first conversation, through the core, on every engine.

use zhengna_core::access::Actor;
use zhengna_core::error::Refusal;
use zhengna_core::interaction::{Claim, Close, ConversationState, Leave, MarkRead, Outcome, SendMessage};
use zhengna_core::store::Page;
use zhengna_core::{Error, limits};
use zhengna_tests::world::{ENGINES, World, core_over};

const KEY_A: &str = "019a0000-0000-7000-8000-000000000001";

#[test]
fn a_taxpayer_talks_to_an_officer_and_everything_can_be_read_back_and_proved() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer) = (world.taxpayer(0), world.officer(0));
        let entered = taxpayer.interaction().enter(world.enter()).wait().unwrap();
        let position = taxpayer.interaction().position(entered.conversation).unwrap();
        assert_eq!(position.ahead, Some(0), "{engine:?}");

        let claimed = officer.interaction().claim(Claim { line: world.line }).wait().unwrap();
        assert_eq!(claimed.conversation, entered.conversation);
        let say = |text: &str| SendMessage { conversation: entered.conversation, text: text.into() };
        let sent = taxpayer.clone().with_key(KEY_A).unwrap().interaction().send(say("您好，请问子女教育怎么填？")).wait().unwrap();
        let again = taxpayer.clone().with_key(KEY_A).unwrap().interaction().send(say("您好，请问子女教育怎么填？")).wait().unwrap();
        assert_eq!(sent, again, "a retry is not a second message");
        let reused = taxpayer.clone().with_key(KEY_A).unwrap().interaction().send(say("另一句")).wait();
        assert_eq!(reused.unwrap_err(), Error::KeyReused);
        officer.interaction().send(say("您好，请打开个税应用。")).wait().unwrap();

        let seen = taxpayer.interaction().messages(entered.conversation, 0, 50).unwrap();
        assert_eq!(seen.iter().map(|m| (m.number, m.mine)).collect::<Vec<_>>(), [(1, true), (2, false)]);
        assert_eq!(seen[0].client_id.as_deref(), Some(KEY_A));
        let unread = taxpayer.interaction().conversation(entered.conversation).unwrap().unread;
        assert_eq!(unread, 1);
        taxpayer.interaction().mark_read(vec![MarkRead { conversation: entered.conversation, number: 99 }]).wait().unwrap();
        assert_eq!(taxpayer.interaction().conversation(entered.conversation).unwrap().unread, 0);

        officer
            .interaction()
            .close(Close { conversation: entered.conversation, outcome: Outcome::Resolved, note: Some("已解答".into()) })
            .wait()
            .unwrap();
        let late = taxpayer.interaction().send(say("谢谢")).wait();
        assert_eq!(late.unwrap_err(), Error::Refused(Refusal::ConversationClosed));

        let transcript = taxpayer.interaction().transcript(entered.conversation).wait().unwrap();
        assert_eq!(transcript.messages, seen);
        assert_eq!(transcript.conversation.state, ConversationState::Closed);
        let kinds: Vec<&str> = transcript.events.iter().map(|e| e.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["conversation.entered", "conversation.claimed", "message.sent", "message.sent", "messages.read", "conversation.closed"],
            "{engine:?}"
        );

        world.seal();
        let line = world.core.checkpoint_audit(true).unwrap().line.expect("something to sign");
        let checkpoint = zhengna_core::audit::Checkpoint::from_line(&line).unwrap();
        let verdict = world.core.verify_audit(vec![checkpoint]).unwrap();
        assert_eq!((verdict.finding, verdict.unsealed, verdict.checkpoints), (None, 0, 1), "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
    }
}

#[test]
fn claims_are_first_in_first_out_and_respect_capacity() {
    for engine in ENGINES {
        let world = World::new(engine);
        let entered: Vec<_> = (0..5).map(|n| world.entered(n).conversation).collect();
        let officer = world.officer(0);
        for expected in &entered[..3] {
            assert_eq!(officer.interaction().claim(Claim { line: world.line }).wait().unwrap().conversation, *expected, "{engine:?}");
        }
        let full = officer.interaction().claim(Claim { line: world.line }).wait();
        assert_eq!(full.unwrap_err(), Error::Refused(Refusal::AtCapacity(3)));
        // Chatwoot #10583: the fourth is served before a fifth once there is room.
        officer.interaction().close(Close { conversation: entered[1], outcome: Outcome::Resolved, note: None }).wait().unwrap();
        assert_eq!(officer.interaction().claim(Claim { line: world.line }).wait().unwrap().conversation, entered[3]);
        world.taxpayer(4).interaction().leave(Leave { conversation: entered[4] }).wait().unwrap();
        let nobody = world.officer(1).interaction().claim(Claim { line: world.line }).wait();
        assert_eq!(nobody.unwrap_err(), Error::Refused(Refusal::NobodyWaiting), "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
    }
}

#[test]
fn strangers_learn_nothing_not_even_that_it_exists() {
    for engine in ENGINES {
        let world = World::new(engine);
        let entered = world.entered(0);
        let unknown = zhengna_core::id::ConversationId::from_uuid(uuid_of(1));
        for stranger in [world.taxpayer(1), world.session_of(world.stranger)] {
            let foreign = stranger.interaction().conversation(entered.conversation).unwrap_err();
            let missing = stranger.interaction().conversation(unknown).unwrap_err();
            assert_eq!(foreign, missing, "{engine:?}");
            let say = SendMessage { conversation: entered.conversation, text: "？".into() };
            assert_eq!(stranger.interaction().send(say).wait().unwrap_err(), missing);
            let page = Page { after: None, limit: 50 };
            assert!(stranger.interaction().mine(page).unwrap().is_empty());
        }
        let claim = world.session_of(world.stranger).interaction().claim(Claim { line: world.line }).wait();
        assert!(matches!(claim.unwrap_err(), Error::NotFound { .. }));
        let denied = world.session_of(world.idle_hand).interaction().claim(Claim { line: world.line }).wait();
        assert!(matches!(denied.unwrap_err(), Error::Denied { .. }));
    }
}

#[test]
fn a_conversation_in_which_nobody_writes_is_closed() {
    for engine in ENGINES {
        let world = World::new(engine);
        let entered = world.entered(0);
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        world.clock.advance(limits::CONVERSATION_IDLE / 2);
        world.taxpayer(0).interaction().send(SendMessage { conversation: entered.conversation, text: "在吗".into() }).wait().unwrap();
        world.clock.advance(limits::CONVERSATION_IDLE / 2);
        assert_eq!(world.core.run_due(10).unwrap(), 1, "{engine:?}: looked, and set anew");
        let state = || world.taxpayer(0).interaction().conversation(entered.conversation).unwrap();
        assert_eq!(state().state, ConversationState::Active);
        world.clock.advance(limits::CONVERSATION_IDLE);
        assert_eq!(world.core.run_due(10).unwrap(), 1);
        assert_eq!((state().state, state().outcome), (ConversationState::Closed, Some(Outcome::Idle)));
        assert_eq!(world.core.run_due(10).unwrap(), 0);
    }
}

fn uuid_of(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

/// Found by simulation: a claim took the host's time as it was, so that what was written next stood before what was
/// written first.
#[test]
fn time_never_goes_back_within_a_conversation_even_if_the_clock_of_the_next_host_does() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.clock.advance(std::time::Duration::from_secs(3600));
        let (stays, leaves) = (world.entered(0).conversation, world.entered(1).conversation);
        let say = |text: &str| SendMessage { conversation: stays, text: text.into() };
        let first = world.taxpayer(0).interaction().send(say("您好")).wait().unwrap();

        // A host that starts again knows nothing of the time before; its clock is an hour behind.
        let (late, _) = core_over(world.core.store().clone(), 8);
        let (taxpayer, leaver) = (late.as_actor(Actor::Taxpayer(world.taxpayers[0])), late.as_actor(Actor::Taxpayer(world.taxpayers[1])));
        let officer = late.as_actor(late.officer(world.officers[0]).unwrap());
        officer.interaction().claim(Claim { line: world.line }).wait().unwrap();
        let second = officer.interaction().send(say("您好，请讲")).wait().unwrap();
        assert!(second.sent_at >= first.sent_at, "{engine:?}: {:?} after {:?}", second.sent_at, first.sent_at);
        officer.interaction().close(Close { conversation: stays, outcome: Outcome::Resolved, note: None }).wait().unwrap();
        leaver.interaction().leave(Leave { conversation: leaves }).wait().unwrap();
        for (whose, id) in [(&taxpayer, stays), (&leaver, leaves)] {
            let seen = whose.interaction().conversation(id).unwrap();
            let times: Vec<_> = [Some(seen.entered_at), seen.claimed_at, seen.ended_at].into_iter().flatten().collect();
            assert!(times.windows(2).all(|w| w[0] <= w[1]), "{engine:?}: {times:?}");
        }
    }
}
