//! What makes a conversation comfortable and safe to lead, through the core, on every engine.

use std::time::Duration;

use zhengna_core::access::{AddPost, GrantPost, Permission, Permissions};
use zhengna_core::calendar::{Arrangement, Change, NoticeDay};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::ConversationId;
use zhengna_core::identity::{ErasePerson, ExportPerson};
use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Close, DeleteCannedReply, DeleteOwnCannedReply, Enter, ExportFormat, ExportReviewed, ExportTranscript,
    FindCannedReplies, FollowUpState, FollowUpView, FollowUpsAsked, Grade, Leave, MessageView, Outcome, PutCannedReply, PutOwnCannedReply,
    Rate, Recall, Review, Revisit, RevisitFollowUp, Search, SendMessage, Transfer, TransferTo, Wanted, is_as_exported,
};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session, limits};
use zhengna_tests::approval::approve;
use zhengna_tests::calendar::{draft, other_holidays};
use zhengna_tests::handover::Handover;
use zhengna_tests::people::at;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, JILIN_CITY, NANGUAN, PROVINCE, World, code, core_over, person};

const SECOND: Duration = Duration::from_secs(1);

/// The first taxpayer, served by the first officer.
fn served(world: &World) -> (Session, Session, ConversationId) {
    let conversation = world.entered(0).conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    (world.taxpayer(0), world.officer(0), conversation)
}

fn say(who: &Session, conversation: ConversationId, text: &str) -> i64 {
    who.interaction().send(SendMessage::new(conversation, text)).wait().unwrap().number
}

fn read(who: &Session, conversation: ConversationId) -> Vec<MessageView> {
    who.interaction().messages(conversation, 0, 200).unwrap()
}

fn close(officer: &Session, conversation: ConversationId) {
    officer.interaction().close(Close { conversation, outcome: Outcome::Resolved, note: None }).wait().unwrap();
}

fn review(world: &World, conversation: ConversationId) -> Vec<MessageView> {
    let supervisor = world.session_of(world.supervisor);
    supervisor.interaction().review(Review { conversation, reason: "质检".into() }).wait().unwrap().messages
}

#[test]
fn a_message_quotes_an_earlier_one_of_its_conversation_and_no_other() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        say(&taxpayer, conversation, "请问子女教育怎么填？\n我有两个孩子");
        let quoting = |number| SendMessage { quotes: Some(number), ..SendMessage::new(conversation, "请打开个税应用") };
        officer.interaction().send(quoting(1)).wait().unwrap();
        let seen = read(&taxpayer, conversation);
        let quoted = seen[1].quoted.clone().unwrap();
        assert_eq!((quoted.number, quoted.mine, quoted.recalled), (1, true, false), "{engine:?}");
        assert_eq!(quoted.excerpt, "请问子女教育怎么填？ 我有两个孩子");
        assert!(seen[0].quoted.is_none());
        // Behind a page's beginning the quoted one is read by itself.
        assert_eq!(officer.interaction().messages(conversation, 1, 5).unwrap()[0].quoted.clone().unwrap().excerpt, quoted.excerpt);
        for nothing in [0, -1, 3, i64::MAX] {
            let refused = officer.interaction().send(quoting(nothing)).wait();
            assert!(matches!(&refused, Err(Error::Invalid { field, .. }) if field == "quotes"), "{engine:?}: {refused:?}");
        }
        // Each is answered by the other's words, also where that quotes in turn.
        taxpayer.interaction().send(SendMessage { quotes: Some(2), ..SendMessage::new(conversation, "找到了") }).wait().unwrap();
        assert_eq!(read(&officer, conversation)[2].quoted.clone().unwrap().excerpt, "请打开个税应用");
    }
}

#[test]
fn a_message_is_recalled_by_its_sender_within_two_minutes_and_stays_in_the_record() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        say(&taxpayer, conversation, "我的同事病了");
        officer.interaction().send(SendMessage { quotes: Some(1), ..SendMessage::new(conversation, "请讲") }).wait().unwrap();
        let recall = |number| Recall { conversation, number };
        let unread = |who: &Session| who.interaction().conversation(conversation).unwrap().unread;
        let before = (unread(&taxpayer), unread(&officer));
        let not_mine = officer.interaction().recall(recall(1)).wait();
        assert_eq!(not_mine, Err(Error::Refused(Refusal::NotTheSender)), "{engine:?}");
        for nothing in [0, 3, i64::MIN] {
            assert!(matches!(taxpayer.interaction().recall(recall(nothing)).wait(), Err(Error::NotFound { .. })), "{engine:?}");
        }
        assert!(matches!(world.taxpayer(1).interaction().recall(recall(1)).wait(), Err(Error::NotFound { .. })), "{engine:?}");
        world.clock.advance(limits::RECALL_WITHIN);
        let first = taxpayer.interaction().recall(recall(1)).wait().unwrap();
        world.clock.advance(SECOND);
        assert_eq!(taxpayer.interaction().recall(recall(1)).wait(), Ok(first), "{engine:?}: once more is the same");
        let late = officer.interaction().recall(recall(2)).wait();
        assert_eq!(late, Err(Error::Refused(Refusal::RecallTooLate)), "{engine:?}: a second too late");
        assert_eq!((unread(&taxpayer), unread(&officer)), before, "{engine:?}: what is unread stays so");
        for who in [&taxpayer, &officer] {
            let seen = read(who, conversation);
            assert_eq!((seen.len(), seen[0].text.as_str(), seen[0].recalled_at.is_some()), (2, "已撤回", true), "{engine:?}");
            let quoted = seen[1].quoted.clone().unwrap();
            assert_eq!((quoted.excerpt.as_str(), quoted.recalled), ("已撤回", true), "{engine:?}");
            let told = who.interaction().transcript(conversation).wait().unwrap();
            assert_eq!(told.messages[0].text, "已撤回", "{engine:?}");
        }
        let kept = review(&world, conversation);
        assert_eq!(
            (kept[0].text.as_str(), kept[1].quoted.clone().unwrap().excerpt.as_str()),
            ("我的同事病了", "我的同事病了"),
            "{engine:?}"
        );
        assert!(kept[0].recalled_at.is_some(), "{engine:?}: and the record says that it was recalled");
    }
}

