//! A write that DOOR OS refused: the call, its code, and what to do.

use opendoor_planner::plan::Step;
use opendoor_planner::writes::Write;

use super::words::clean;

/// What DOOR OS refused and why, in a sentence.
#[must_use]
pub fn message(step: &Step, code: &str) -> String {
    let call = call(&step.write);
    format!("{call} answered {}: {}", clean(code), next(code))
}

fn call(write: &Write) -> &'static str {
    match write {
        Write::SetDoorPartner { .. } => "PUT /v1/doors/{uuid}/partner",
        Write::CreateKey { .. } => "POST /v1/keys",
        Write::UpdateKey { .. } => "PATCH /v1/keys/{uuid}",
        Write::DeleteKey { .. } => "DELETE /v1/keys/{uuid}",
    }
}

fn next(code: &str) -> &'static str {
    match code {
        "FORBIDDEN" => {
            "the manager behind these credentials may not do this; ask a portfolio manager to give back portfolio or \
             property permission, with Full Key Management for keys."
        }
        "UNAUTHORIZED" => {
            "DOOR OS does not accept these credentials; check the client id and secret."
        }
        "PARTNER_NOT_AUTHORIZED" => {
            "DOOR has not authorised this partner at the property, or not any more; ask DOOR (opendoor email)."
        }
        "PARTNER_IMMUTABLE" => {
            "DOOR OS never changes a key's partner; create a new key, move its holders, then delete this one."
        }
        "PARTNER_IN_USE" => "take the partner off every door and key of the property first.",
        "KEY_NAME_TAKEN" => {
            "another key of the building has this name; choose another keyName, or adopt that key."
        }
        "KEY_DELETED" | "NOT_FOUND" => "it was deleted meanwhile; plan again.",
        "REVISION_MISMATCH" => {
            "somebody changed it between the look and the write; nothing was overwritten; plan again."
        }
        "DOOR_OUTSIDE_BUILDING" => "a door of it is in another building; take it out.",
        _ => {
            "DOOR OS does not take this write; plan again, and if it stays, ask whoever serves DOOR OS with this code."
        }
    }
}
