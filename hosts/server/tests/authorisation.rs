//! Who may do what, over HTTP: every route by callers of every kind, session, post and place, on objects in every state. The
//! matrix is generated from the operation table by `zhengna_tests::authorisation`; it is written to `target/authorisation/`.

mod support;

use support::{Host, config};
use zhengna_tests::authorisation::{Extent, Matrix, Route, Target, drive};
use zhengna_tests::world::{Engine, World};

/// The routes, as they are declared.
fn routes() -> Vec<Route> {
    let routes = zhengna_server::api::routes();
    let of =
        |d: &zhengna_server::api::Documented| Route { method: d.method.to_string(), path: d.path.into(), id: d.id, operation: d.operation };
    routes.documented().iter().map(of).collect()
}

fn host(engine: Engine) -> Host {
    let rates = [("ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "100000"), ("ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON", "100000")];
    Host::over(World::new(engine), &config(&rates))
}

fn matrix(engine: Engine, extent: Extent) -> Matrix {
    let host = host(engine);
    let target = Target { base: host.base.clone(), world: &host.world };
    let matrix =
        drive(&target, &routes(), &zhengna_server::openapi::document(), extent).unwrap_or_else(|broken| panic!("{engine:?}: {broken}"));
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join("authorisation");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(format!("{engine:?}.csv").to_lowercase()), &matrix.csv).expect("room for the matrix");
    let Matrix { cells, refused, admitted, compared, routes, callers, by_why, .. } = &matrix;
    println!(
        "{engine:?}: {cells} cells ({refused} refused, {admitted} admitted) of {routes} routes by {callers} callers; {compared} dumps compared; {by_why:?}"
    );
    println!("{} fields that take an id, {} pairs of calls", matrix.swept.fields.len(), matrix.swept.pairs);
    matrix
}

/// That a route cannot be declared without an operation is a `compile_fail` test of `api::Documented`. Beside what is declared
/// stand only the pages and the probes, which say nothing about anybody.
#[test]
fn no_route_is_served_that_is_not_declared() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut routing: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            [".route(", ".route_service(", ".nest(", ".fallback"].iter().any(|call| text.contains(call))
        })
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    routing.sort_unstable();
    assert_eq!(routing, ["pages.rs", "probe.rs", "route.rs"]);
}

#[test]
fn every_cell_is_answered_as_the_table_says_on_sqlite() {
    assert!(matrix(Engine::Sqlite, Extent::Whole).cells > 20_000, "the matrix shrank");
}

#[test]
fn every_cell_is_answered_as_the_table_says_on_postgres() {
    assert!(matrix(Engine::Postgres, Extent::Sampled(6)).cells > 4_000, "the matrix shrank");
}
