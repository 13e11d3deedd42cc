//! Rivals in what administrators and data feeds do.

use zhengna_core::Error;
use zhengna_core::access::{AddOfficer, AddPost, AuthorityKind, GrantPost, NewAuthority, Permission, Permissions};
use zhengna_core::crypto::sm3;
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::grid::AssignGridOfficer;
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{
    BeginImport, CaptureChannel, ErasePerson, ExportPerson, ImportRow, Listed, ListedRelation, NewFormerNumber, NewRealName,
    NewRosterEntry, NewTaxpayer, NumberKind, RealNameState, ReleaseRelation, Role, Roster,
};
use zhengna_core::limits;
use zhengna_core::operation::{
    ADD_AUTHORITIES, ADD_OFFICER, ADD_POST, ASSIGN_GRID_OFFICER, BEGIN_IMPORT, BOOTSTRAP, ENROL_TAXPAYERS, ERASE_PERSON, EXPORT_PERSON,
    GRANT_POST, IMPORT_LIST, IMPORT_ROWS, PROPOSE_IMPORT, RECORD_FORMER_NUMBERS, RECORD_REAL_NAMES, RECORD_RELATIONS, RECORD_ROSTER,
    RELEASE_RELATION, REWRAP_KEYS, TAKE_BACK_IMPORT,
};
use zhengna_tests::approval::approve;
use zhengna_tests::lists::{list_of, put_forward};
use zhengna_tests::world::{CHANGCHUN, NANGUAN, PROVINCE, code, company, listed, person, relation, start};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&ADD_POST, &ADD_OFFICER], a_name_or_number_is_taken_once),
    (&[&BOOTSTRAP], no_rival_is_a_second_first_administrator),
    (&[&GRANT_POST], so_many_grants_and_no_more),
    (&[&ADD_AUTHORITIES, &ENROL_TAXPAYERS], the_same_rows_given_by_all_are_there_once),
    (&[&RECORD_FORMER_NUMBERS, &RECORD_RELATIONS, &RECORD_ROSTER], what_all_say_of_somebody_is_written_down_once),
    (&[&BEGIN_IMPORT, &IMPORT_ROWS, &TAKE_BACK_IMPORT], a_list_given_by_all_is_applied_and_taken_back_once),
    (&[&PROPOSE_IMPORT, &IMPORT_LIST], a_list_is_put_forward_once_and_imported_once_it_was_agreed_to),
    (&[&RECORD_REAL_NAMES], findings_are_numbered_without_gaps),
    (&[&RELEASE_RELATION], a_relation_is_released_once),
    (&[&ASSIGN_GRID_OFFICER], one_officer_at_a_time_looks_after_somebody),
    (&[&REWRAP_KEYS, &ERASE_PERSON, &EXPORT_PERSON], keys_are_wrapped_anew_while_their_owner_is_erased),
];

fn one_won<R>(answers: &[Result<R, Error>]) -> bool {
    let taken = |e: &Error| matches!(e, Error::Invalid { problem: Problem::Taken, .. });
    answers.iter().filter(|a| a.is_ok()).count() == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(taken)
}

fn a_name_or_number_is_taken_once(hosts: &mut Hosts) -> Result<(), String> {
    let n = hosts.fresh();
    let post = AddPost { name: format!("岗位{n}"), permissions: Permissions(Vec::new()) };
    let posts = hosts.race(|_, host| host.as_system().access().add_post(post.clone()).wait());
    ensure(one_won(&posts), || format!("{posts:?}"))?;
    let officer = AddOfficer { staff_no: format!("22019{n:04}"), name: "新人".into(), authority: code(NANGUAN), capacity: 1 };
    let officers = hosts.race(|_, host| host.as_system().access().add_officer(officer.clone()).wait());
    ensure(one_won(&officers), || format!("{officers:?}"))?;
    let (numbers, last) = (
        hosts.count("SELECT count(DISTINCT person_no) FROM (SELECT person_no FROM officer UNION ALL SELECT ordinal FROM taxpayer WHERE kind = 'person') AS numbered")?,
        hosts.count("SELECT next - 1 FROM series WHERE name = 'person_no'")?,
    );
    // Whoever an import made and took back leaves a gap.
    let gone = hosts.count("SELECT count(*) FROM imported_row WHERE taken_back = 1 AND verdict = 'new' AND made_version IS NOT NULL")?;
    ensure(numbers + gone == last, || format!("{numbers} people, and {gone} who were taken back, have numbers up to {last}"))
}

