//! Appeals of channels by the command `zhengna`, as processes: channels set, tables collected, counted, taken back.

mod support;

use std::fs;

use serde_json::Value;
use support::process::run;

/// What a hotline exports: titles above the header, merged cells left empty, dates in three ways, a total at the end.
const TABLE: &str = "\
2026年第45周12345工单,,,,,
,,,,,
工单编号,受理时间,来电人,联系电话,市民反映,工单状态
12345-001,2026/11/5 9:30,张三,13800001111,发票开不出来,已办结
12345-002,2026年11月5日,李四,13800002222,社保费重复扣款,办理中
12345-003,46332,王五,13800001111,大厅排队太久,流转
12345-004,去年,赵六,,没有日期,办理中
合计,,,,4,
";

#[test]
fn a_table_of_a_hotline_is_collected_counted_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    run(at, &["keys", "new"]).exits(0);
    run(at, &["authority", "import", concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/data/jilin_authorities.csv")]).exits(0);
    let table = encoding_rs::GB18030.encode(TABLE).0.into_owned();
    fs::write(at.join("week45.csv"), table).unwrap();
    let collect = |more: &[&str]| run(at, &[&["appeal", "collect", "week45.csv", "--channel", "hotline_12345"], more].concat());

    // As shipped nobody knows what 市民反映 is.
    let unknown = collect(&[]).exits(2);
    assert!(unknown.err.contains("no column says what was written") && unknown.err.contains("市民反映"), "{}", unknown.err);
    let channel = r#"{"code": "hotline_12345", "authority": "12200000000", "settings": {"name": "12345 接诉即办", "replies": true,
        "working_days": 5, "source": "合成〔2026〕1号", "columns": [{"field": "text", "names": ["市民反映"]}],
        "words": [{"field": "state", "said": "流转", "means": "transferred"}]}}"#;
    fs::write(at.join("channel.json"), channel).unwrap();
    run(at, &["appeal", "channel", "channel.json"]).exits(0);
    fs::write(at.join("wrong.json"), channel.replace("transferred", "飞走")).unwrap();
    assert!(run(at, &["appeal", "channel", "wrong.json"]).exits(2).err.contains("settings.words[0].means"));
    let channels = run(at, &["appeal", "channels", "--json"]).exits(0).json();
    assert_eq!(channels["channels"].as_array().unwrap().len(), 12);

    let verdicts = |told: &Value| ["new", "related", "changed", "duplicate", "broken"].map(|word| told["verdicts"][word].as_u64().unwrap());
    let dry = collect(&["--dry-run", "--json"]).exits(0).json();
    assert_eq!(verdicts(&dry), [2, 1, 0, 0, 1], "{dry}");
    let said = collect(&[]).exits(0);
    assert!(said.out.contains("2 new, 1 related, 0 changed, 0 duplicate, 1 broken"), "{}", said.out);
    assert!(said.out.contains("line 7: received_at") && said.out.contains("请核对受理时间"), "{}", said.out);
    assert_eq!(verdicts(&collect(&["--json"]).exits(0).json()), [2, 1, 0, 0, 1], "given again: what became of it then");

    let balance = run(at, &["appeal", "balance", "--from", "2026-11-01", "--until", "2026-11-30", "--json"]).exits(0).json();
    let days = balance["days"].as_array().unwrap();
    let sum = |word: &str| days.iter().map(|day| day[word].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("received"), sum("open"), sum("answered"), sum("transferred")), (3, 1, 1, 1), "{balance}");
    assert!(run(at, &["audit", "verify", "--without-checkpoints", "--sealed"]).exits(0).out.contains("加密数据完整"));
    let back = collect(&["--take-back", "--json"]).exits(0).json();
    assert_eq!(back["taken_back"], 3);
    run(at, &["appeal", "balance", "--from", "2026-11-01", "--until", "2026-11-30"]).exits(0);
    collect(&["--take-back"]).exits(0);
    run(at, &["appeal", "collect", "nothing.csv", "--channel", "hotline_12345"]).exits(2);
    run(at, &["appeal", "collect", "week45.csv", "--channel", "no_such"]).exits(2);
}
