//! Persons and enterprises by the command `zhengna`, as processes: imported, taken back, exported, erased.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;
use serde_json::json;
use support::process::{Host, Ran, Site, run};

#[test]
fn a_person_is_exported_and_erased_by_command() {
    let site = Site::new();
    let conn = Connection::open(site.path("zhengna.db")).unwrap();
    let id: Vec<u8> =
        conn.query_row("SELECT id FROM taxpayer WHERE ordinal = (SELECT min(ordinal) FROM taxpayer)", [], |r| r.get(0)).unwrap();
    drop(conn);
    let id = uuid::Uuid::from_slice(&id).unwrap().to_string();
    let made = site.run(&["people", "export", &id, "person.json", "--reason", "本人申请", "--json"]).exits(0).json();
    let text = fs::read(site.path("person.json")).unwrap();
    assert_eq!(made["sm3"], zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[&text])).as_str());
    assert!(String::from_utf8(text).unwrap().contains("测试"));
    assert_eq!(fs::metadata(site.path("person.json")).unwrap().permissions().mode() & 0o777, 0o600);
    // Entered, and not left: nobody is cut off.
    let refused = site.run(&["people", "erase", &id, "--reason", "本人申请"]);
    assert!(refused.code != Some(0) && refused.err.contains("is not over"), "{}", refused.err);
    site.run(&["people", "erase", "no-id", "--reason", "x"]).exits(2);
    site.tamper("UPDATE conversation SET state = 'left', ended_at = entered_at");
    let erased = site.run(&["people", "erase", &id, "--reason", "本人申请", "--json"]).exits(0).json();
    assert_eq!(erased["conversations"], 1);
    assert_eq!(site.run(&["keys", "status", "--json"]).exits(0).json()["erased"], 2);
    let verify = ["audit", "verify", "--without-checkpoints", "--sealed"];
    assert!(site.run(&verify).exits(0).out.contains("加密数据完整"));
    site.tamper("UPDATE officer SET name = CAST(x'00' || name AS BLOB)");
    assert!(site.run(&verify).exits(9).err.contains("officer"));
}

