//! Calls what the document says, and holds each answer against its schema.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::Host;

pub(crate) struct Drive<'a> {
    pub(crate) host: &'a Host,
    pub(crate) document: Value,
    pub(crate) driven: BTreeSet<String>,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        let answer = host.call("GET", "/api/openapi.json", None, None, None);
        assert_eq!((answer.status, &answer.body["openapi"]), (200, &json!("3.1.0")));
        Self { host, document: answer.body, driven: BTreeSet::new() }
    }

    pub(crate) fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &Value)| {
            item.as_object().unwrap().iter().map(|(method, o)| (path.clone(), method.clone(), o.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(methods).collect()
    }

    pub(crate) fn ok(&mut self, id: &str, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
        let bare = path.split('?').next().unwrap();
        let fits = |template: &str| {
            let (a, b): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), bare.split('/').collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let operations = self.operations();
        let (_, _, declared) = operations
            .iter()
            .find(|(p, m, o)| fits(p) && *m == method.to_lowercase() && o["operationId"] == id)
            .unwrap_or_else(|| panic!("{method} {path} is not documented as {id}"));
        if let (Some(body), Some(schema)) = (&body, declared["requestBody"]["content"]["application/json"].get("schema")) {
            self.holds(schema, body, id);
        }
        let key = self.host.key();
        let answer = match &body {
            Some(Value::String(file)) => {
                let headers = [("idempotency-key", key.as_str()), ("content-type", "application/octet-stream")];
                self.host.with_bytes(method, path, Some(token), &headers, file.as_bytes())
            }
            json => self.host.call(method, path, Some(token), Some(&key), json.as_ref()),
        };
        let (status, success) = declared["responses"].as_object().unwrap().iter().find(|(s, _)| *s != "default").unwrap();
        assert_eq!(answer.status.to_string(), *status, "{id}: {answer:?}");
        match (success["content"]["application/json"].get("schema"), success["content"]["application/x-ndjson"].get("schema")) {
            (Some(schema), _) => self.holds(schema, &answer.body, id),
            // The last of the lines.
            (_, Some(line)) => self.holds(line, &json!({ "done": answer.body }), id),
            _ => assert_eq!(answer.body, json!(""), "{id}"),
        }
        self.driven.insert(id.into());
        answer.body
    }

    pub(crate) fn holds(&self, schema: &Value, value: &Value, id: &str) {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&whole).unwrap_or_else(|e| panic!("{id}: the schema itself: {e}"));
        let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{id}: {errors:?} in {value}");
    }
}