/// Found by review: what was sent to the wrong person could not be taken back any more once the conversation was handed on.
/// Found by review: one sign that was recalled at once counted as the answer, and nobody was reminded of whoever waited for one.
#[test]
fn an_answer_that_was_recalled_is_owed_again() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        let owed = || officer.interaction().conversation(conversation).unwrap().unanswered_since;
        let recall = |number| officer.interaction().recall(Recall { conversation, number }).wait().unwrap();
        let taken = owed().unwrap();
        world.clock.advance(SECOND);
        say(&officer, conversation, "。");
        assert_eq!(owed(), None, "{engine:?}");
        recall(1);
        assert_eq!(owed(), Some(taken), "{engine:?}: no word was said since they took it");
        say(&officer, conversation, "您好");
        world.clock.advance(SECOND);
        say(&taxpayer, conversation, "在吗");
        let asked = owed();
        world.clock.advance(SECOND);
        say(&taxpayer, conversation, "请问");
        say(&officer, conversation, "。");
        say(&officer, conversation, "稍等");
        recall(5);
        assert_eq!(owed(), None, "{engine:?}: another answer stands");
        recall(6);
        assert_eq!(owed(), asked, "{engine:?}: since they wrote behind the last answer");
        world.clock.advance(Duration::from_secs(limits::UNANSWERED_S as u64));
        assert_eq!(world.core.run_due(10).unwrap(), 1, "{engine:?}: and the officer is reminded");
        close(&officer, conversation);
        assert_eq!(owed(), None, "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new(), "{engine:?}");
    }
}

#[test]
fn a_message_is_recalled_by_its_officer_after_the_conversation_was_handed_on() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (_, officer, conversation) = served(&world);
        say(&officer, conversation, "发错了");
        officer.interaction().transfer(Transfer::new(conversation, TransferTo::Line(world.line), "请续办")).wait().unwrap();
        let recall = Recall { conversation, number: 1 };
        assert!(matches!(world.officer(1).interaction().recall(recall.clone()).wait(), Err(Error::NotFound { .. })), "{engine:?}");
        assert!(officer.interaction().messages(conversation, 0, 10).is_err(), "{engine:?}: no more than that");
        let session = officer.with_key("r").unwrap();
        let done = session.interaction().recall(recall.clone()).wait().unwrap();
        assert_eq!(session.interaction().recall(recall).wait(), Ok(done), "{engine:?}: a repeat is answered alike");
    }
}

#[test]
fn a_message_is_recalled_after_the_end_too_and_both_clients_hear_of_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        say(&officer, conversation, "李四的申报表有误");
        close(&officer, conversation);
        let since = world.core.journal_end().unwrap();
        officer.interaction().recall(Recall { conversation, number: 1 }).wait().unwrap();
        for who in [&taxpayer, &officer] {
            let heard = zhengna_tests::world::settle(
                &world.core,
                |_| {
                    let topics = who.journal().topics(Some(since)).unwrap();
                    who.journal().events_after(topics, since, 50).unwrap().events
                },
                |events| !events.is_empty(),
            );
            let event = heard.iter().find(|e| e.kind.as_str() == "message.recalled").expect("told");
            let shown = event.message.as_ref().expect("with the message as it is now");
            assert_eq!((event.number, shown.number, shown.text.as_str()), (Some(1), 1, "已撤回"), "{engine:?}");
        }
    }
}

#[test]
fn whoever_gets_all_that_is_kept_of_them_gets_what_they_recalled_and_not_what_an_officer_did() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        say(&taxpayer, conversation, "我写错了");
        say(&officer, conversation, "李四的申报表有误");
        taxpayer.interaction().recall(Recall { conversation, number: 1 }).wait().unwrap();
        officer.interaction().recall(Recall { conversation, number: 2 }).wait().unwrap();
        let asked = ExportPerson { person: world.taxpayers[0], reason: "本人申请".into() };
        let export = world.core.as_system().identity().export_person(asked, &mut |_| {}).unwrap();
        let texts: Vec<&str> = export.conversations[0].transcript.messages.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["我写错了", "已撤回"], "{engine:?}");
    }
}

