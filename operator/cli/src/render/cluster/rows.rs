//! The lines of a plan that an operator published, as those of a plan made here.

use opendoor_api::{PlannedStep, RefusedStep, UnmanagedAccess};
use opendoor_planner::owner::Cause;
use opendoor_planner::plan::{Action, HandMade, Refusal};

use crate::render::rows::{Effects, Row, Tone, mark};
use crate::render::settings::Changed;
use crate::render::view::Outside;
use crate::render::words::clean;

/// A step that is left or held.
pub(super) fn of_step(step: &PlannedStep) -> Row {
    let action = Action::named(&step.action);
    let (mark, tone) = match action {
        Some(action) => mark(action, step.reason.is_some()),
        None if step.reason.is_some() => ('!', Tone::Ask),
        None => ('~', Tone::Change),
    };
    let what = match (&step.key, &step.door) {
        (Some(key), _) => format!("key \"{}\"", clean(key)),
        (None, Some(door)) => clean(door).into_owned(),
        (None, None) => clean(&step.action).into_owned(),
    };
    Row {
        mark,
        tone,
        what,
        change: clean(&change(action, step)).into_owned(),
        place: step.cause.as_ref().map_or_else(String::new, |cause| {
            clean(&format!("{}/{}", cause.kind, cause.name)).into_owned()
        }),
        remark: remark(action, step),
        strong: step.reason.is_some(),
        message: String::new(),
        difference: difference(step),
    }
}

/// Whether both sides are a key's settings that differ.
fn is_difference(step: &PlannedStep) -> bool {
    step.key.is_some()
        && !matches!(
            Action::named(&step.action),
            Some(Action::CreateKey | Action::DeleteKey)
        )
}

fn change(action: Option<Action>, step: &PlannedStep) -> String {
    if is_difference(step) {
        return step.partner.clone().unwrap_or_default();
    }
    let side = |words: &Option<String>| words.clone().unwrap_or_else(|| String::from("none"));
    let comes = matches!(action, Some(Action::AssignDoor | Action::CreateKey));
    match &step.after {
        Some(after) if comes && step.reason.is_none() => after.clone(),
        after => format!("{} -> {}", side(&step.before), side(after)),
    }
}

fn difference(step: &PlannedStep) -> Vec<Changed> {
    if !is_difference(step) {
        return Vec::new();
    }
    let lines = |side: &Option<String>, changed: fn(String) -> Changed| {
        let words = side.clone().unwrap_or_default();
        let lines = words.split("; ").filter(|line| !line.is_empty());
        lines
            .map(|line| changed(clean(line).into_owned()))
            .collect::<Vec<Changed>>()
    };
    let mut all = lines(&step.before, Changed::Removed);
    all.extend(lines(&step.after, Changed::Added));
    all
}

fn remark(action: Option<Action>, step: &PlannedStep) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(reason) = &step.reason {
        parts.push(format!("HELD {}", clean(reason)));
    }
    if let Some(action) = action {
        let partner = step.partner.as_deref().unwrap_or("somebody");
        // Who goes from a door is there before; a key stays its partner's.
        let loser = step.before.as_deref().filter(|_| step.key.is_none());
        let effects = Effects {
            action,
            irreversible: step.irreversible == Some(true),
            holders: step.holders_affected,
            restores: false,
            visits: usize::try_from(step.door_visits.unwrap_or_default()).unwrap_or(usize::MAX),
            offline: false,
            loser: loser.unwrap_or(partner),
        };
        parts.extend(effects.words());
    }
    parts.join("; ")
}

/// A declaration that is refused.
pub(super) fn of_refusal(refused: &RefusedStep) -> Row {
    let cause = refused.cause.as_ref().map(|cause| Cause {
        kind: cause.kind.clone(),
        name: cause.name.clone(),
        file: None,
        line: None,
        column: None,
    });
    match (refused.reason.parse(), cause) {
        (Ok(reason), Some(cause)) => Row {
            place: String::new(),
            ..Row::of_refusal(&Refusal {
                cause,
                reason,
                message: refused.message.clone(),
                owner: None,
            })
        },
        // Of an operator that is newer than this program.
        (_, cause) => {
            let row = Row::of_problem(&Outside {
                property: None,
                reason: None,
                message: refused.message.clone(),
                cause,
                failed: false,
            });
            Row {
                mark: 'x',
                tone: Tone::Refuse,
                place: String::new(),
                remark: format!("REFUSED {}", clean(&refused.reason)),
                ..row
            }
        }
    }
}

/// Access that nobody declared.
pub(super) fn of_unmanaged(access: &UnmanagedAccess) -> Row {
    Row::of_unmanaged(&HandMade {
        what: what(access).to_owned(),
        door: None,
        partner: access.partner.clone(),
        change: by_hand(access),
        owner: None,
        key: None,
    })
}

/// The door; of a key without doors, the key.
pub(super) fn what(access: &UnmanagedAccess) -> &str {
    access.door.as_deref().unwrap_or(&access.via)
}

/// What was done by hand.
pub(super) fn by_hand(access: &UnmanagedAccess) -> String {
    match (&access.door, access.via.as_str()) {
        (_, "door") => String::from("partner put on the door by hand"),
        (Some(_), via) => format!("opens it by {via}, and nothing declares that"),
        (None, _) => String::from("partner key that nothing declares"),
    }
}
