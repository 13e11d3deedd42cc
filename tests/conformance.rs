//! Every store does what every store must do: the whole suite on each engine, each function on a database of
//! its own, all failures told at the end by name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use zhengna_core::store::Store;
use zhengna_core::store::conformance::{ALL, OWNED};
use zhengna_tests::fixture;
use zhengna_tests::world::Engine;

fn reason(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

fn run(engine: Engine) {
    let mut failures = Vec::new();
    let mut one = |name: &str, case: &dyn Fn(&Arc<dyn Store>)| {
        let keep = fixture::fresh(engine);
        let store = fixture::open(&keep);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| case(&store))) {
            failures.push(format!("{engine:?}: {name}: {}", reason(payload.as_ref())));
        }
    };
    for (name, case) in ALL {
        one(name, &|store| case(&**store));
    }
    for (name, case) in OWNED {
        one(name, case);
    }
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), ALL.len() + OWNED.len(), failures.join("\n"));
}

#[test]
fn memory() {
    run(Engine::Memory);
}

#[test]
fn sqlite() {
    run(Engine::Sqlite);
}

#[test]
fn postgres() {
    run(Engine::Postgres);
}