#[test]
fn an_officer_is_warned_before_a_number_of_somebody_is_sent_and_a_taxpayer_is_not() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        let text = "身份证 11010519491231002X，电话 138 0000 1234，公司 91350100M000100Y43";
        say(&taxpayer, conversation, text);
        let send = |confirmed| SendMessage { confirmed, ..SendMessage::new(conversation, text) };
        let refused = officer.interaction().send(send(false)).wait().unwrap_err();
        let told = refused.public();
        assert_eq!(
            (told.code, told.message.as_str()),
            ("interaction.personal_data", "消息中含有身份证号、手机号，请核对后再发送"),
            "{engine:?}"
        );
        assert_eq!(told.related.as_deref(), Some("resident_id:4+18,mobile_phone:26+13"), "{engine:?}: where, and not which");
        let digits = ["1949", "0000", "1234"];
        assert!(digits.iter().all(|d| !format!("{told:?}").contains(d)), "{engine:?}: {told:?}");
        officer.interaction().send(send(true)).wait().unwrap();
        // What is public stops nobody, nor does what only looks like a number.
        say(&officer, conversation, "贵公司 91350100M000100Y43，请拨打 12366，编号 110105194912310021");
        assert_eq!(read(&taxpayer, conversation).len(), 3, "{engine:?}");
    }
}

/// The texts that an officer may use.
fn usable(officer: &Session, find: Option<&str>) -> Vec<String> {
    let asked = FindCannedReplies { find: find.map(Into::into), limit: 200 };
    officer.interaction().canned_replies(asked).unwrap().into_iter().map(|r| r.text).collect()
}

#[test]
fn canned_replies_of_an_authority_reach_the_officers_at_it_and_below_and_nobody_else() {
    for engine in ENGINES {
        let world = World::new(engine);
        let supervisor = world.session_of(world.supervisor);
        let put = |reply, at: &str, topic: &str, text: &str| {
            let put = PutCannedReply { reply, authority: code(at), topic: topic.into(), text: text.into() };
            supervisor.interaction().put_canned_reply(put).wait()
        };
        let city = put(None, CHANGCHUN, "个税汇算", "请打开个税应用，点击汇算").unwrap().reply;
        world.clock.advance(SECOND);
        put(None, NANGUAN, "问候", "您好，南关区税务局为您服务").unwrap();
        let stranger = world.session_of(world.stranger);
        assert_eq!(usable(&world.officer(0), None), ["您好，南关区税务局为您服务", "请打开个税应用，点击汇算"], "{engine:?}");
        assert_eq!(usable(&stranger, None), ["请打开个税应用，点击汇算"], "{engine:?}: of another county, under the same city");
        assert_eq!(usable(&world.officer(0), Some("汇算")), ["请打开个税应用，点击汇算"], "{engine:?}: by topic or text");
        assert_eq!(usable(&world.officer(0), Some("没有")), [""; 0]);
        world.clock.advance(SECOND);
        put(Some(city), CHANGCHUN, "个税汇算", "请打开个税应用，点击综合所得年度汇算").unwrap();
        assert_eq!(usable(&stranger, None), ["请打开个税应用，点击综合所得年度汇算"], "{engine:?}: changed, not doubled");
        // Neither elsewhere, nor without the post, nor with anybody's number in it.
        let unknown = |e: &Error| matches!(e, Error::Invalid { field, .. } if field == "authority");
        assert!(unknown(&put(None, JILIN_CITY, "问候", "您好").unwrap_err()), "{engine:?}");
        let wanted = PutCannedReply { reply: None, authority: code(NANGUAN), topic: "问".into(), text: "您好".into() };
        assert!(matches!(world.officer(0).interaction().put_canned_reply(wanted).wait(), Err(Error::Denied { .. })), "{engine:?}");
        let number = put(None, NANGUAN, "电话", "请拨打 13800001234").unwrap_err();
        assert!(matches!(number, Error::Invalid { problem: Problem::PersonalData, .. }), "{engine:?}: {number:?}");
        supervisor.interaction().delete_canned_reply(DeleteCannedReply { reply: city }).wait().unwrap();
        assert_eq!(usable(&stranger, None), [""; 0], "{engine:?}");
        let left = supervisor.interaction().managed_canned_replies(FindCannedReplies { find: None, limit: 200 }).unwrap();
        assert_eq!(left.iter().map(|r| r.authority).collect::<Vec<_>>(), [Some(code(NANGUAN))], "{engine:?}");
    }
}

