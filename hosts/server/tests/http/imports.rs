//! Lists as files: what is none is told in words for an officer, before anything is written.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use zhengna_core::access::ActorKind;
use zhengna_server::table::UPLOAD_BYTES_MAX;
use zhengna_tests::lists::{self, Importers};
use zhengna_tests::world::{Engine, person};

use super::support::Host;

const FILE: &str = "application/octet-stream";
const LIST: &str = "/api/v1/imports/examinations?list=people&name=%E5%90%8D%E5%8D%95";

#[test]
fn a_file_that_is_no_list_is_told_as_what_is_wrong_with_it() {
    let host = Host::start(Engine::Sqlite);
    let importer = host.sign_in(ActorKind::Officer, Importers::of(&host.world).maker.uuid());
    let good = lists::file_of(&[person(900)]);
    let told = |path: &str, kind: &str, body: &[u8]| {
        let answer = host.upload(path, &importer, kind, body);
        (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned(), answer.body["title"].to_string())
    };
    for (what, body, code, title) in [
        ("a workbook that is none", &b"PK\x03\x04 none"[..], "list.unreadable", "无法读取"),
        ("nothing", b"", "list.unreadable", "没有内容"),
        ("half a character", b"\xE5\xBC\xFF\xFF\n", "list.unreadable", "第 1 行的编码无法识别"),
        ("an open quotation mark", "类型,名称\n自然人,\"甲\n".as_bytes(), "list.unreadable", "第 2 行格式有误"),
        ("no column of numbers", "类型,姓名\n自然人,甲\n".as_bytes(), "list.columns", "缺少列"),
        ("a column twice", "类型,姓名,名称,号码,主管税务机关代码\n自然人,甲,甲,1,1\n".as_bytes(), "list.columns", "是同一项内容"),
    ] {
        let (status, was, said) = told(LIST, FILE, body);
        assert_eq!((status, was.as_str(), said.contains(title)), (422, code, true), "{what}: {said}");
    }
    assert_eq!(told(LIST, "application/json", good.as_bytes()).0, 415);
    assert_eq!(announced(&host, &importer, UPLOAD_BYTES_MAX + 1), "HTTP/1.1 413 Payload Too Large", "refused before it comes");
    assert_eq!(told(LIST, FILE, &vec![b' '; UPLOAD_BYTES_MAX]).1, "list.unreadable", "as large as may be, and empty");
    let asked = |query: &str| host.upload(&format!("/api/v1/imports/examinations?{query}"), &importer, FILE, good.as_bytes());
    for (query, field) in [
        ("list=nothing&name=a", "list"),
        ("list=people", "name"),
        ("list=people&name=%20", "name"),
        ("list=people&name=a&set=none", "set"),
        ("list=people&name=a&set=%7B%22%E5%90%8D%E5%86%8C%22%3A%22a%22%7D", "set"),
    ] {
        let answer = asked(query);
        assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
        assert_eq!(answer.body["field"], json!(field), "{query}: {answer:?}");
    }
    // What rows leave out, said once for all; by any name of the column.
    let bare = good.replacen("类型,", "备注,", 1).replace("person,", ",");
    let set = "&set=%7B%22%E7%BA%B3%E7%A8%8E%E4%BA%BA%E7%B1%BB%E5%9E%8B%22%3A%22%E8%87%AA%E7%84%B6%E4%BA%BA%22%7D";
    let answer = host.upload(&format!("{LIST}{set}"), &importer, FILE, bare.as_bytes());
    assert_eq!((answer.status, &answer.body["verdicts"]["new"]), (200, &json!(1)), "{answer:?}");
    // Whoever imports none is told so before the file is looked at.
    let answer = host.upload(LIST, &host.officer(0), FILE, b"PK\x03\x04");
    assert_eq!((answer.status, &answer.body["code"]), (403, &Value::from("access.denied")));
    let again = host.upload(LIST, &importer, FILE, good.as_bytes());
    assert_eq!((again.status, &again.body["verdicts"]["new"]), (200, &json!(1)), "nothing was written");
}

/// The answer to a file of so many bytes, none of which is sent.
fn announced(host: &Host, token: &str, bytes: usize) -> String {
    let mut socket = TcpStream::connect(host.address()).unwrap();
    let head = format!("POST {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {FILE}\r\n");
    socket.write_all(format!("{head}content-length: {bytes}\r\n\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
