//! Appeals that arrive by channels: tables taken in row by row, known again when they come once more, taken back whole.

use zhengna_core::access::Permission;
use zhengna_core::appeal::{AnswerAppeal, AppealState, Arrival, ArrivalVerdict, ChannelSettings, SetChannel, Word};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::store::Page;
use zhengna_core::{Error, Timestamp};
use zhengna_tests::arrivals::{CHANNEL, arrival, collected, set_channel, table};
use zhengna_tests::world::{CHANGCHUN, ENGINES, JILIN_CITY, NANGUAN, PROVINCE, World, refused};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn taken(world: &World, name: &str, rows: Vec<Arrival>) -> Vec<ArrivalVerdict> {
    let system = world.core.as_system();
    let list = table(name, rows);
    let examined: Vec<_> = system.appeals().examine_arrivals(&list, &mut |_| {}).unwrap().iter().map(|row| row.verdict).collect();
    let of = collected(&system, &list);
    let told: Vec<_> = system.appeals().collected(of).unwrap().iter().map(|row| row.verdict).collect();
    assert_eq!(examined, told, "a dry run says what comes of it");
    told
}

/// Everything that is open to the caller.
fn seen(world: &World, permissions: &[Permission], place: &str, staff_no: &str) -> zhengna_core::Session {
    world.session_of(world.appoint(staff_no, place, permissions))
}