#[test]
fn an_officers_own_replies_are_theirs_alone_and_no_more_than_the_limit() {
    for engine in ENGINES {
        let world = World::new(engine);
        let put = |reply, text: &str| PutOwnCannedReply { reply, topic: "个人".into(), text: text.into() };
        let mine = world.officer(0).interaction().put_own_canned_reply(put(None, "稍等，我查一下")).wait().unwrap().reply;
        assert_eq!(usable(&world.officer(0), None), ["稍等，我查一下"], "{engine:?}");
        assert_eq!(usable(&world.officer(1), None), [""; 0], "{engine:?}");
        let other = world.officer(1);
        assert!(
            matches!(other.interaction().put_own_canned_reply(put(Some(mine), "改")).wait(), Err(Error::NotFound { .. })),
            "{engine:?}"
        );
        let delete = || DeleteOwnCannedReply { reply: mine };
        assert!(matches!(other.interaction().delete_own_canned_reply(delete()).wait(), Err(Error::NotFound { .. })), "{engine:?}");
        let supervisor = world.session_of(world.supervisor);
        let shared = supervisor.interaction().delete_canned_reply(DeleteCannedReply { reply: mine }).wait();
        assert!(matches!(shared, Err(Error::NotFound { .. })), "{engine:?}: nor their supervisor's");
        for n in 1..limits::CANNED_REPLIES_MAX {
            world.officer(0).interaction().put_own_canned_reply(put(None, &format!("第{n}句"))).wait().unwrap();
        }
        let full = world.officer(0).interaction().put_own_canned_reply(put(None, "再来一句")).wait().unwrap_err();
        assert!(matches!(full, Error::Invalid { problem: Problem::TooMany { max: 200 }, .. }), "{engine:?}: {full:?}");
        world.officer(0).interaction().delete_own_canned_reply(delete()).wait().unwrap();
        world.officer(0).interaction().put_own_canned_reply(put(None, "再来一句")).wait().unwrap();
        assert_eq!(usable(&world.officer(0), None).len() as u32, limits::CANNED_REPLIES_MAX, "{engine:?}");
    }
}

#[test]
fn a_conversation_is_taken_away_as_text_page_and_json_whose_hash_says_that_nothing_was_changed() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        say(&taxpayer, conversation, "您好\n[9] 2026-01-01 工作人员：<script>alert('1')</script> & \"引号\"");
        say(&officer, conversation, "不该说的话");
        officer.interaction().send(SendMessage { quotes: Some(1), ..SendMessage::new(conversation, "好的") }).wait().unwrap();
        officer.interaction().recall(Recall { conversation, number: 2 }).wait().unwrap();
        let own = |format| taxpayer.interaction().export_transcript(ExportTranscript { conversation, format }).wait().unwrap();
        let supervisor = world.session_of(world.supervisor);
        let reviewed = |reason: &str| {
            let asked = ExportReviewed { conversation, format: ExportFormat::Json, reason: reason.into() };
            supervisor.interaction().export_reviewed(asked).wait()
        };
        let json = own(ExportFormat::Json);
        assert_eq!(reviewed("质检").unwrap().content, json.content, "{engine:?}: the same for both, at the same instant");
        assert!(reviewed(" ").is_err(), "{engine:?}: an officer says why");
        assert!(is_as_exported(&json.content), "{engine:?}");
        for (was, is) in [("好的", "不好"), ("已撤回", "已查看"), ("\"number\":3", "\"number\":4")] {
            assert!(json.content.contains(was) && !is_as_exported(&json.content.replace(was, is)), "{engine:?}: {was}");
        }
        let (text, page) = (own(ExportFormat::Text), own(ExportFormat::Page));
        for export in [&json, &text, &page] {
            assert!(export.content.contains(&json.sm3), "{engine:?}: the same hash in each");
            assert!(export.content.contains("已撤回") && !export.content.contains("不该说的话"), "{engine:?}: recalled for everybody");
        }
        let forged = text.content.lines().any(|line| line.starts_with("[9]"));
        assert!(!forged && text.content.contains("    [9] 2026-01-01"), "{engine:?}: no text looks like the next message");
        assert!(text.content.contains("｜回复第 1 条：您好 [9]"), "{engine:?}");
        assert!(page.content.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;引号&quot;"), "{engine:?}");
        assert!(!page.content.contains("<script") && page.content.contains("default-src 'none'; style-src 'sha256-"), "{engine:?}");
        let foreign = ExportTranscript { conversation, format: ExportFormat::Text };
        assert!(matches!(world.taxpayer(1).interaction().export_transcript(foreign).wait(), Err(Error::NotFound { .. })), "{engine:?}");
    }
}

