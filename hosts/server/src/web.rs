//! The applications that people open in a browser, as they were built: the staff console and the taxpayer's pages. They are within the
//! program, or in the folder that is configured in their place; what is asked for is looked up among what was read at the start, and nowhere else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Wanted, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use crate::app::App;
use crate::problem::Problem;

/// Files of the applications.
const FILES_MAX: usize = 2_000;
/// Bytes of them, all together.
const BYTES_MAX: u64 = 64 << 20;
/// Folders within the folder, and where they are served.
const APPLICATIONS: [&str; 2] = ["console", "taxpayer"];
/// What a browser may keep for good: its name changes with its content.
const HASHED: &str = "public, max-age=31536000, immutable";

/// What `make web` built: within a release; a debug build reads it from there at its start. Nothing where nothing was built.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
struct Built;

/// A file of an application.
#[derive(Clone)]
struct File {
    kind: &'static str,
    content: Bytes,
    /// The same for a browser that takes it so, once one asked; nothing where that is no smaller.
    gzip: OnceLock<Option<Bytes>>,
}

impl File {
    fn new(name: &str, content: Bytes) -> Self {
        Self { kind: kind_of(name), content, gzip: OnceLock::new() }
    }

    fn gzipped(&self) -> Option<Bytes> {
        let squeeze = || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(self.content.len() / 3), Compression::best());
            encoder.write_all(&self.content).ok()?;
            encoder.finish().ok().filter(|gzip| gzip.len() < self.content.len()).map(Bytes::from)
        };
        self.gzip.get_or_init(squeeze).clone()
    }
}

/// What was read.
#[derive(Clone, Default)]
pub struct Web(HashMap<String, File>);

impl Web {
    /// The applications within the program.
    pub fn built_in() -> Self {
        static READ: LazyLock<Web> = LazyLock::new(|| {
            let file = |name: Cow<'static, str>| Built::get(&name).map(|file| (name.to_string(), File::new(&name, content_of(file.data))));
            Web(Built::iter().filter_map(file).collect())
        });
        READ.clone()
    }

    /// Reads the applications of a folder: those that are there.
    ///
    /// # Errors
    /// A file cannot be read, or there is more than applications have.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut web = Self::default();
        let mut bytes = 0;
        for application in APPLICATIONS {
            let at = folder.join(application);
            if at.is_dir() {
                web.add(&at, application, &mut bytes)?;
            }
        }
        Ok(web)
    }

    fn add(&mut self, folder: &Path, name: &str, bytes: &mut u64) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.add(&entry.path(), &name, bytes)?;
                continue;
            }
            *bytes += entry.metadata()?.len();
            if self.0.len() >= FILES_MAX || *bytes > BYTES_MAX {
                let most = format!("more than {FILES_MAX} files or {BYTES_MAX} bytes: not what an application was built to");
                return Err(io::Error::other(most));
            }
            let content = std::fs::read(entry.path())?;
            let file = File::new(&name, content.into());
            self.0.insert(name, file);
        }
        Ok(())
    }

    /// The answer for a file; an application's pages are all its index.
    fn answer(&self, application: &str, path: &str, headers: &HeaderMap) -> Response {
        let shows_pages = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
        let index = format!("{application}/index.html");
        let file = match (self.0.get(&format!("{application}/{path}")), self.0.get(&index)) {
            (Some(file), _) if !path.is_empty() => Some((file, path != "index.html")),
            (_, Some(index)) if path.is_empty() || (shows_pages && !path.contains('.')) => Some((index, false)),
            (_, None) => return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response(),
            _ => None,
        };
        let Some((file, named)) = file else { return Problem::of_status(StatusCode::NOT_FOUND).into_response() };
        // Only names with a hash in them stand under assets.
        let keep = if named && path.contains("assets/") { HASHED } else { "no-cache" };
        let said = [(header::CONTENT_TYPE, file.kind), (header::CACHE_CONTROL, keep), (header::VARY, "accept-encoding")];
        match takes_gzip(headers).then(|| file.gzipped()).flatten() {
            Some(gzip) => (said, [(header::CONTENT_ENCODING, "gzip")], gzip).into_response(),
            None => (said, file.content.clone()).into_response(),
        }
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    encodings.map(|one| one.split_once(';').unwrap_or((one, ""))).any(|(name, weight)| {
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn content_of(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(within) => Bytes::from_static(within),
        Cow::Owned(read) => read.into(),
    }
}

/// Shown where an application was not built.
const NOT_BUILT: &str = include_str!("../web/not_built.html");

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

pub(crate) fn router() -> Router<App> {
    let mut router = Router::new();
    for application in APPLICATIONS {
        let index = async move |State(app): State<App>, headers: HeaderMap| app.web().answer(application, "", &headers);
        let file = async move |State(app): State<App>, Wanted(path): Wanted<String>, headers: HeaderMap| {
            app.web().answer(application, &path, &headers)
        };
        let home = format!("/{application}/");
        let there = home.clone();
        router = router.route(
            &format!("/{application}"),
            get(async move |uri: Uri| Redirect::permanent(&uri.query().map_or(there.clone(), |query| format!("{there}?{query}")))),
        );
        router = router.route(&home, get(index)).route(&format!("/{application}/{{*path}}"), get(file));
    }
    router
}
