//! What two officers decide by the command `zhengna`, as processes: grants, the calendar.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::process::{Host, Ran, founded, opened, run, run_with};
use zhengna_core::access::{AccessChange, Credentials, EndGrant, FactorCode, GrantPost, PasswordChange, ProposeChange};
use zhengna_core::clock::Clock as _;
use zhengna_core::crypto::{secret_of_uri, totp_code, totp_step};
use zhengna_core::id::GrantId;
use zhengna_core::identity::AuthorityCode;
use zhengna_server::system::SystemClock;
use zhengna_tests::calendar::notice;

/// An administrator has a second factor: whoever agrees at the command line shows it, too.
#[test]
fn a_security_administrator_approves_a_grant_at_the_command_line_with_the_second_factor() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    founded(dir);
    let first = "Xiang-Kan-2026\n";
    run_with(dir, &["bootstrap", "22000001", "--name", "甲", "--authority", "12200000000", "--password-stdin"], first).exits(0);
    let add = |staff_no: &str, post: &[&str], stdin: &str| {
        let args = ["user", "add", staff_no, "--name", "乙", "--authority", "12200000000", "--password-stdin", "--post"];
        run_with(dir, &[&args[..], post].concat(), stdin).exits(0);
    };
    add("22000002", &["安全管理员"], first);
    add("22000003", &["窗口", "--permissions", "serve_taxpayers"], first);
    add("22000004", &["导税", "--permissions", "serve_taxpayers,manage_lines"], first);

    let core = opened(dir);
    let own = "Zi-Ji-De-2026";
    let settled = |login: &str| {
        let typed = Credentials { login: login.into(), password: first.trim().into() };
        let session = |token: &str| core.as_actor(core.authenticate(token).unwrap().actor);
        let change = PasswordChange { current: first.trim().into(), password: own.into() };
        let begun = session(&core.sign_in(&typed, "test").unwrap().token).access().change_password(&change).unwrap();
        let begun = session(&begun.token);
        let secret = secret_of_uri(&begun.access().enrol_factor().wait().unwrap().uri).unwrap();
        // The code of the step before, so that the one of this step is still good.
        let code = totp_code(&secret, totp_step(core.now()) - 1);
        let confirmed = begun.access().confirm_factor(FactorCode { code }).unwrap().wait().unwrap();
        (session(&confirmed.session.token), secret, confirmed.recovery_codes)
    };
    let (maker, ..) = settled("22000001");
    let (_, secret, recovery) = settled("22000002");
    let propose = |staff_no: &str, post: &str| {
        let officer = core.as_system().access().find_officer(staff_no).unwrap().unwrap();
        let post = core.as_system().access().find_post(post).unwrap().unwrap();
        let grant = GrantPost { officer, post, authority: AuthorityCode::parse("12200000000").unwrap(), ends_at: None };
        let change = ProposeChange { change: AccessChange::Grant(grant), reason: "轮岗".into() };
        let opened = maker.access().propose_change(change).wait().unwrap();
        (opened.approval.to_string(), opened.digest)
    };
    let (one, other) = (propose("22000003", "导税"), propose("22000004", "窗口"));
    drop((maker, core));

    let decide = |how: &str, (id, digest): &(String, String), more: &[&str], stdin: &str| {
        run_with(dir, &[&["approval", how, id, "--digest", digest, "--officer", "22000002"], more].concat(), stdin)
    };
    let bare = decide("approve", &one, &[], &format!("{own}\n")).exits(2);
    assert!(bare.err.contains("second line of standard input"), "{}", bare.err);
    decide("approve", &one, &[], &format!("{own}\nABCDEFGH\n")).exits(1);
    let code = totp_code(&secret, totp_step(SystemClock.now()));
    let done = decide("approve", &one, &[], &format!("{own}\n{code}\n")).exits(0);
    assert!(done.out.contains("is done"), "{}", done.out);
    let again = decide("reject", &other, &["--reason", "x"], &format!("{own}\n{code}\n")).exits(1);
    assert!(!again.err.is_empty(), "a code is good once");
    decide("reject", &other, &["--reason", "不必"], &format!("{own}\n{}\n", recovery[0])).exits(0);
    let listed = run(dir, &["approval", "list"]).exits(0).out;
    assert!(listed.contains("done") && listed.contains("rejected"), "{listed}");
}