#[test]
fn numbers_of_people_are_shown_to_the_two_who_talk_and_masked_for_everybody_else() {
    for engine in ENGINES {
        let world = World::new(engine);
        let number = person(5).number;
        let with_number = |text: &str| format!("{text} {number}");
        let conversation = world.taxpayer(0).interaction().enter(Enter::new(world.line, with_number("证件"))).wait().unwrap().conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        world.officer(1).interaction().be_present().wait().unwrap();
        let (taxpayer, first, second) = (world.taxpayer(0), world.officer(0), world.officer(1));
        let told = SendMessage { confirmed: true, ..SendMessage::new(conversation, with_number("我的证件号")) };
        taxpayer.interaction().send(told).wait().unwrap();
        let to = TransferTo::Officer(world.officers[1]);
        let handed = Transfer { confirmed: true, ..Transfer::new(conversation, to, with_number("请核对")) };
        first.interaction().transfer(handed).wait().unwrap();
        let clear = |what: &str, text: &str| assert!(text.contains(&number), "{engine:?}, {what}: {text}");
        let masked = |what: &str, text: &str| {
            assert!(!text.contains(&number) && text.contains("****"), "{engine:?}, {what}: {text}");
        };
        let seen = |who: &Session| who.interaction().conversation(conversation).unwrap();
        clear("the taxpayer", &seen(&taxpayer).topic);
        clear("whoever has it", &seen(&second).topic);
        clear("the note, whoever has it", &seen(&second).transfer_note.unwrap());
        clear("what was written", &read(&second, conversation)[0].text);
        let own = taxpayer.interaction().export_transcript(ExportTranscript { conversation, format: ExportFormat::Text }).wait().unwrap();
        clear("what the taxpayer takes away", &own.content);
        let supervisor = world.session_of(world.supervisor);
        let list = supervisor.interaction().conversations(Page { after: None, limit: 10 }, Wanted::default()).unwrap().items;
        masked("a list", &list[0].topic);
        masked("the note in a list", list[0].transfer_note.as_deref().unwrap());
        masked("a review", &review(&world, conversation)[0].text);
        let asked = ExportReviewed { conversation, format: ExportFormat::Json, reason: "质检".into() };
        masked("a reviewed export", &supervisor.interaction().export_reviewed(asked).wait().unwrap().content);
        let search = Search { text: "证件".into(), place: None, limit: None };
        let hits = second.interaction().search(search).unwrap().items;
        assert_eq!(hits.len(), 2, "{engine:?}: topic and message");
        hits.iter().for_each(|hit| masked("a search", &hit.excerpt));
    }
}

#[test]
fn a_text_is_found_in_ones_own_conversations_newest_first_and_in_no_others() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, first) = served(&world);
        say(&taxpayer, first, "请问退税要多久？");
        say(&officer, first, "退税一般十个工作日，EtaxApp 可查");
        say(&taxpayer, first, "退税的事我写错了");
        taxpayer.interaction().recall(Recall { conversation: first, number: 3 }).wait().unwrap();
        close(&officer, first);
        world.clock.advance(SECOND);
        let second = world.entered(0).conversation;
        say(&taxpayer, second, "退税还没到");
        let other = world.entered(1).conversation;
        say(&world.taxpayer(1), other, "我也问退税");
        let find = |who: &Session, text: &str, limit| {
            let (mut all, mut place) = (Vec::new(), None);
            loop {
                let found = who.interaction().search(Search { text: text.into(), place, limit: Some(limit) }).unwrap();
                all.extend(found.items.into_iter().map(|h| (h.conversation, h.number)));
                place = found.next;
                if place.is_none() {
                    return all;
                }
            }
        };
        let mine = [(second, Some(1)), (first, Some(2)), (first, Some(1))];
        for limit in [1, 2, 50] {
            assert_eq!(find(&taxpayer, "退税", limit), mine, "{engine:?}, {limit} at a time");
        }
        assert_eq!(find(&officer, "etaxAPP", 50), [(first, Some(2))], "{engine:?}");
        assert_eq!(find(&world.officer(1), "退税", 50), [], "{engine:?}");
        let topics = find(&taxpayer, "专项", 1);
        assert_eq!(topics, [(second, None), (first, None)], "{engine:?}: topics too");
        let search = |text: &str| taxpayer.interaction().search(Search { text: text.into(), place: None, limit: None });
        assert!(matches!(search("税").unwrap_err(), Error::Invalid { problem: Problem::TooShort { min: 2 }, .. }), "{engine:?}");
        assert!(search(&"税".repeat(limits::SEARCH_CHARS_MAX + 1)).is_err(), "{engine:?}");
    }
}

#[test]
fn a_search_opens_a_bounded_number_of_messages_and_says_where_it_goes_on() {
    let world = World::new(zhengna_tests::world::Engine::Memory);
    let (taxpayer, _, conversation) = served(&world);
    say(&taxpayer, conversation, "最早的退税问题");
    for _ in 0..limits::SEARCHED_MESSAGES_MAX {
        say(&taxpayer, conversation, "还在吗");
    }
    let search = |place| taxpayer.interaction().search(Search { text: "退税".into(), place, limit: None }).unwrap();
    let first = search(None);
    assert!(first.items.is_empty() && first.next.is_some(), "nothing yet, and more to look at");
    let rest = search(first.next);
    assert_eq!((rest.items[0].number, rest.next), (Some(1), None));
}

fn rate(conversation: ConversationId, grade: Grade, reasons: &[&str]) -> Rate {
    let reasons = reasons.iter().map(|r| (*r).to_owned()).collect();
    Rate { conversation, grade, reasons, comment: Some("等了一个小时".into()) }
}

