//! The OpenAPI document. A stand-in: no paths.

use serde_json::{Value, json};

/// The document.
pub fn document() -> Value {
    json!({ "openapi": "3.1.0", "info": { "title": "Zhengna 征纳", "version": env!("CARGO_PKG_VERSION") }, "paths": {} })
}
