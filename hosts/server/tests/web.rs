//! The applications of the browser, as the host serves them.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use support::{Host, config};
use zhengna_tests::world::{Engine, World};

/// What a browser gets: status, header lines in small letters, body.
fn get(host: &Host, path: &str, accept: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(host.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n", host.address()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn applications_are_served_from_the_folder_that_is_named_and_from_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("console/assets")).unwrap();
    std::fs::write(folder.path().join("console/index.html"), "<!doctype html>工作台").unwrap();
    std::fs::write(folder.path().join("console/assets/index-3f2a.js"), "export {}").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "秘密").unwrap();
    let named = config(&[("ZHENGNA_WEB_FOLDER", folder.path().to_str().unwrap())]);
    let host = Host::over(World::new(Engine::Memory), &named);
    let page = "text/html,*/*";

    let (status, head, body) = get(&host, "/console/", page);
    assert_eq!((status, body.contains("工作台")), (200, true));
    assert!(head.contains("cache-control: no-cache") && head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert_eq!(get(&host, "/console/desk/0192f3a4", page).2, body, "a page of the application's own is its index");
    assert_eq!(get(&host, "/console/desk", "application/json").0, 404, "for a program it is nothing");
    let (status, head, _) = get(&host, "/console/assets/index-3f2a.js", "*/*");
    assert!(status == 200 && head.contains("immutable") && head.contains("text/javascript"), "{head}");
    assert_eq!(get(&host, "/console/assets/gone.js", page).0, 404, "an old page asks for what is gone, and is told so");
    for path in ["/console/../secret.txt", "/console/%2e%2e/secret.txt", "/console/..%2fsecret.txt", "/secret.txt", "/console//etc/passwd"]
    {
        let (status, _, body) = get(&host, path, "*/*");
        assert!(status == 404 && !body.contains("秘密"), "{path}: {status}");
    }
    let (status, head, _) = get(&host, "/taxpayer?line=1&entry=ze1", page);
    assert!(status == 308 && head.contains("location: /taxpayer/?line=1&entry=ze1"), "a printed link loses nothing: {head}");
    assert_eq!(get(&host, "/console", page).0, 308);

    let (status, head, body) = get(&host, "/taxpayer/", page);
    assert_eq!((status, body.contains("make web")), (404, true), "what was not built says how it is built");
    assert!(head.contains("text/html"), "{head}");
}

#[test]
fn a_browser_that_takes_it_smaller_gets_it_smaller() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("console/assets")).unwrap();
    let script = "export const word = '征纳';\n".repeat(1000);
    std::fs::write(folder.path().join("console/assets/index-3f2a.js"), &script).unwrap();
    std::fs::write(folder.path().join("console/assets/dot-77aa.js"), "1").unwrap();
    let host = Host::over(World::new(Engine::Memory), &config(&[("ZHENGNA_WEB_FOLDER", folder.path().to_str().unwrap())]));
    let ask = |file: &str, takes: &str| {
        let mut answer =
            ureq::get(format!("http://{}/console/assets/{file}", host.address())).header("accept-encoding", takes).call().unwrap();
        let head = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let said = (head("content-encoding"), head("vary"), head("content-length").unwrap().parse::<usize>().unwrap());
        (said, answer.body_mut().read_to_vec().unwrap())
    };
    for takes in ["gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "GZIP"] {
        let ((encoding, vary, length), body) = ask("index-3f2a.js", takes);
        assert_eq!((encoding.as_deref(), vary.as_deref()), (Some("gzip"), Some("accept-encoding")), "{takes}");
        assert!(length * 20 < script.len(), "{takes}: {length} bytes");
        let mut read = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut read).unwrap();
        assert_eq!(read, script, "{takes}");
    }
    for takes in ["identity", "gzip;q=0", "br"] {
        let ((encoding, vary, _), body) = ask("index-3f2a.js", takes);
        assert_eq!((encoding, vary.as_deref(), body), (None, Some("accept-encoding"), script.clone().into_bytes()), "{takes}");
    }
    assert_eq!(ask("dot-77aa.js", "gzip").0.0, None, "where it would be longer, it is as it is");
}

/// The applications are built from the document beside them: what they call is what is served.
#[test]
fn the_document_that_the_applications_are_built_from_is_the_one_that_is_served() {
    let host = Host::over(World::new(Engine::Memory), &config(&[]));
    let (_, _, served) = get(&host, "/api/openapi.json", "*/*");
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../web/shared/openapi.json")).unwrap();
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert!(read(&served) == read(&kept), "write it anew: zhengna openapi > hosts/web/shared/openapi.json");
}

#[test]
fn a_folder_that_cannot_be_read_keeps_nothing_else_from_being_served() {
    let named = config(&[("ZHENGNA_WEB_FOLDER", "/nowhere/to/be/found")]);
    let host = Host::over(World::new(Engine::Memory), &named);
    assert_eq!(get(&host, "/console/", "text/html").0, 404);
    assert_eq!(get(&host, "/healthz", "*/*").0, 200);
}