fn follow_ups(who: &Session, asked: FollowUpsAsked) -> Vec<FollowUpView> {
    who.interaction().follow_ups(asked, Page { after: None, limit: 50 }).unwrap().items
}

#[test]
fn a_service_is_rated_once_by_its_taxpayer_after_its_end_and_in_time() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        let good = || rate(conversation, Grade::Satisfied, &["fast"]);
        let send = |who: &Session, rate| who.interaction().rate(rate).wait();
        assert_eq!(send(&taxpayer, good()), Err(Error::Refused(Refusal::NotOverYet)), "{engine:?}");
        close(&officer, conversation);
        assert!(matches!(send(&officer, good()), Err(Error::Denied { .. })), "{engine:?}: nobody rates themselves");
        assert!(matches!(send(&world.taxpayer(1), good()), Err(Error::NotFound { .. })), "{engine:?}");
        let unknown = |e: Error| matches!(e, Error::Invalid { field, .. } if field == "reasons[0]");
        assert!(unknown(send(&taxpayer, rate(conversation, Grade::Satisfied, &["slow"])).unwrap_err()), "{engine:?}: of a low grade");
        assert!(unknown(send(&taxpayer, rate(conversation, Grade::Satisfied, &["nothing"])).unwrap_err()), "{engine:?}");
        assert!(taxpayer.interaction().rating(conversation).unwrap().until.is_some(), "{engine:?}");
        assert!(!send(&taxpayer, good()).unwrap().followed_up, "{engine:?}");
        assert_eq!(send(&taxpayer, good()), Err(Error::Refused(Refusal::RatedAlready)), "{engine:?}");
        let state = taxpayer.interaction().rating(conversation).unwrap();
        let shown = state.rating.unwrap();
        assert_eq!((shown.title.as_str(), shown.reasons[0].title.as_str(), state.until), ("满意", "回复及时", None), "{engine:?}");
        assert_eq!(shown.comment.as_deref(), Some("等了一个小时"), "{engine:?}");
        // Whoever left was not served; and there is a last day.
        let left = world.entered(1).conversation;
        world.taxpayer(1).interaction().leave(Leave { conversation: left }).wait().unwrap();
        let not_served = send(&world.taxpayer(1), rate(left, Grade::Satisfied, &[]));
        assert_eq!(not_served, Err(Error::Refused(Refusal::NotServed)), "{engine:?}");
        let second = world.entered(0).conversation;
        officer.interaction().claim(Claim { line: world.line }).wait().unwrap();
        close(&officer, second);
        world.clock.advance(limits::RATE_WITHIN + SECOND);
        let late = send(&taxpayer, rate(second, Grade::Satisfied, &[]));
        assert_eq!(late, Err(Error::Refused(Refusal::RateTooLate)), "{engine:?}");
        assert_eq!(taxpayer.interaction().rating(second).unwrap().until, None, "{engine:?}");
    }
}

