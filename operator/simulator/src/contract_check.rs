//! Checks an exchange against `openapi.yaml`. Stricter than a client should be: a field that the contract does not list
//! is a fault here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

const OPENAPI: &str = include_str!("../../door-os/openapi.yaml");

/// The contract as JSON, with every object that it describes closed.
fn contract() -> Result<&'static Value, String> {
    static CONTRACT: OnceLock<Result<Value, String>> = OnceLock::new();
    CONTRACT
        .get_or_init(|| {
            let mut contract: Value =
                serde_saphyr::from_str(OPENAPI).map_err(|error| error.to_string())?;
            if let Some(schemas) = contract.pointer_mut("/components/schemas") {
                close(schemas);
            }
            Ok(contract)
        })
        .as_ref()
        .map_err(Clone::clone)
}

/// Checks the bodies of one exchange; `path` is a concrete path without query. A body that is empty is no body.
pub fn check_exchange(
    method: &str,
    path: &str,
    status: u16,
    request_body: &[u8],
    response_body: &[u8],
) -> Result<(), String> {
    let contract = contract()?;
    let (template, item) =
        find_path(contract, path).ok_or_else(|| format!("{path} is no path of the contract"))?;
    let operation = item
        .get(method.to_ascii_lowercase())
        .ok_or_else(|| format!("{method} {template} is no operation of the contract"))?;
    let what = format!("{method} {template} {status}");
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        // A request that was refused as invalid need not be valid.
        if status != 400 && !(template == "/oauth/token" && status >= 400) {
            check(contract, schema, request_body, &format!("{what}: request"))?;
        }
    } else if !request_body.is_empty() {
        return Err(format!("{what}: the request has a body"));
    }
    let response = operation
        .get("responses")
        .and_then(|responses| responses.get(status.to_string()))
        .ok_or_else(|| format!("{what}: the contract does not list this status"))?;
    let response = resolve(contract, response)?;
    let schema = response
        .pointer("/content/application~1json/schema")
        .ok_or_else(|| format!("{what}: the contract lists no body"))?;
    if status == 403 && response_body.is_empty() {
        return Ok(());
    }
    check(
        contract,
        schema,
        response_body,
        &format!("{what}: response"),
    )
}

fn find_path<'a>(contract: &'a Value, path: &str) -> Option<(&'a String, &'a Value)> {
    let wanted: Vec<&str> = path.split('/').collect();
    contract
        .get("paths")?
        .as_object()?
        .iter()
        .find(|(template, _)| {
            let segments: Vec<&str> = template.split('/').collect();
            segments.len() == wanted.len()
                && segments
                    .iter()
                    .zip(&wanted)
                    .all(|(segment, wanted)| segment.starts_with('{') || segment == wanted)
        })
}

fn resolve<'a>(contract: &'a Value, value: &'a Value) -> Result<&'a Value, String> {
    match value.get("$ref").and_then(Value::as_str) {
        None => Ok(value),
        Some(reference) => contract
            .pointer(reference.trim_start_matches('#'))
            .ok_or_else(|| format!("{reference} is not in the contract")),
    }
}

fn check(contract: &Value, schema: &Value, body: &[u8], what: &str) -> Result<(), String> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| format!("{what} is no JSON: {error}"))?;
    let faults: Vec<String> = validator(contract, schema)?
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{what}: {}", faults.join("; ")))
    }
}

/// The validator of a schema of the contract; there are few, and each takes long to build.
fn validator(contract: &Value, schema: &Value) -> Result<Arc<Validator>, String> {
    static BUILT: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = built.get(&schema.to_string()) {
        return Ok(Arc::clone(validator));
    }
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": contract.get("components"),
        "allOf": [schema],
    });
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&whole)
        .map_err(|error| error.to_string())?;
    let validator = Arc::new(validator);
    built.insert(schema.to_string(), Arc::clone(&validator));
    Ok(validator)
}

/// Forbids properties that an object schema does not list.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object)
                && !fields.contains_key("additionalProperties")
            {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_contract_does_not_say_is_a_fault() {
        let check = |method, path, status, request: Value, response: Value| {
            let request = if request.is_null() {
                Vec::new()
            } else {
                request.to_string().into_bytes()
            };
            check_exchange(
                method,
                path,
                status,
                &request,
                response.to_string().as_bytes(),
            )
        };
        let uuid = "6fa1d3f4-8e0c-5b53-9a58-0b8b8a3d6c11";
        let building = json!({ "buildings": [{ "uuid": uuid, "name": "A" }] });
        check("GET", "/v1/buildings", 200, Value::Null, building).unwrap();
        for row in [
            json!({ "uuid": uuid }),
            json!({ "uuid": "no-uuid", "name": "A" }),
            json!({ "uuid": uuid, "name": 1 }),
            json!({ "uuid": uuid, "name": "A", "residents": [] }),
        ] {
            check(
                "GET",
                "/v1/buildings",
                200,
                Value::Null,
                json!({ "buildings": [row] }),
            )
            .unwrap_err();
        }
        let path = format!("/v1/doors/{uuid}/partner");
        let refused = json!({ "message": "REVISION_MISMATCH" });
        check(
            "PUT",
            &path,
            412,
            json!({ "partnerUuid": null }),
            refused.clone(),
        )
        .unwrap();
        check(
            "PUT",
            &path,
            412,
            json!({ "partner": null }),
            refused.clone(),
        )
        .unwrap_err();
        check(
            "PUT",
            &path,
            418,
            json!({ "partnerUuid": null }),
            refused.clone(),
        )
        .unwrap_err();
        check(
            "PUT",
            &path,
            412,
            json!({ "partnerUuid": null }),
            json!({ "message": "WHATEVER" }),
        )
        .unwrap_err();
        check("DELETE", &path, 412, Value::Null, refused.clone()).unwrap_err();
        check("GET", "/v1/nothing", 412, Value::Null, refused).unwrap_err();
    }
}
