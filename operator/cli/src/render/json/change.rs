//! What a change does, as JSON: the document of a plan, of only what the change causes, and beside it
//! what the change ends and what was pending anyway.

use opendoor_reconciler::change::ChangeReport;
use serde_json::{Value, json};

use super::super::change::Asked;
use super::super::view::View;
use super::{Uuids, document, refusal_json, step_json};

/// What only the change causes, and what was pending anyway.
#[must_use]
pub fn change(report: &ChangeReport, asked: &Asked<'_>) -> Value {
    let caused = View::of_round(&report.caused, false);
    let mut value = document(&caused, Uuids::Known);
    let steps = caused.properties.iter().flat_map(|property| {
        let beside = report.beside.get(&property.plan.name);
        let steps = property.plan.steps.iter();
        steps.map(move |step| beside.and_then(|beside| beside.how.get(&step.fingerprint)))
    });
    let listed = value.get_mut("steps").and_then(Value::as_array_mut);
    for (step, how) in listed.into_iter().flatten().zip(steps) {
        if let Some(fields) = step.as_object_mut() {
            let how = how.map(|how| how.as_str());
            fields.insert(String::from("change"), json!(how));
        }
    }
    let unnecessary: Vec<Value> = report
        .beside
        .iter()
        .flat_map(|(name, beside)| {
            let steps = beside.unnecessary.iter();
            steps.map(move |step| step_json(name, step, None, Uuids::Known))
        })
        .collect();
    let solved: Vec<Value> = report
        .beside
        .iter()
        .flat_map(|(name, beside)| {
            let refusals = beside.solved.iter();
            refusals.map(move |refusal| refusal_json(name, refusal))
        })
        .collect();
    let mut pending = document(&View::of_round(&report.pending, false), Uuids::Known);
    if let Some(fields) = pending.as_object_mut() {
        fields.remove("schemaVersion");
    }
    if let Some(fields) = value.as_object_mut() {
        fields.insert(String::from("base"), json!(asked.base));
        fields.insert(String::from("environment"), json!(asked.environment));
        fields.insert(
            String::from("snapshotAt"),
            json!(asked.origin.map(|origin| origin.at)),
        );
        fields.insert(String::from("withoutLedger"), json!(report.adopted));
        fields.insert(String::from("unnecessary"), json!(unnecessary));
        fields.insert(String::from("solved"), json!(solved));
        fields.insert(String::from("pending"), pending);
    }
    value
}