#[test]
fn a_table_is_taken_in_row_by_row_and_known_again() {
    use ArrivalVerdict::{Broken, Changed, Duplicate, New, Related};
    for engine in ENGINES {
        let world = World::new(engine);
        let called =
            Arrival { reporter_phone: "13800001111".into(), reporter_name: "张三".into(), ..arrival("A1", "发票开不出来，急") };
        let again = Arrival { reporter_phone: "138 0000 1111".into(), ..arrival("A2", "社保怎么缴") };
        let same_words = arrival("A3", "发票开不出来。急！");
        let late = Arrival { received_at: "2099-01-01".into(), ..arrival("A4", "问") };
        let rows = vec![called.clone(), again, same_words, late, arrival("A5", " "), called.clone(), arrival("A1", "另说")];
        assert_eq!(taken(&world, "一.csv", rows), [New, Related, Related, Broken, Broken, Duplicate, Broken], "{engine:?}");
        // By another table: what is known just so, and what the channel says otherwise of by now.
        let answered = Arrival { reply: "已上门解决".into(), replied_at: "2026-11-06".into(), ..called.clone() };
        assert_eq!(taken(&world, "二.csv", vec![called, arrival("A3", "发票开不出来。急！")]), [Duplicate, Duplicate], "{engine:?}");
        assert_eq!(taken(&world, "三.csv", vec![answered]), [Changed], "{engine:?}");

        let handler = seen(&world, &[Permission::HandleAppeals], PROVINCE, "22010991");
        let page = handler.appeals().list(Page { after: None, limit: 10 }).unwrap();
        assert_eq!(page.len(), 3, "{engine:?}");
        let first = page.iter().find(|a| a.external_id.as_deref() == Some("A1")).unwrap();
        assert_eq!(
            (first.state, first.answer.as_deref(), first.text.as_str()),
            (AppealState::Closed, Some("已上门解决"), "发票开不出来，急")
        );
        let reporter = first.reporter.clone().unwrap();
        assert_eq!((reporter.name.as_deref(), reporter.phone.as_deref()), (Some("张*"), Some("138****1111")), "{engine:?}: masked");
        assert_eq!((first.channel.as_deref(), first.taxpayer), (Some(CHANNEL), None), "{engine:?}: nobody has looked who it is");
        let elsewhere = seen(&world, &[Permission::HandleAppeals], JILIN_CITY, "22010992");
        assert!(elsewhere.appeals().list(Page { after: None, limit: 10 }).unwrap().is_empty(), "{engine:?}: the province's");
        let verdict = world.core.as_system().identity().verify_sealed(|_| {}).unwrap();
        assert_eq!(verdict.finding, None, "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new(), "{engine:?}");
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn a_table_that_was_cut_off_goes_on_where_it_stopped_and_what_has_no_number_is_known_by_who_when_and_what() {
    use ArrivalVerdict::{Duplicate, New};
    for engine in ENGINES {
        let world = World::new(engine);
        let nameless = |phone: &str, text: &str| Arrival { reporter_phone: phone.into(), ..arrival("", text) };
        let rows = vec![nameless("13800001111", "问一"), nameless("13800002222", "问二"), nameless("13800001111", "问 一。")];
        assert_eq!(taken(&world, "一.csv", rows.clone())[..2], [New, New], "{engine:?}");
        let system = world.core.as_system();
        let of = collected(&system, &table("一.csv", rows.clone()));
        assert_eq!((of.attempt, system.appeals().collected(of).unwrap().len()), (1, 3), "{engine:?}: the same table is not taken in twice");
        assert_eq!(taken(&world, "二.csv", rows[..2].to_vec()), [Duplicate, Duplicate], "{engine:?}");
    }
}

#[test]
fn a_collection_is_taken_back_whole_or_not_at_all() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let appeals = system.appeals();
        let rows = vec![arrival("A1", "问一"), arrival("A2", "问二")];
        let first = collected(&system, &table("一.csv", rows.clone()));
        let known = collected(&system, &table("零.csv", vec![arrival("A1", "问一")]));
        world.clock.advance(std::time::Duration::from_secs(1));
        let changed = Arrival { state: "办理中".into(), ..arrival("A1", "问一，补充") };
        let second = collected(&system, &table("二.csv", vec![changed]));
        let third = collected(&system, &table("三.csv", vec![arrival("A2", "问二")]));
        let back = |of| appeals.take_back_collection(of, &mut |_| {});
        assert_eq!(refused(back(first)), Refusal::ImportInUse(2), "{engine:?}: what was changed since");
        // What another table knew before a change does not keep the change from being taken back.
        back(second).unwrap();
        back(known).unwrap();
        assert_eq!(refused(back(first)), Refusal::ImportInUse(3), "{engine:?}: what another table counts on");
        back(third).unwrap();
        let handler = seen(&world, &[Permission::HandleAppeals], PROVINCE, "22010991");
        let all = || handler.appeals().list(Page { after: None, limit: 10 }).unwrap();
        assert_eq!(all().iter().map(|a| a.text.as_str()).collect::<Vec<_>>().len(), 2, "{engine:?}");
        assert!(all().iter().any(|a| a.text == "问一"), "{engine:?}: as it was before the change");
        back(first).unwrap();
        assert!(all().is_empty(), "{engine:?}");
        assert_eq!(system.identity().verify_sealed(|_| {}).unwrap().finding, None, "{engine:?}: and no key is left");
        // Given again it is taken in anew; what was answered here stays.
        let again = collected(&system, &table("一.csv", rows.clone()));
        assert_eq!(again.attempt, 2, "{engine:?}");
        let one = all().remove(0).id;
        handler.appeals().answer(AnswerAppeal { appeal: one, text: "已答复".into() }).wait().unwrap();
        assert!(matches!(refused(back(again)), Refusal::ImportInUse(_)), "{engine:?}");
        let reply = |a: Arrival| Arrival { reply: "渠道说的".into(), ..a };
        collected(&system, &table("四.csv", rows.into_iter().map(reply).collect()));
        let kept = handler.appeals().appeal(one).unwrap();
        assert_eq!(kept.answer.as_deref(), Some("已答复"), "{engine:?}: not what a channel says of it later");
        assert_eq!(world.recount(), Vec::<String>::new(), "{engine:?}");
    }
}

#[test]
fn a_channel_is_data_its_names_its_words_and_its_own_period() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let word = |field, said: &str, means: &str| Word { field, said: said.into(), means: means.into() };
        use zhengna_core::appeal::ArrivalField::{Authority, State};
        let settings = ChannelSettings {
            words: vec![word(State, "流转", "transferred"), word(Authority, "南关局", NANGUAN)],
            working_days: Some(5),
            source: Some("吉政办发〔2026〕1号".into()),
            ..ChannelSettings::new("12345")
        };
        let set = |settings| system.appeals().set_channel(SetChannel { settings, ..set_channel(CHANNEL) }).wait();
        let no_source = ChannelSettings { source: None, ..settings.clone() };
        assert!(
            matches!(set(no_source), Err(Error::Invalid { ref field, .. }) if field == "settings.source"),
            "{engine:?}: a number has its source"
        );
        let meaningless = ChannelSettings { words: vec![word(State, "流转", "飞走")], ..settings.clone() };
        assert_eq!(set(meaningless).unwrap_err(), Error::invalid("settings.words[0].means", Problem::Unknown("word")), "{engine:?}");
        set(settings.clone()).unwrap();
        set(settings).unwrap();
        assert_eq!(system.appeals().channels().unwrap().len(), 12, "{engine:?}");
        let own = Arrival { due_at: "2026-11-20".into(), ..arrival("B2", "问") };
        let rows = vec![
            Arrival { authority: "南关局".into(), ..arrival("B1", "问") },
            own,
            Arrival { kind: "投诉".into(), authority: NANGUAN.into(), ..arrival("B3", "态度不好") },
            Arrival { state: "流转".into(), ..arrival("B4", "别处的事") },
            Arrival { authority: "没有的局".into(), ..arrival("B5", "问") },
        ];
        let told = taken(&world, "一.csv", rows);
        assert_eq!(told.iter().filter(|v| **v == ArrivalVerdict::Broken).count(), 1, "{engine:?}");
        let there = seen(&world, &[Permission::HandleAppeals], NANGUAN, "22010991");
        let above = seen(&world, &[Permission::HandleAppeals], CHANGCHUN, "22010992");
        let list = |of: &zhengna_core::Session| {
            let page = of.appeals().list(Page { after: None, limit: 10 }).unwrap();
            page.iter().map(|a| a.external_id.clone().unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(list(&there), ["B1".to_owned()].into(), "{engine:?}: what is said against an office is not for it");
        assert_eq!(list(&above), ["B1".to_owned(), "B3".to_owned()].into(), "{engine:?}");
        let due = there.appeals().list(Page { after: None, limit: 10 }).unwrap()[0].due_at;
        // 2026-11-05 is a Thursday; the fifth working day behind it is the next Thursday, until the office closes.
        assert_eq!(due, Some(at("2026-11-12T16:30:00+08:00")), "{engine:?}");

        let balance = system.appeals().balance(at("2026-11-05T00:00:00+08:00"), at("2026-11-06T00:00:00+08:00")).unwrap();
        let day = &balance[0];
        assert_eq!((balance.len(), day.channel.as_str(), day.day.as_str()), (1, CHANNEL, "2026-11-05"), "{engine:?}");
        assert_eq!((day.received, day.open, day.transferred), (4, 3, 1), "{engine:?}");
        assert_eq!(day.received, day.open + day.answered + day.rejected + day.transferred, "{engine:?}");
        assert_eq!(system.appeals().balance(at("2026-11-06T00:00:00+08:00"), at("2026-11-07T00:00:00+08:00")).unwrap(), [], "{engine:?}");
    }
}