/// An officer of the province with a post of their own.
fn add(dir: &Path, staff_no: &str, permissions: &str, more: &[&str], stdin: &str) -> Ran {
    let args = ["user", "add", staff_no, "--name", "甲", "--authority", "12200000000", "--post", staff_no, "--permissions", permissions];
    run_with(dir, &[&args[..], more].concat(), stdin).exits(0)
}

/// The command line compares rights with the trail before anybody acts: an older row put back is refused at once, with no host that
/// would find it ten seconds later.
#[test]
fn a_grant_that_was_put_back_as_it_was_is_refused_at_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    founded(dir);
    for (staff_no, permissions) in [("22000001", "propose_calendar"), ("22000002", "approve_calendar")] {
        add(dir, staff_no, permissions, &["--password-stdin"], "Xiang-Kan-2026\n");
    }
    let core = opened(dir);
    let own = |staff_no: &str| {
        let typed = Credentials { login: staff_no.into(), password: "Xiang-Kan-2026".into() };
        let change = PasswordChange { current: typed.password.clone(), password: "Zi-Ji-De-2026".into() };
        let session = core.as_actor(core.authenticate(&core.sign_in(&typed, "test").unwrap().token).unwrap().actor);
        let begun = session.access().change_password(&change).unwrap();
        core.as_actor(core.authenticate(&begun.token).unwrap().actor)
    };
    let opened = own("22000001").calendar().propose(notice(2027)).wait().unwrap();
    let officer = own("22000002").actor().as_ref();

    let raw = rusqlite::Connection::open(dir.join("zhengna.db")).unwrap();
    let of = [&officer.id.as_bytes()[..]];
    raw.execute("CREATE TABLE kept AS SELECT * FROM access_grant WHERE officer = ?1", of).unwrap();
    let grant: Vec<u8> = raw.query_row("SELECT id FROM kept", [], |row| row.get(0)).unwrap();
    let grant = GrantId::from_uuid(uuid::Uuid::from_slice(&grant).unwrap());
    core.as_system().access().end_grant(EndGrant { grant, reason: "离岗".into() }).wait().unwrap();
    drop(core);
    let approval = opened.approval.to_string();
    let approve = || {
        let args = ["approval", "approve", &approval, "--digest", &opened.digest, "--officer", "22000002"];
        run_with(dir, &args, "Zi-Ji-De-2026\n")
    };
    approve().exits(1);
    assert_eq!(raw.execute("DELETE FROM access_grant WHERE officer = ?1", of).unwrap(), 1);
    assert_eq!(raw.execute("INSERT INTO access_grant SELECT * FROM kept", []).unwrap(), 1);
    let refused = approve().exits(1);
    assert!(refused.err.contains("权限数据校验未通过") || refused.err.contains("altered"), "{}", refused.err);
    assert!(run(dir, &["approval", "list"]).exits(0).out.contains("pending"));
}