#[test]
fn a_low_rating_is_answered_and_called_back_by_others_than_the_one_who_was_rated() {
    for engine in ENGINES {
        let world = World::new(engine);
        // The officer who is rated supervises, too.
        let rated = world.appoint("22019001", NANGUAN, &[Permission::ServeTaxpayers, Permission::SuperviseInteraction]);
        let (rated, supervisor, taxpayer) = (world.session_of(rated), world.session_of(world.supervisor), world.taxpayer(0));
        let conversation = world.entered(0).conversation;
        rated.interaction().claim(Claim { line: world.line }).wait().unwrap();
        close(&rated, conversation);
        assert!(taxpayer.interaction().rate(rate(conversation, Grade::Dissatisfied, &["slow"])).wait().unwrap().followed_up);
        let all = FollowUpsAsked::default();
        let open = &follow_ups(&supervisor, all)[0];
        assert_eq!((open.state, open.may_act, open.overdue), (FollowUpState::Open, true, false), "{engine:?}");
        assert_eq!(open.rating.clone().unwrap().comment.as_deref(), Some("等了一个小时"), "{engine:?}");
        // Monday morning, five working days later, when the office closes.
        assert_eq!(open.due_at, at("2026-11-30T16:30:00"), "{engine:?}");
        let own = &follow_ups(&rated, all)[0];
        assert_eq!((own.may_act, own.rating.clone().unwrap().comment), (false, None), "{engine:?}: without the words");
        let answer = || AnswerFollowUp::new(conversation, "已增加人手，向您致歉");
        let heard = |revisit| RevisitFollowUp { conversation, revisit, note: "电话回访".into() };
        assert_eq!(rated.interaction().answer_follow_up(answer()).wait(), Err(Error::Refused(Refusal::OwnRating)), "{engine:?}");
        let stranger = world.appoint("22019002", JILIN_CITY, &[Permission::SuperviseInteraction]);
        let stranger = world.session_of(stranger);
        assert!(matches!(stranger.interaction().answer_follow_up(answer()).wait(), Err(Error::NotFound { .. })), "{engine:?}");
        assert!(follow_ups(&stranger, all).is_empty(), "{engine:?}");
        let early = supervisor.interaction().revisit_follow_up(heard(Revisit::Content)).wait();
        assert_eq!(early, Err(Error::Refused(Refusal::FollowUpState)), "{engine:?}: nothing to call about yet");
        let number = AnswerFollowUp::new(conversation, "请致电 13843112345 找王科长");
        let warned = supervisor.interaction().answer_follow_up(number).wait();
        assert!(matches!(warned, Err(Error::Refused(Refusal::PersonalData(_)))), "{engine:?}: its taxpayer reads it");
        supervisor.interaction().answer_follow_up(answer()).wait().unwrap();
        assert_eq!(taxpayer.interaction().rating(conversation).unwrap().answer.as_deref(), Some("已增加人手，向您致歉"), "{engine:?}");
        assert_eq!(rated.interaction().revisit_follow_up(heard(Revisit::Content)).wait(), Err(Error::Refused(Refusal::OwnRating)));
        let stays = supervisor.interaction().revisit_follow_up(heard(Revisit::NotReached)).wait().unwrap();
        assert_eq!(stays.state, FollowUpState::Answered, "{engine:?}: called again later");
        let again = supervisor.interaction().revisit_follow_up(heard(Revisit::NotContent)).wait().unwrap();
        assert_eq!(again.state, FollowUpState::Open, "{engine:?}: and open again, for whoever is not content");
        supervisor.interaction().answer_follow_up(answer()).wait().unwrap();
        let done = supervisor.interaction().revisit_follow_up(heard(Revisit::Content)).wait().unwrap();
        assert_eq!(done.state, FollowUpState::Revisited, "{engine:?}");
        let over = supervisor.interaction().answer_follow_up(answer()).wait();
        assert_eq!(over, Err(Error::Refused(Refusal::FollowUpState)), "{engine:?}");
        assert!(follow_ups(&supervisor, FollowUpsAsked { state: Some(FollowUpState::Open), overdue: false }).is_empty(), "{engine:?}");
        let asked = ExportPerson { person: world.taxpayers[0], reason: "本人申请".into() };
        let export = world.core.as_system().identity().export_person(asked, &mut |_| {}).unwrap();
        let kept = &export.conversations[0];
        assert_eq!(kept.rating.clone().unwrap().grade, Grade::Dissatisfied, "{engine:?}");
        assert_eq!((kept.follow_up_answer.as_deref(), kept.revisit_note.as_deref()), (Some("已增加人手，向您致歉"), Some("电话回访")));
        let verdict = world.core.as_system().identity().verify_sealed(|_| {}).unwrap();
        assert_eq!(verdict.finding, None, "{engine:?}");
    }
}

#[test]
fn whoever_was_served_and_left_after_it_went_on_rates_it_and_none_who_served_follows_that_up() {
    for engine in ENGINES {
        for how in Handover::ALL {
            let world = World::new(engine);
            let rated = world.officers[0];
            let post = AddPost { name: "值班长".into(), permissions: Permissions(vec![Permission::SuperviseInteraction]) };
            let post = world.core.as_system().access().add_post(post).wait().unwrap().post;
            let cmd = GrantPost { officer: rated, post, authority: code(CHANGCHUN), ends_at: None };
            world.core.as_system().access().grant_post(cmd).wait().unwrap();
            let (taxpayer, rated, conversation) = served(&world);
            how.of(&world, conversation).unwrap();
            match how {
                Handover::Officer => close(&world.officer(1), conversation),
                _ => drop(taxpayer.interaction().leave(Leave { conversation }).wait().unwrap()),
            }
            assert!(taxpayer.interaction().rating(conversation).unwrap().until.is_some(), "{engine:?} {how:?}");
            assert!(taxpayer.interaction().rate(rate(conversation, Grade::Dissatisfied, &["slow"])).wait().unwrap().followed_up);
            let own = &follow_ups(&rated, FollowUpsAsked::default())[0];
            assert_eq!((own.may_act, own.rating.clone().unwrap().comment), (false, None), "{engine:?} {how:?}");
            let answer = || AnswerFollowUp::new(conversation, "已致歉");
            let heard = || RevisitFollowUp { conversation, revisit: Revisit::Content, note: "电话回访".into() };
            let refused = Err(Error::Refused(Refusal::OwnRating));
            assert_eq!(rated.interaction().answer_follow_up(answer()).wait().map(drop), refused, "{engine:?} {how:?}");
            let other = world.session_of(world.appoint("22019002", CHANGCHUN, &[Permission::SuperviseInteraction]));
            other.interaction().answer_follow_up(answer()).wait().unwrap();
            assert_eq!(rated.interaction().revisit_follow_up(heard()).wait().map(drop), refused, "{engine:?} {how:?}");
            other.interaction().revisit_follow_up(heard()).wait().unwrap();
        }
    }
}

