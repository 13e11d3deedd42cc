//! `zhengna simulate` as its users run it.

mod support;

use std::fs;
use std::path::Path;

use support::process::run;
use zhengna_tests::world;

const DAY: &str = "到达时间,队列,优先级,愿意等待秒数,办理秒数\n08:30:00,综合,,,600\n08:31:00,综合,,120,300\n08:32,大企业,-1,,90.5\n";
const SHIFTS: &str = "officer,from,until,lines,capacity\n张敏,08:30,17:00,,1\n";

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).display().to_string()
}

#[test]
fn the_recorded_day_of_the_examples_is_played_as_given_and_with_two_more() {
    let dir = world::directory();
    let (day, shifts) = (example("day.csv"), example("shifts.csv"));
    let args = ["simulate", "interactions", &day, "--shifts", &shifts, "--officers", "+2"];
    let told = run(dir.path(), &args).exits(0).out;
    for wanted in ["as given", "2 more", "nine of ten within", "by line", "办不成事", "by officer", "张敏", "+1"] {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
    let with_json = [&args[..], &["--json"]].concat();
    let json = run(dir.path(), &with_json).exits(0).json();
    let [given, more] = json["runs"].as_array().unwrap().as_slice() else { panic!("two runs: {json}") };
    let wait = |run: &serde_json::Value| run["all"]["wait"]["mean_s"].as_f64().unwrap();
    assert!(wait(more) < wait(given), "{} to {} s", wait(given), wait(more));
    assert!(more["all"]["abandoned"].as_u64() < given["all"]["abandoned"].as_u64());
    let rows = fs::read_to_string(&day).unwrap().lines().count() as u64 - 1;
    for run in [given, more] {
        let of = |what: &str| run["all"][what].as_u64().unwrap();
        assert_eq!((of("arrivals"), of("served") + of("abandoned") + of("unserved")), (rows, rows));
        assert_eq!(run["lines"].as_array().unwrap().len(), 3);
    }
    assert_eq!(run(dir.path(), &with_json).exits(0).json(), json, "the same again");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_made_up_day_is_the_same_for_the_same_seed_and_needs_officers() {
    let dir = world::directory();
    let play = |more: &[&str]| {
        let args = ["simulate", "interactions", "--per-hour", "120", "--handling-s", "480", "--hours", "3", "--json"];
        run(dir.path(), &[&args[..], more].concat())
    };
    let first = play(&["--officers", "15", "--patience-s", "300"]).exits(0);
    assert_eq!(play(&["--officers", "15", "--patience-s", "300"]).exits(0).out, first.out);
    assert_ne!(play(&["--officers", "15", "--patience-s", "300", "--seed", "2"]).exits(0).out, first.out);
    let json = first.json();
    assert_eq!(json["runs"][0]["officers"].as_array().unwrap().len(), 15);
    assert_eq!(json["runs"][0]["all"]["unserved"], 0, "they stay until everybody is served");
    play(&[]).exits(2);
    assert!(play(&["--officers", "0"]).exits(2).err.contains("nobody would be on duty"));
    assert!(play(&["--officers", "two"]).exits(2).err.contains("+2, -1 or 12"));
    let endless = ["simulate", "interactions", "--per-hour", "1000000", "--handling-s", "1", "--officers", "1"];
    assert!(run(dir.path(), &endless).exits(2).err.contains("--hours"));
}

#[test]
fn a_bad_row_is_told_with_its_line_its_column_and_what_to_write() {
    let dir = world::directory();
    let file = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let play = || run(dir.path(), &["simulate", "interactions", "day.csv", "--shifts", "shifts.csv"]);
    file("day.csv", DAY);
    file("shifts.csv", SHIFTS);
    play().exits(0);
    let row = |old: &str, new: &str| DAY.replace(old, new);
    let cases = [
        (row("08:31:00", "8点31"), "line 3, arrival: expected a time of day such as 08:30"),
        (row(",300", ",-300"), "line 3, handling_s: expected seconds, up to 86400, such as 480 or 90.5; found \"-300\""),
        (row(",300", ","), "line 3, handling_s: expected seconds"),
        (row(",120,", ",soon,"), "line 3, patience_s: expected seconds"),
        (row("大企业,-1", "大企业,high"), "line 4, priority: expected a whole number"),
        (row("08:31:00,综合", "08:31:00,"), "line 3, line: expected a name"),
        (
            row("08:30:00", "2026-11-26 08:30:00").replace("08:31:00", "2026-11-27 08:31:00"),
            "line 3, arrival: expected a time of the same day as before, 2026-11-26",
        ),
        (row("队列", "哪里"), "no column is called line or 队列"),
        (row("优先级", "队列"), "columns 2 and 3 are both line"),
        (String::new(), "is empty"),
    ];
    for (text, wanted) in cases {
        file("day.csv", &text);
        let failed = play().exits(2);
        assert!(failed.err.contains(wanted) && failed.err.contains("Nothing was played."), "{wanted}\n{}", failed.err);
    }
    file("day.csv", DAY);
    let cases = [
        (SHIFTS.replace("17:00", "08:30"), "line 2, until: expected a time after the one in from"),
        (SHIFTS.replace(",1\n", ",0\n"), "line 2, capacity: expected a whole number from 1 to 1000"),
        (SHIFTS.to_owned() + "张敏,16:00,18:00,,1\n", "two shifts of officer 张敏 overlap"),
    ];
    for (text, wanted) in cases {
        file("shifts.csv", &text);
        let failed = play().exits(2);
        assert!(failed.err.contains(wanted), "{wanted}\n{}", failed.err);
    }
    let nobody = run(dir.path(), &["simulate", "interactions", "day.csv"]).exits(2);
    assert!(nobody.err.contains("--officers N"), "{}", nobody.err);
    run(dir.path(), &["simulate", "interactions", "day.csv", "--officers", "2"]).exits(0);
    run(dir.path(), &["simulate", "interactions", "nowhere.csv", "--officers", "2"]).exits(2);
    run(dir.path(), &["simulate", "interactions"]).exits(2);
}

#[test]
fn a_table_is_read_in_the_encoding_of_excel_too() {
    let dir = world::directory();
    let (bytes, ..) = encoding_rs::GB18030.encode(DAY);
    fs::write(dir.path().join("day.csv"), bytes).unwrap();
    let json = run(dir.path(), &["simulate", "interactions", "day.csv", "--officers", "1", "--json"]).exits(0).json();
    assert_eq!(json["runs"][0]["lines"][1]["line"], "大企业");
    // 10 minutes for the first; the second leaves after 2; the third waited 8 from 08:32.
    assert_eq!(json["runs"][0]["lines"][1]["wait"]["mean_s"], 480.0);
    assert_eq!(json["runs"][0]["all"]["left_after"]["mean_s"], 120.0);
}