/// Two officers, each with their own password, change the calendar from the command line; one alone cannot.
#[test]
fn the_calendar_changes_by_two_officers_at_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    founded(dir);
    let given = [("22000001", "propose_calendar"), ("22000002", "approve_calendar")].map(|(staff_no, permissions)| {
        let added = add(dir, staff_no, permissions, &["--json"], "").json();
        format!("{}\n", added["password"].as_str().unwrap())
    });
    // What the command line gave is good for one thing only: each takes a password of their own.
    let unchanged =
        run_with(dir, &["approval", "reject", &"0".repeat(8), "--digest", "00", "--officer", "22000002", "--reason", "x"], &given[1]);
    assert_ne!(unchanged.code, Some(0), "{}", unchanged.err);
    let mut host = Host::start(dir, &["serve", "--listen", "127.0.0.1:0"]);
    let at = format!("http://{}/api/v1", host.address());
    let [maker, checker] = [("22000001", &given[0]), ("22000002", &given[1])].map(|(staff_no, given)| {
        let own = format!("Zi-Ji-De-2026-{}", &staff_no[7..]);
        let credentials = serde_json::json!({ "login": staff_no, "password": given.trim() });
        let signed_in: Value = ureq::post(format!("{at}/sessions")).send_json(&credentials).unwrap().body_mut().read_json().unwrap();
        let bearer = format!("Bearer {}", signed_in["token"].as_str().unwrap());
        let change = serde_json::json!({ "current": given.trim(), "password": own });
        let changed = ureq::put(format!("{at}/me/password")).header("authorization", bearer).send_json(&change).unwrap();
        assert_eq!(changed.status(), 200);
        format!("{own}\n")
    });
    assert_eq!(host.stop().0, Some(0));
    let shown = run(dir, &["calendar", "show", "2027"]).exits(0).out;
    assert!(shown.starts_with("2027, provisional") && shown.contains("1月征期截止  computed"), "{shown}");
    assert!(run(dir, &["approval", "list"]).exits(0).out.contains("Nothing was put forward"));

    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\nDTEND;VALUE=DATE:20270104\r\nSUMMARY:元旦（休）\r\n\
               END:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261231\r\nSUMMARY:元旦（休）\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20280101\r\nSUMMARY:元旦（休）\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    fs::write(dir.join("2027.ics"), ics).unwrap();
    fs::write(dir.join("bad.ics"), ics.replace("20280101", "2028-01-01")).unwrap();
    let about = ["--title", "通知", "--source", "https://www.gov.cn/1.htm", "--officer", "22000001"];
    let from_ics = ["--year", "2027", "--document", "国办发明电〔2026〕9号"];
    let propose =
        |file: &str, more: &[&str], stdin: &str| run_with(dir, &[&["calendar", "propose", file], &about[..], more].concat(), stdin);
    let bad = propose("bad.ics", &from_ics, &maker).exits(2);
    assert!(bad.err.contains("bad.ics: line 12: event 3: expected a whole day") && bad.err.contains("Nothing was proposed"), "{}", bad.err);
    assert!(propose("2027.ics", &[], &maker).exits(2).err.contains("needs --document and --year"));
    propose("none.ics", &from_ics, &maker).exits(2);
    propose("2027.ics", &from_ics, "Wrong-Password-2026\n").exits(1);
    let proposed = propose("2027.ics", &[&from_ics[..], &["--json"]].concat(), &maker).exits(0);
    assert!(proposed.err.contains("1 days of other years in the file are left out"), "{}", proposed.err);
    let proposed = proposed.json();
    let (id, digest) = (proposed["approval"].as_str().unwrap(), proposed["digest"].as_str().unwrap());
    let listed = run(dir, &["approval", "list"]).exits(0).out;
    assert!(
        listed.contains(id) && listed.contains(digest) && listed.contains("pending") && listed.contains("working_days 2027"),
        "{listed}"
    );

    let decide = |how: &str, digest: &str, who: &str, more: &[&str], stdin: &str| {
        run_with(dir, &[&["approval", how, id, "--digest", digest, "--officer", who], more].concat(), stdin)
    };
    assert!(decide("approve", digest, "22000001", &[], &maker).exits(1).err.contains("somebody else has to do this"));
    assert!(decide("reject", digest, "22000001", &["--reason", "有误"], &maker).exits(1).err.contains("somebody else has to do this"));
    assert!(decide("approve", &"0".repeat(64), "22000002", &[], &checker).exits(1).err.contains("digest is not that"));
    assert!(decide("approve", digest, "22000002", &[], &checker).exits(0).out.contains("what it changes is now version 1"));
    assert!(decide("approve", digest, "22000002", &[], &checker).exits(1).err.contains("decided already"));

    let year = run(dir, &["calendar", "show", "2027", "--json"]).exits(0).json();
    let days = year["calendar"]["days"].as_array().unwrap();
    let off: Vec<&str> = days.iter().filter(|d| d["holiday"] == "元旦").map(|d| d["date"].as_str().unwrap()).collect();
    assert_eq!(off, ["2027-01-01", "2027-01-02", "2027-01-03"], "those of 2028 were left out");
    let eve = run(dir, &["calendar", "show", "2026", "--json"]).exits(0).json()["calendar"]["days"][364].clone();
    assert_eq!((&eve["date"], &eve["holiday"]), (&"2026-12-31".into(), &"元旦".into()), "New Year's holiday began in December");
    let left = run(dir, &["calendar", "show", "2027"]).exits(0).out;
    assert!(left.starts_with("2027, provisional: nothing is known of 春节, 清明, 劳动, 端午, 中秋, 国庆;"), "{left}");
    let written = run(dir, &["calendar", "show", "2027", "--ics"]).exits(0).out;
    assert!(
        written.starts_with("BEGIN:VCALENDAR\r\n") && written.ends_with("END:VCALENDAR\r\n") && zhengna_server::ics::read(&written).is_ok()
    );

    // Tables of the source tree are files that can be proposed.
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/data");
    let filing = fs::read_to_string(tables.join("filing_periods.csv")).unwrap();
    let of_2026: Vec<&str> = filing.lines().filter(|l| l.starts_with("month") || l.starts_with("2026")).collect();
    fs::write(dir.join("filing.csv"), of_2026.join("\n")).unwrap();
    propose("filing.csv", &[], &maker).exits(0);
    fs::write(dir.join("eleven.csv"), of_2026[..12].join("\n")).unwrap();
    assert!(propose("eleven.csv", &[], &maker).exits(2).err.contains("expected twelve days"));
    fs::write(dir.join("wrong.csv"), of_2026.join("\n").replace("2026-05,", "2026-06,")).unwrap();
    assert!(propose("wrong.csv", &[], &maker).exits(2).err.contains("wrong.csv: line 6: expected a month"));
    let number = "number,from,value,document\nfiling_day,2028-01-01,20,国令第999号\n";
    fs::write(dir.join("number.csv"), number).unwrap();
    propose("number.csv", &[], &maker).exits(0);
    for (text, why) in [
        (number.replace("filing_day", "tax_day"), "line 2: expected a number such as filing_day"),
        (number.replace(",20,", ",29,"), "change.value"),
        (number.replace("国令第999号\n", "国令第999号\nfiling_day,2029-01-01,20,文"), "one line behind the columns"),
    ] {
        fs::write(dir.join("number.csv"), text).unwrap();
        let refused = propose("number.csv", &[], &maker).exits(2);
        assert!(refused.err.contains(why), "{why}: {}", refused.err);
    }
    let shown = run(dir, &["calendar", "show", "2028"]).exits(0).out;
    assert!(shown.contains("2026-01-01  number  filing_day = 15") && !shown.contains("2028-01-01  number"), "{shown}");
    let notices = fs::read_to_string(tables.join("calendar_days.csv")).unwrap();
    let of_2025: Vec<&str> = notices.lines().filter(|l| l.starts_with("year") || l.starts_with("2025")).collect();
    fs::write(dir.join("notice.csv"), of_2025.join("\n")).unwrap();
    propose("notice.csv", &[], &maker).exits(0);
    fs::write(dir.join("all.csv"), notices).unwrap();
    assert!(propose("all.csv", &[], &maker).exits(2).err.contains("expected the days of one year, found 9"));
}