#[test]
fn a_follow_up_is_due_by_the_calendar_in_force_and_found_overdue_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        // Thursday, the last day of the year: the days behind it are not arranged yet.
        world.clock.advance(at("2026-12-31T09:00:00").since(zhengna_tests::world::start()));
        let (taxpayer, officer, conversation) = served(&world);
        close(&officer, conversation);
        taxpayer.interaction().rate(rate(conversation, Grade::VeryDissatisfied, &[])).wait().unwrap();
        let supervisor = world.session_of(world.supervisor);
        let one = || follow_ups(&supervisor, FollowUpsAsked::default()).remove(0);
        let before = one();
        assert_eq!((before.due_at, before.provisional), (at("2027-01-07T16:30:00"), true), "{engine:?}");
        // A notice makes the Monday a holiday and the Saturday worked.
        let day = |date: &str, arrangement| NoticeDay { date: date.parse().unwrap(), arrangement, name: "元旦".into() };
        let days = [day("2027-01-04", Arrangement::Off), day("2027-01-09", Arrangement::Work)];
        let change = Change::WorkingDays { year: 2027, days: days.into_iter().chain(other_holidays(2027)).collect() };
        let checker = world.session_of(world.appoint("22019001", PROVINCE, &[Permission::ApproveCalendar]));
        let proposed = supervisor.calendar().propose(draft(change)).wait().unwrap();
        approve(&checker, &proposed).unwrap();
        while world.core.run_due(10).unwrap() > 0 {}
        let after = one();
        assert_eq!((after.due_at, after.provisional), (at("2027-01-08T16:30:00"), false), "{engine:?}");
        let overdue = || follow_ups(&supervisor, FollowUpsAsked { state: None, overdue: true }).len();
        // The timer of the first instant finds that it is not due yet.
        world.clock.advance(at("2027-01-07T16:31:00").since(world.core.now()));
        while world.core.run_due(10).unwrap() > 0 {}
        assert_eq!(overdue(), 0, "{engine:?}");
        world.clock.advance(at("2027-01-08T16:31:00").since(world.core.now()));
        while world.core.run_due(10).unwrap() > 0 {}
        assert_eq!((overdue(), one().overdue), (1, true), "{engine:?}");
        // Answered late it stays overdue.
        supervisor.interaction().answer_follow_up(AnswerFollowUp::new(conversation, "已说明")).wait().unwrap();
        assert_eq!(overdue(), 1, "{engine:?}");
    }
}

#[test]
fn nothing_of_a_rating_can_be_read_once_its_person_is_erased_and_nobody_is_to_call_them() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (taxpayer, officer, conversation) = served(&world);
        let number = say(&taxpayer, conversation, "我写错了");
        taxpayer.interaction().recall(Recall { conversation, number }).wait().unwrap();
        close(&officer, conversation);
        taxpayer.interaction().rate(rate(conversation, Grade::Dissatisfied, &["wrong"])).wait().unwrap();
        let erase = ErasePerson { person: world.taxpayers[0], reason: "本人申请".into() };
        world.core.as_system().identity().erase_person(erase).wait().unwrap();
        world.clock.advance(Duration::from_secs(20 * 86_400));
        while world.core.run_due(10).unwrap() > 0 {}
        let supervisor = world.session_of(world.supervisor);
        let left = &follow_ups(&supervisor, FollowUpsAsked::default())[0];
        assert_eq!((left.state, left.overdue), (FollowUpState::Dropped, false), "{engine:?}");
        let kept = left.rating.clone().unwrap();
        assert_eq!((kept.grade, kept.comment.as_deref()), (Grade::Dissatisfied, Some("已删除")), "{engine:?}: counted, not read");
        let answer = AnswerFollowUp::new(conversation, "已说明");
        let refused = supervisor.interaction().answer_follow_up(answer).wait();
        assert_eq!(refused, Err(Error::Refused(Refusal::FollowUpState)), "{engine:?}");
        assert_eq!(review(&world, conversation)[0].text, "已删除", "{engine:?}: recalled or not");
        assert_eq!(world.core.as_system().identity().verify_sealed(|_| {}).unwrap().finding, None, "{engine:?}");
    }
}

/// Found by the simulation: answered by a host whose clock was behind that of the one where it was opened, it seemed never to be answered.
#[test]
fn what_was_answered_in_time_by_a_host_whose_clock_is_behind_is_not_overdue() {
    let world = World::new(Engine::Postgres);
    world.clock.advance(Duration::from_secs(600));
    let (taxpayer, officer, conversation) = served(&world);
    close(&officer, conversation);
    taxpayer.interaction().rate(rate(conversation, Grade::VeryDissatisfied, &[])).wait().unwrap();
    let supervisor = world.session_of(world.supervisor);
    let behind = core_over(world.keep.open(), 8).0;
    let answer = AnswerFollowUp::new(conversation, "已说明");
    behind.as_actor(supervisor.actor().clone()).interaction().answer_follow_up(answer).wait().unwrap();
    let due = follow_ups(&supervisor, FollowUpsAsked::default()).remove(0).due_at;
    world.clock.advance(due.since(world.core.now()) + Duration::from_secs(1));
    let told = follow_ups(&supervisor, FollowUpsAsked::default()).remove(0);
    assert!(told.answered_at < Some(told.opened_at) && !told.overdue, "{told:?}");
}