#[test]
fn people_are_imported_from_the_tables_that_offices_send_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    run(at, &["keys", "new"]).exits(0);
    run(at, &["authority", "import", concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv")]).exits(0);
    let import = |args: &[&str]| run(at, &[&["people", "import"], args].concat());
    let counts = |ran: Ran| {
        let told = ran.exits(0).json();
        ["new", "changed", "duplicate", "broken"].map(|verdict| told["verdicts"][verdict].as_u64().unwrap())
    };
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/people.xlsx");
    assert_eq!(counts(import(&[book, "--dry-run", "--json"])), [3, 0, 0, 0]);
    assert_eq!(counts(import(&[book, "--json"])), [3, 0, 0, 0]);
    assert_eq!(counts(import(&[book, "--dry-run", "--json"])), [0, 0, 3, 0], "all is there as in the file");

    // What an office saves from Excel: GB18030, another phone, a slip in a number, a column nobody asked for.
    let lines = "纳税人名称,身份证号,手机号,备注\n表格甲,11010519491231002X,13900001234,\n表格乙,110105194912310021,,下周补\n";
    let gb = encoding_rs::GB18030.encode(lines).0.into_owned();
    fs::write(at.join("persons.csv"), gb).unwrap();
    let given = ["persons.csv", "--kind", "自然人", "--authority", "12201020000"];
    let said = import(&given).exits(0);
    assert!(said.out.starts_with("2 rows: 0 are new, 1 changed, 0 duplicate, 0 older, 1 broken."), "{}", said.out);
    assert!(said.out.contains("line 3: number: ") && said.out.contains("check digit at 18") && said.out.contains("请核对"), "{}", said.out);
    assert!(!said.out.contains("1949") && said.err.contains("--take-back"), "{}{}", said.out, said.err);
    assert_eq!(counts(import(&[&given[..], &["--json"]].concat())), [0, 1, 0, 1], "the same file again is told as before");
    assert_eq!(counts(import(&[&given[..], &["--dry-run", "--json"]].concat())), [0, 0, 1, 1]);
    // The workbook's 表格甲 has another phone by now.
    let refused = import(&[book, "--take-back"]).exits(1);
    assert!(refused.err.contains('2'), "{}", refused.err);
    assert_eq!(import(&[&given[..], &["--take-back", "--json"]].concat()).exits(0).json()["taken_back"], 1);
    let gone = import(&[book, "--take-back"]).exits(0);
    assert!(gone.out.contains("3 rows were taken back"), "{}", gone.out);
    assert_eq!(counts(import(&[book, "--dry-run", "--json"])), [3, 0, 0, 0]);

    for (name, text, said) in [
        ("no_number.csv", "类型,姓名,手机\n自然人,甲,1\n", "no column is called number"),
        ("twice.csv", "姓名,name,号码,类型,authority\n甲,甲,1,1,1\n", "columns 1 and 2 are both name"),
        ("mixed.csv", "", "line 2 is in no encoding that is read"),
        ("bomb.xlsx", "", "cannot be read"),
        ("open.csv", "类型,姓名,号码,authority\n自然人,\"甲,1,1\n自然人,乙,1,1\n", "line 2: a quotation mark is opened there"),
        ("more.csv", "类型,号码,姓名,authority\n企业,1,甲,乙公司,1\n", "line 2: has more cells than the line that names the columns"),
    ] {
        let bytes: &[u8] = match name {
            "mixed.csv" => b"\xE5\xA7\x93,b\n\xE5\xFF\xFF,1\n",
            "bomb.xlsx" => b"PK\x03\x04 and nothing else",
            _ => text.as_bytes(),
        };
        fs::write(at.join(name), bytes).unwrap();
        let failed = import(&[name]).exits(2);
        assert!(failed.err.contains(said) && failed.err.contains("Nothing was imported"), "{name}: {}", failed.err);
    }
    // A workbook that makes the library that reads it panic costs the child process.
    let hostile = import(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/hostile.xlsx")]).exits(2);
    assert!(hostile.err.contains("could not be read within the limits") && hostile.err.contains("Nothing was imported"), "{}", hostile.err);
    // A number that Excel rounded, where it is read.
    let rounded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/rounded.xlsx");
    let refused = import(&[rounded, "--kind", "自然人", "--authority", "12201020000", "--set", "姓名=甲"]).exits(2);
    assert!(refused.err.contains("line 3: 证件号码 has a number of more than 15 digits"), "{}", refused.err);
    let unknown = import(&["persons.csv", "--take-back", "--kind", "企业", "--authority", "12201020000"]).exits(0);
    assert!(unknown.out.contains("0 rows were taken back"), "{}", unknown.out);
    // A list whose rows are good and whose authority was not: taken back, though nothing of it stands, it is imported anew.
    fs::write(at.join("late.csv"), "姓名,号码\n表格丙,11010519491231002X\n").unwrap();
    let late = |authority: &str| import(&["late.csv", "--kind", "自然人", "--authority", authority]).exits(0);
    assert!(late("12201029900").out.contains("0 are new, 0 changed, 0 duplicate, 0 older, 1 broken"));
    let again = late("12201020000");
    assert!(again.out.contains("1 broken") && again.err.contains("take it back"), "{}{}", again.out, again.err);
    assert!(import(&["late.csv", "--take-back"]).exits(0).out.contains("0 rows were taken back; the file may be imported anew"));
    assert!(late("12201020000").out.contains("1 are new"));
    fs::write(at.join("other.csv"), "姓名,号码,类型,authority\n").unwrap();
    assert!(import(&["other.csv", "--take-back"]).exits(2).err.contains("never imported"));
}

/// Spreadsheets made to eat the machine that opens them (CVE-2026-38359, calamine 594): a child process pays, its parent goes on and
/// says so, and nothing is written. Where a table may end is not in question here.
#[test]
fn t34_a_spreadsheet_made_to_eat_the_machine_costs_one_child_process() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    run(at, &["keys", "new"]).exits(0);
    run(at, &["authority", "import", concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv")]).exits(0);
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files");
    // What an archive of another kind would be (ODS), and a part of one.
    let book = fs::read(format!("{files}/people.xlsx")).unwrap();
    fs::write(at.join("table.ods"), b"PK\x03\x04 mimetypeapplication/vnd.oasis.opendocument.spreadsheet").unwrap();
    fs::write(at.join("cut.xlsx"), &book[..book.len() / 2]).unwrap();
    let import = |file: &str| run(at, &["people", "import", file, "--kind", "企业", "--authority", "12201020000"]);
    for (file, said) in [
        // One cell at XFD1048576: as a rectangle that is 17 thousand million cells.
        (format!("{files}/far_cell.xlsx"), "could not be read within the limits"),
        // The library that reads it panics.
        (format!("{files}/hostile.xlsx"), "could not be read within the limits"),
        ("table.ods".into(), "cannot be read"),
        ("cut.xlsx".into(), "cannot be read"),
    ] {
        let refused = import(&file).exits(2);
        assert!(refused.err.contains(said) && refused.err.contains("Nothing was imported"), "{file}: {}", refused.err);
    }
}

/// After the people, what lists say of them: each kind from a table as an office sends it, looked at, imported, taken back.
#[test]
fn what_lists_say_of_people_is_imported_from_tables_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files");
    run(at, &["keys", "new"]).exits(0);
    run(at, &["authority", "import", concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv")]).exits(0);
    let import = |args: &[&str]| run(at, &[&["people", "import"], args].concat());
    let counts = |args: &[&str]| {
        let told = import(&[args, &["--json"]].concat()).exits(0).json();
        let of = ["new", "changed", "duplicate", "broken"].map(|verdict| told["verdicts"][verdict].as_u64().unwrap());
        assert_eq!(told["rows"].as_u64(), Some(of.iter().sum()));
        of
    };
    let twice = |args: &[&str], once: [u64; 4], again: [u64; 4]| {
        assert_eq!(counts(&[args, &["--dry-run"]].concat()), once, "{args:?}");
        assert_eq!(counts(args), once, "{args:?}");
        assert_eq!(counts(args), once, "{args:?}: told as before");
        let compared = import(&[args, &["--json"]].concat()).exits(0).json()["compared"].clone();
        let [new, changed, duplicate, broken] = once;
        assert_eq!((&compared["rows"], &compared["left_out"]), (&json!(new + changed + duplicate), &json!(broken)), "{compared}");
        assert_eq!((&compared["agree"], &compared["said_sm3"]), (&json!(true), &compared["kept_sm3"]), "{compared}");
        assert_eq!(counts(&[args, &["--dry-run"]].concat()), again, "{args:?}");
    };
    let back = |args: &[&str]| import(&[args, &["--take-back", "--json"]].concat()).exits(0).json()["taken_back"].as_u64().unwrap();
    let (people, book) = (format!("{files}/people.xlsx"), format!("{files}/relations.xlsx"));
    assert_eq!(counts(&[&people]), [3, 0, 0, 0]);

    // A workbook whose dates are Excel's.
    let relations = [&*book, "--list", "relations"];
    let said = import(&[&relations[..], &["--dry-run"]].concat()).exits(0);
    assert!(said.out.starts_with("5 rows: 3 would be new, 0 changed, 0 duplicate, 0 older, 2 broken."), "{}", said.out);
    assert!(
        said.out.contains("line 5: role: no such role. 请填写法定代表人") && said.out.contains("line 6: person: no such person"),
        "{}",
        said.out
    );
    let sm3 = zhengna_core::crypto::hex(&zhengna_core::crypto::sm3(&[&fs::read(&book).unwrap()]));
    assert!(said.out.contains(&format!("source: relations.xlsx, SM3 {sm3}")) && said.err.contains("Nothing was written"), "{}", said.out);
    twice(&relations, [3, 0, 0, 2], [0, 0, 3, 2]);

    // Somebody who owns the database says otherwise: the file given again shows it.
    let raw = Connection::open(at.join("zhengna.db")).unwrap();
    let end_by_a_year = |more: i64| {
        let year = more * 365 * 24 * 3_600_000_000;
        raw.execute("UPDATE relation SET starts_at = starts_at + ?1 WHERE role = 'tax_handler'", [year]).unwrap()
    };
    assert_eq!(end_by_a_year(1), 1);
    let shown = import(&relations).exits(0).out;
    assert!(shown.contains("compared: 3 rows applied, 2 left out") && shown.contains("THEY DIFFER"), "{shown}");
    assert_eq!(shown.matches("is kept otherwise").count(), 1, "{shown}");
    assert_eq!(end_by_a_year(-1), 1);
    assert!(import(&relations).exits(0).out.contains(": they agree"));

    // GB18030, the newest finding first.
    let lines = "证件号码,实名状态,认证级别,认证时间,采集渠道\n11010519491231002X,已认证,人脸核验,2026/3/2 10:00,\n\
                 11010519491231002X,已采集,,2026年3月1日,办税服务厅\nE12345678,已认证,,2026-03-01,\n";
    fs::write(at.join("names.csv"), encoding_rs::GB18030.encode(lines).0).unwrap();
    twice(&["names.csv", "--list", "real-names", "--set", "采集渠道=电子税务局"], [2, 0, 0, 1], [0, 0, 2, 1]);

    // A register from before the unified code: its column says what its numbers are. By another name somebody has to say it.
    let old_ones = "类型,名称,纳税人识别号,主管税务机关代码\n企业,测试百货店,220102M000100Y4,12201020000\n企业,测试饭店,22010249123100201,12201020000\n\
                    企业,测试书店,11010519491231002X01,12201020000\n企业,测试公司,91350100M000100Y43,12201020000\n";
    fs::write(at.join("register.csv"), old_ones).unwrap();
    assert_eq!(counts(&["register.csv", "--dry-run"])[3], 0);
    fs::write(at.join("register.csv"), old_ones.replace("纳税人识别号", "号码")).unwrap();
    assert_eq!(counts(&["register.csv", "--dry-run"])[3], 3);
    let said = import(&["register.csv", "--dry-run"]).exits(0).out;
    assert!(said.contains("line 2: number: ") && said.contains("须填写证件类型"), "{said}");

    // One file of enterprises, two rosters.
    fs::write(at.join("list.csv"), "NSRSBH\tYXQQ\n91350100M000100Y43\t2026-01-01\n").unwrap();
    let roster = |name: &'static str| ["list.csv", "--list", "rosters", "--set", name, "--set", "文号=吉税发〔2026〕1号"];
    twice(&roster("名册=大企业"), [1, 0, 0, 0], [0, 0, 1, 0]);
    twice(&roster("名册=小微企业"), [1, 0, 0, 0], [0, 0, 1, 0]);
    assert_eq!(counts(&["list.csv", "--list", "rosters", "--set", "名册=大企业", "--set", "文号=吉税发〔2026〕2号"]), [0, 1, 0, 0]);

    // While both platforms run side by side: who is known there by an old number is nobody new here.
    fs::write(at.join("old.csv"), "现用号码,曾用号码类型,曾用号码\n11010519491231002X,纳税人识别号,110105491231002\n").unwrap();
    let old = ["old.csv", "--list", "former-numbers"];
    twice(&old, [1, 0, 0, 0], [0, 0, 1, 0]);
    let lines = "纳税人识别号,人员身份,身份证号,开始日期,结束日期,渠道,原平台编号\n\
                 91350100M000100Y43,办税员,110105491231002,2026-01-01,,原平台迁移,吉-1\n";
    fs::write(at.join("later.csv"), lines).unwrap();
    let later = ["later.csv", "--list", "relations"];
    assert_eq!(counts(&[&later[..], &["--dry-run"]].concat()), [0, 1, 0, 0], "the same relation, and its id there");
    assert_eq!(counts(&later), [0, 1, 0, 0]);

    let refused = import(&[&relations[..], &["--take-back"]].concat()).exits(1);
    assert!(refused.err.contains('2'), "{}", refused.err);
    assert_eq!(back(&later), 1);
    assert_eq!(back(&relations), 3);
    assert_eq!(counts(&[&relations[..], &["--dry-run"]].concat()), [3, 0, 0, 2]);
    import(&[&people, "--take-back"]).exits(1);
    assert!(import(&["list.csv", "--list", "rosters", "--take-back"]).exits(2).err.contains("the same --list and --set"));
    assert_eq!(back(&["list.csv", "--list", "rosters", "--set", "名册=大企业", "--set", "文号=吉税发〔2026〕2号"]), 1);
    assert_eq!((back(&roster("名册=大企业")), back(&roster("名册=小微企业")), back(&old)), (1, 1, 1));
    assert_eq!(back(&["names.csv", "--list", "real-names", "--set", "采集渠道=电子税务局"]), 2);
    assert_eq!(back(&[&people]), 3, "nothing is said of them any more");

    for (args, said) in [
        (&["list.csv", "--list", "rosters"][..], "no column is called roster or 名册"),
        (&["list.csv", "--list", "rosters", "--set", "名册"], "expected COLUMN=VALUE"),
        (&["list.csv", "--list", "rosters", "--kind", "企业"], "this list has no column kind"),
        (&["none.csv", "--list", "relations"], "none.csv"),
    ] {
        let failed = import(args).exits(2);
        assert!(failed.err.contains(said), "{args:?}: {}", failed.err);
    }
    let help = import(&["--help"]).exits(0).out;
    assert!(help.contains("--list former-numbers") && help.contains("*found_at") && help.contains("stop the host before"), "{help}");
    let mut host = Host::start(at, &["serve", "--listen", "127.0.0.1:0"]);
    host.address();
    let locked = import(&relations).exits(3);
    assert!(locked.err.contains("Stop the other one (a running `zhengna serve`"), "{}", locked.err);
    assert_eq!(host.stop().0, Some(0));
}
