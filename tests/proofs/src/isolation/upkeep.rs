//! Rivals in what administrators and data feeds do.

use zhengna_core::Error;
use zhengna_core::access::{AddOfficer, AddPost, AuthorityKind, GrantPost, NewAuthority, Permissions};
use zhengna_core::error::Problem;
use zhengna_core::limits;
use zhengna_core::operation::{ADD_AUTHORITIES, ADD_OFFICER, ADD_POST, ENROL_TAXPAYERS, GRANT_POST};
use zhengna_tests::world::{CHANGCHUN, NANGUAN, code, person, start};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&ADD_POST, &ADD_OFFICER], a_name_or_number_is_taken_once),
    (&[&GRANT_POST], so_many_grants_and_no_more),
    (&[&ADD_AUTHORITIES, &ENROL_TAXPAYERS], the_same_rows_given_by_all_are_there_once),
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
    ensure(numbers == last, || format!("{numbers} people have numbers up to {last}"))
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
