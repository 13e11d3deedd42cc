//! Authorisation: the matrix of `zhengna_tests::authorisation` against a host over HTTP. The same is a test of the host, on SQLite
//! and PostgreSQL; here it shows that it finds holes (teeth), and its figures are written down.

use tokio::net::TcpListener;
use zhengna_core::access::Provider;
use zhengna_server::config::{Effective, Flags};
use zhengna_server::listener::{Lifecycle, serve};
use zhengna_server::provider::Providers;
use zhengna_server::{api, app, openapi};
use zhengna_tests::authorisation::{Extent, Matrix, Route, Target, drive};
use zhengna_tests::provider::{Believes, believing};
use zhengna_tests::world::{Engine, World};

use crate::host::program;
use crate::plan::{Figures, Outcome, Plan};

/// Callers without what an operation needs: one of so many in a quick run.
const ONE_IN: u64 = 40;

/// Drives the matrix.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let mut figures = Figures::default();
    let all = [Engine::Memory, Engine::Sqlite, Engine::Postgres].map(|engine| (engine, Extent::Whole));
    for (engine, extent) in plan.choose(&[(Engine::Memory, Extent::Sampled(ONE_IN))][..], &all[..]) {
        let Matrix { cells, refused, admitted, compared, routes, callers, swept, .. } = on(*engine, *extent)?;
        figures.add(&format!("{engine:?}: cells (refused, admitted)"), format!("{cells} ({refused}, {admitted})"));
        figures.add(&format!("{engine:?}: routes, callers"), format!("{routes}, {callers}"));
        figures.add(&format!("{engine:?}: refused calls changed the database, comparisons of dumps"), format!("0, {compared}"));
        figures.add(&format!("{engine:?}: fields that take an id, pairs of calls"), format!("{}, {}", swept.fields.len(), swept.pairs));
    }
    figures.add("cells answered otherwise than the table says", 0);
    Ok(figures)
}

fn on(engine: Engine, extent: Extent) -> Result<Matrix, String> {
    let world = World::new(engine);
    let many = ["ZHENGNA_LIMITS_REQUESTS_PER_SECOND_PER_PERSON", "ZHENGNA_LIMITS_REQUEST_BURST_PER_PERSON"];
    let reader = ("ZHENGNA_TABLE_READER".to_owned(), program()?.display().to_string());
    let variables = many.iter().map(|name| ((*name).to_owned(), "100000".to_owned())).chain([reader]);
    let config = Effective::from_parts(&Flags::default(), variables).map_err(|e| e.to_string())?.config;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|e| e.to_string())?;
    let lifecycle = Lifecycle::new();
    let (core, stop) = (world.core.clone(), lifecycle.clone());
    let base = runtime.block_on(async move {
        let providers = Providers::of(believing(), std::sync::Arc::new(Believes(Provider::MiniProgram)));
        let router = app::start(core, &config, providers, stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        tokio::spawn(serve(listener, router, config.listener_limits(), stop));
        Ok::<_, String>(format!("http://{address}"))
    })?;
    let routes: Vec<Route> = api::routes()
        .documented()
        .iter()
        .map(|d| Route { method: d.method.to_string(), path: d.path.into(), id: d.id, operation: d.operation })
        .collect();
    let outcome = drive(&Target { base, world: &world }, &routes, &openapi::document(), extent);
    lifecycle.begin_stop();
    outcome
}