fn so_many_grants_and_no_more(hosts: &mut Hosts) -> Result<(), String> {
    const EACH: usize = 5;
    let n = hosts.fresh();
    let system = hosts.world.core.as_system();
    let post = insist(|| system.access().add_post(AddPost { name: format!("岗位{n}"), permissions: Permissions(Vec::new()) }).wait());
    let post = post.map_err(|e| e.to_string())?.post;
    let new = AddOfficer { staff_no: format!("22018{n:04}"), name: "新人".into(), authority: code(NANGUAN), capacity: 1 };
    let officer = insist(|| system.access().add_officer(new.clone()).wait()).map_err(|e| e.to_string())?.officer;
    let grant = GrantPost { officer, post, authority: code(NANGUAN), ends_at: None };
    let granted = hosts.race(|_, host| {
        let mut granted = 0;
        for _ in 0..EACH {
            match insist(|| host.as_system().access().grant_post(grant.clone()).wait()) {
                Ok(_) => granted += 1,
                Err(Error::Invalid { problem: Problem::TooMany { .. }, .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(granted)
    });
    let total: u32 = granted.iter().flatten().sum();
    ensure(total == limits::GRANTS_PER_OFFICER_MAX && granted.iter().all(Result::is_ok), || {
        format!("{} asked {EACH} times each and {total} grants were made: {granted:?}", RIVALS)
    })
}

fn the_same_rows_given_by_all_are_there_once(hosts: &mut Hosts) -> Result<(), String> {
    let (n, first) = (hosts.fresh(), hosts.unborn());
    let county = NewAuthority {
        code: code(&format!("122{:08}", 70_000_000 + n)),
        parent: Some(code(CHANGCHUN)),
        kind: AuthorityKind::County,
        name: format!("新区{n}"),
        effective_from: start(),
    };
    let added = hosts.race(|_, host| host.as_system().access().add_authorities(std::slice::from_ref(&county), &mut |_| {}));
    let alike = added.iter().all(|a| a.as_ref().is_ok_and(|a| a.rows == 1 && a.changed == 1));
    ensure(alike, || format!("{added:?}"))?;
    // Lists that overlap: each person is in two of them.
    let people: Vec<_> = (0..=RIVALS).map(|_| hosts.unborn()).map(person).collect();
    let before = hosts.count("SELECT count(*) FROM taxpayer")?;
    let enrolled = hosts.race(|n, host| host.as_system().identity().enrol(&people[n..n + 2], &mut |_| {}));
    ensure(enrolled.iter().all(Result::is_ok), || format!("from {first}: {enrolled:?}"))?;
    let there = hosts.count("SELECT count(*) FROM taxpayer")? - before;
    let changed: u64 = enrolled.iter().flatten().map(|e| e.changed).sum();
    ensure(there == people.len() as i64 && changed == people.len() as u64, || {
        format!("{} people, {there} rows, {changed} told", people.len())
    })
}

/// A person and an enterprise nobody has spoken of yet.
fn strangers(hosts: &mut Hosts) -> Result<(NewTaxpayer, NewTaxpayer), String> {
    let (person, company) = (person(hosts.unborn()), company(hosts.fresh()));
    let both = [person.clone(), company.clone()];
    insist(|| hosts.world.core.as_system().identity().enrol(&both, &mut |_| {})).map_err(|e| e.to_string())?;
    Ok((person, company))
}

fn id_of(hosts: &Hosts, number: &str) -> Result<TaxpayerId, String> {
    let found = hosts.world.core.as_system().identity().find_by_number(number).map_err(|e| e.to_string())?;
    found.ok_or_else(|| "just enrolled, and not found".into())
}

fn what_all_say_of_somebody_is_written_down_once(hosts: &mut Hosts) -> Result<(), String> {
    let (person, company) = strangers(hosts)?;
    let passport = format!("P{:08}", hosts.fresh());
    let former = NewFormerNumber { taxpayer: person.number.clone(), kind: NumberKind::Passport, number: passport };
    let relation = relation(&company.number, Role::TaxHandler, &person.number);
    let (enterprise, document) = (company.number.clone(), "名册".to_owned());
    let entry = NewRosterEntry { enterprise, roster: Roster::LargeEnterprise, starts_at: start(), ends_at: None, document };
    let said = hosts.race(|n, host| {
        let system = host.as_system();
        let identity = system.identity();
        match n % 3 {
            0 => identity.record_former_numbers(std::slice::from_ref(&former), &mut |_| {}),
            1 => identity.record_relations(std::slice::from_ref(&relation), &mut |_| {}),
            _ => identity.record_roster(std::slice::from_ref(&entry), &mut |_| {}),
        }
    });
    ensure(said.iter().all(|s| s.as_ref().is_ok_and(|s| s.changed == 1)), || format!("{said:?}"))?;
    let person = id_of(hosts, &person.number)?.uuid().simple();
    let company = id_of(hosts, &company.number)?.uuid().simple();
    let rows = |table: &str| hosts.count(&format!("SELECT count(*) FROM {table} WHERE encode(enterprise, 'hex') = '{company}'"));
    let numbers = hosts.count(&format!("SELECT count(*) FROM former_number WHERE encode(taxpayer, 'hex') = '{person}'"))?;
    let there = (numbers, rows("relation")?, rows("roster_entry")?);
    ensure(there == (1, 1, 1), || format!("{there:?} rows"))
}

fn findings_are_numbered_without_gaps(hosts: &mut Hosts) -> Result<(), String> {
    let (person, _) = strangers(hosts)?;
    let found = |n: usize| NewRealName {
        person: person.number.clone(),
        state: RealNameState::Captured,
        level: None,
        channel: CaptureChannel::Hall,
        found_at: start().plus(std::time::Duration::from_secs(n as u64)),
    };
    let said = hosts.race(|n, host| insist(|| host.as_system().identity().record_real_names(&[found(n)], &mut |_| {})));
    let written: u64 = said.iter().flatten().map(|s| s.changed).sum();
    ensure(said.iter().all(Result::is_ok) && written >= 1, || format!("{said:?}"))?;
    let id = id_of(hosts, &person.number)?.uuid().simple();
    let of = |what: &str| hosts.count(&format!("SELECT {what} FROM real_name WHERE encode(person, 'hex') = '{id}'"));
    let (rows, last) = (of("count(*)")?, of("max(number)")?);
    ensure(rows == written as i64 && last == rows, || format!("{written} were told as written, {rows} rows, the last is number {last}"))
}

fn a_relation_is_released_once(hosts: &mut Hosts) -> Result<(), String> {
    let (person, company) = strangers(hosts)?;
    let handler = relation(&company.number, Role::TaxHandler, &person.number);
    insist(|| hosts.world.core.as_system().identity().record_relations(std::slice::from_ref(&handler), &mut |_| {}))
        .map_err(|e| e.to_string())?;
    let (enterprise, whose) = (id_of(hosts, &company.number)?, id_of(hosts, &person.number)?);
    let release = ReleaseRelation { enterprise, role: Role::TaxHandler, person: whose, reason: "离职".into() };
    let said = hosts.race(|n, host| {
        let who = if n % 2 == 0 { whose } else { enterprise };
        taxpayer_on(host, who).identity().release_relation(release.clone()).wait()
    });
    let over = |e: &Error| matches!(e, Error::Refused(Refusal::RelationOver(Some(_))));
    let won = said.iter().filter(|s| s.is_ok()).count();
    ensure(won == 1 && said.iter().filter_map(|s| s.as_ref().err()).all(over), || format!("{said:?}"))
}

fn one_officer_at_a_time_looks_after_somebody(hosts: &mut Hosts) -> Result<(), String> {
    let (_, company) = strangers(hosts)?;
    let taxpayer = id_of(hosts, &company.number)?;
    let chief = hosts.world.supervisor;
    let said = hosts.race(|n, host| {
        let cmd = AssignGridOfficer { taxpayer, staff_no: Some(format!("22010{:03}", n % 3)), reason: "分配".into() };
        insist(|| hosts.officer_on(host, chief).grid().assign(cmd.clone()).wait())
    });
    let id = taxpayer.uuid().simple();
    let rows = |what: &str| hosts.count(&format!("SELECT count(*) FROM grid_officer WHERE encode(taxpayer, 'hex') = '{id}' AND {what}"));
    let (all, now) = (rows("true")?, rows("ends_at IS NULL")?);
    let meets =
        "EXISTS (SELECT 1 FROM grid_officer later WHERE later.taxpayer = grid_officer.taxpayer AND later.starts_at = grid_officer.ends_at)";
    let followed = rows(meets)?;
    ensure(said.iter().all(Result::is_ok) && now == 1 && followed == all - 1, || {
        format!("{said:?}: {now} of {all} hold, {followed} end where another begins")
    })
}

/// A host that has a new epoch already wraps anew what one that has not goes on wrapping by the old one.
fn keys_are_wrapped_anew_while_their_owner_is_erased(hosts: &mut Hosts) -> Result<(), String> {
    let (person, _) = strangers(hosts)?;
    let whose = id_of(hosts, &person.number)?;
    let reason = String::from("本人申请");
    let said = hosts.race(|n, host| {
        let system = host.as_system();
        let identity = system.identity();
        match n % 3 {
            0 => insist(|| identity.erase_person(ErasePerson { person: whose, reason: reason.clone() }).wait()).map(drop),
            1 => insist(|| identity.rewrap_keys(limits::REWRAP_AT_ONCE, &mut |_| {})).map(drop),
            _ => insist(|| identity.export_person(ExportPerson { person: whose, reason: reason.clone() }, &mut |_| {})).map(drop),
        }
    });
    ensure(said.iter().all(Result::is_ok), || format!("{said:?}"))?;
    let hex = whose.uuid().simple();
    let left = hosts.count(&format!("SELECT count(*) FROM subject_key WHERE encode(subject, 'hex') = '{hex}' AND epoch <> 0"))?;
    let found = hosts.world.core.as_system().identity().find_by_number(&person.number).map_err(|e| e.to_string())?;
    ensure(left == 0 && found.is_none(), || format!("{left} keys of the erased person are left, found by number: {found:?}"))
}

fn a_list_given_by_all_is_applied_and_taken_back_once(hosts: &mut Hosts) -> Result<(), String> {
    let people = (2..5).map(|_| listed(&person(hosts.unborn()))).collect();
    given_by_all(hosts, people, "taxpayer")?;
    let (person, company) = strangers(hosts)?;
    let relation = |role: Role| ListedRelation {
        enterprise: company.number.clone(),
        role: role.as_str().into(),
        person: person.number.clone(),
        starts_at: "2026-01-01".into(),
        channel: "register".into(),
        ..ListedRelation::default()
    };
    let said = Role::KEY.map(|role| Listed::Relation(relation(role))).into();
    given_by_all(hosts, said, "relation")
}

/// Three rows that are new.
fn given_by_all(hosts: &mut Hosts, rows: Vec<Listed>, table: &str) -> Result<(), String> {
    let list = BeginImport { batch: sm3(&[&hosts.fresh().to_be_bytes()]), name: "名单".into(), rows: 3, given: None };
    let begun = hosts.race(|_, host| insist(|| host.as_system().identity().begin_import(list.clone()).wait()));
    let of = *begun.first().and_then(|b| b.as_ref().ok()).ok_or_else(|| format!("{begun:?}"))?;
    ensure(begun.iter().all(|b| b.as_ref() == Ok(&of)), || format!("{begun:?}"))?;
    let rows: Vec<ImportRow> = (2..).zip(rows).map(|(line, said)| ImportRow { of, line, said }).collect();
    let all = format!("SELECT count(*) FROM {table}");
    let before = hosts.count(&all)?;
    let given = hosts.race(|_, host| insist(|| host.as_system().identity().import(&rows, &mut |_| {})));
    let there = hosts.count(&all)? - before;
    ensure(given.iter().all(|g| g.as_ref().is_ok_and(|g| g.changed == 3)) && there == 3, || format!("{there} rows: {given:?}"))?;
    let back = hosts.race(|_, host| insist(|| host.as_system().identity().take_back_import(of, &mut |_| {})));
    let there = hosts.count(&all)? - before;
    ensure(back.iter().all(Result::is_ok) && there == 0, || format!("{there} rows are left: {back:?}"))?;
    let next = insist(|| hosts.world.core.as_system().identity().begin_import(list.clone()).wait()).map_err(|e| e.to_string())?;
    ensure(next.attempt == of.attempt + 1, || format!("taken back once, and the next attempt is {}", next.attempt))
}

/// Put forward by all, agreed to while all import it: imported once, and by nobody before.
fn a_list_is_put_forward_once_and_imported_once_it_was_agreed_to(hosts: &mut Hosts) -> Result<(), String> {
    let n = hosts.fresh();
    let appoint = |k| hosts.world.appoint(&format!("{}{n:06}", 60 + k), PROVINCE, &[Permission::ImportLists]);
    let (maker, other) = (appoint(1), appoint(2));
    let (known, _) = strangers(hosts)?;
    let list = list_of(&[NewTaxpayer { name: "改名".into(), ..known }, person(hosts.unborn())]);
    let put = hosts.race(|_, host| insist(|| put_forward(&hosts.officer_on(host, maker), &list)));
    let Some(opened) = put.iter().flatten().next() else { return Err(format!("{put:?}")) };
    let waits = |e: &Error| matches!(e, Error::Refused(Refusal::ApprovalPending(_)));
    let once = put.iter().filter(|p| p.is_ok()).count() == 1;
    ensure(once && put.iter().filter_map(|p| p.as_ref().err()).all(waits), || format!("put forward: {put:?}"))?;
    let applied = "SELECT count(*) FROM imported_row";
    let before = hosts.count(applied)?;
    let answers = hosts.race(|rival, host| match rival {
        0 => insist(|| approve(&hosts.officer_on(host, other), opened).map(drop)),
        _ => insist(|| hosts.officer_on(host, maker).identity().import_list(&list, &mut |_| {}).map(drop)),
    });
    let early = |a: &Result<(), Error>| matches!(a, Ok(()) | Err(Error::Refused(Refusal::NotApproved)));
    ensure(answers[0].is_ok() && answers.iter().all(early), || format!("{answers:?}"))?;
    let late = hosts.race(|_, host| insist(|| hosts.officer_on(host, maker).identity().import_list(&list, &mut |_| {})));
    let there = hosts.count(applied)? - before;
    ensure(late.iter().all(Result::is_ok) && there == 2, || format!("{there} rows: {late:?}"))
}

/// The world has an administrator: of all who would be the first, none is. That of rivals on an empty database one is, is
/// shown by tests/staff.rs.
fn no_rival_is_a_second_first_administrator(hosts: &mut Hosts) -> Result<(), String> {
    let n = hosts.fresh();
    let answers = hosts.race(|rival, host| {
        let officer =
            AddOfficer { staff_no: format!("2201{n:04}{rival}"), name: "管理员".into(), authority: code(NANGUAN), capacity: 1 };
        host.as_system().access().bootstrap(officer, "Xiang-Kan-2026")
    });
    let refused = |a: &Result<_, Error>| matches!(a, Err(Error::Refused(Refusal::Bootstrapped)));
    ensure(answers.iter().all(refused), || format!("{answers:?}"))
}
