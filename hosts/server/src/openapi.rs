//! The OpenAPI 3.1 document, made from the routes and from the core's own tables.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use zhengna_core::access::Provider;
use zhengna_core::error::CODES;

use crate::api::{self, Documented};

/// The document.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in api::routes().documented() {
        let method = route.method.as_str().to_lowercase();
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[&method] = operation;
    }
    let mut schemas: Map<String, Value> = generator.take_definitions(true);
    schemas.insert("Problem".into(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Zhengna 征纳",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Interaction between a tax authority and its taxpayers. Instants are RFC 3339 with +08:00. Errors are application/problem+json with a stable `code`. Writes that say so need an `Idempotency-Key`: repeat a request with the same key as often as needed, it happens once.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "session": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "session": { "type": "http", "scheme": "bearer", "description": "The token that POST /api/v1/sessions answers." } },
            "responses": {
                "Problem": {
                    "description": "What went wrong, with a stable code.",
                    "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
                },
            },
        },
    })
}

fn operation(route: &Documented, generator: &mut schemars::SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let schema = match name {
                "provider" => json!({ "type": "string", "enum": Provider::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>() }),
                "year" => json!({ "type": "string", "pattern": "^20[0-9]{2}(\\.ics)?$" }),
                _ => json!({ "type": "string", "format": "uuid" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    parameters.extend(route.query.iter().map(|p| {
        let schema = if p.number { json!({ "type": "integer", "minimum": 0 }) } else { json!({ "type": "string" }) };
        json!({ "name": p.name, "in": "query", "required": false, "description": p.about, "schema": schema })
    }));
    if route.keyed {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true, "schema": { "type": "string", "minLength": 1, "maxLength": 64 },
            "description": "A UUID version 7 made by the client for this one action.",
        }));
    }
    let mut success = json!({ "description": route.operation.summary });
    if let Some(answer) = route.answer {
        success["content"] = json!({ "application/json": { "schema": answer(generator) } });
    }
    if let Some(line) = route.lines {
        success["content"] = json!({ "application/x-ndjson": { "schema": line(generator) } });
    }
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.operation.summary,
        "description": route.operation.title,
        "tags": [route.operation.name.split('.').next().unwrap_or_default()],
        "parameters": parameters,
        "responses": { route.status.as_str(): success, "default": { "$ref": "#/components/responses/Problem" } },
        "x-callers": route.operation.callers,
        "x-permission": route.operation.permission,
        "x-administrative": route.operation.administrative(),
        "x-class": route.operation.class,
        "x-per-minute": route.operation.per_minute,
    });
    if let Some(body) = route.body {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": body(generator) } } });
        if let Some(media_type) = route.text {
            operation["requestBody"]["content"][media_type] = json!({ "schema": { "type": "string" } });
        }
    }
    if route.upload {
        let file = json!({ "schema": { "type": "string", "format": "binary" } });
        operation["requestBody"] = json!({ "required": true, "content": { "application/octet-stream": file } });
    }
    if route.open {
        operation["security"] = json!([]);
    }
    operation
}

fn problem() -> Value {
    let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string", "description": "One Chinese sentence for the person." },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "English, for the developer." },
            "code": { "type": "string", "description": "Stable. The host adds codes of its own under http., body., query., path., rate., network., idempotency., list.", "examples": codes },
            "field": { "type": "string", "description": "Which field is wrong." },
            "retry_after_s": { "type": "integer" },
            "request_id": { "type": "string" },
            "related": { "type": "string", "description": "An object that explains the refusal." },
        },
    })
}
