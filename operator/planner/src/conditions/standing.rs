//! How an object stands towards DOOR OS: what is left to do, for us or for a person.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_api::condition;

use super::{Condition, new};
use crate::exposure::Tri;
use crate::owner::{OwnerId, OwnerKind};
use crate::partners::listing;
use crate::plan::{Action, Plan, Refusal, Step, WaitingKind};
use crate::reasons::{Class, Reason};
use crate::writes::Write;

/// How an object stands towards DOOR OS.
pub(super) struct Standing {
    /// Steps of it that are left and that we perform ourselves.
    working: usize,
    /// Why a person has to act, with words; the first is the one that shows.
    stalled: Vec<(Reason, String)>,
    /// Why it cannot be told.
    unclear: Vec<(Reason, String)>,
}

impl Standing {
    pub(super) fn of(owner: &OwnerId, plan: &Plan) -> Self {
        let all = owner.kind == OwnerKind::Property;
        let mut standing = Self {
            working: 0,
            stalled: Vec::new(),
            unclear: Vec::new(),
        };
        // Waiting for what a person keeps from being done: that itself goes before, where it is shown.
        let mut waits = Vec::new();
        for refusal in &plan.refusals {
            let mine = all || refusal.owner.as_ref().is_none_or(|of| of == owner);
            if !mine {
                continue;
            }
            let said = (refusal.reason, refusal.message.clone());
            match refusal.reason.class() {
                Class::CannotTell => standing.unclear.push(said),
                Class::Working if is_being_freed(refusal, plan) => standing.working += 1,
                Class::Working => waits.push(said),
                _ if refusal.owner.is_some() || all => standing.stalled.push(said),
                _ => {}
            }
        }
        let mut held: BTreeMap<Reason, usize> = BTreeMap::new();
        for step in plan.steps.iter().filter(|step| all || step.owner == *owner) {
            match step.held.or(plan.not_performed) {
                Some(reason) => *held.entry(reason).or_default() += 1,
                None => standing.working += 1,
            }
        }
        for (reason, count) in held {
            let id = plan.hold_id.as_deref().filter(|_| {
                reason.class() == Class::Held
                    || reason == Reason::Drifted
                    || reason == Reason::Unmanaged
            });
            let how = id.map_or_else(
                || reason.fix().to_owned(),
                |id| format!("Approve with {id} if it is meant."),
            );
            standing.stalled.push((
                reason,
                format!("{count} changes wait: {} {how}", reason.meaning()),
            ));
        }
        standing.stalled.extend(waits);
        let waiting: BTreeSet<&str> = plan
            .waiting
            .iter()
            .filter(|waiting| match waiting.kind {
                WaitingKind::Authorization => all || waiting.owner.as_ref() == Some(owner),
                WaitingKind::Email => all && waiting.reason == Reason::AwaitingAuthorization,
                WaitingKind::Sync => false,
            })
            .map(|waiting| waiting.partner.as_str())
            .collect();
        if !waiting.is_empty() {
            let names: Vec<String> = waiting.into_iter().map(str::to_owned).collect();
            standing.stalled.push((
                Reason::AwaitingAuthorization,
                format!("DOOR has not authorised {} here yet.", listing(&names, 5)),
            ));
        }
        standing
    }

    pub(super) fn conditions(&self, plan: &Plan) -> Vec<Condition> {
        let unclear = self.unclear.first();
        let stalled = self.stalled.first();
        let applied = match (unclear, stalled) {
            (Some((reason, message)), _) => new(condition::APPLIED, Tri::Unknown, *reason, message),
            (None, Some((reason, message))) => {
                new(condition::APPLIED, Tri::False, *reason, message)
            }
            (None, None) if self.working > 0 => new(
                condition::APPLIED,
                Tri::False,
                Reason::Progressing,
                Reason::Progressing.meaning(),
            ),
            (None, None) => new(
                condition::APPLIED,
                Tri::True,
                Reason::InSync,
                Reason::InSync.meaning(),
            ),
        };
        let mut conditions = Vec::with_capacity(7);
        let busy = self.working > 0 || unclear.is_some() || !plan.complete;
        match (stalled, unclear) {
            (Some((reason, message)), _) if !busy => {
                conditions.push(new(condition::READY, Tri::False, *reason, message));
                conditions.push(new(condition::STALLED, Tri::True, *reason, message));
            }
            (_, Some((reason, message))) => {
                conditions.push(new(condition::READY, Tri::False, *reason, message));
                conditions.push(new(condition::RECONCILING, Tri::True, *reason, message));
            }
            _ if busy => {
                let message = Reason::Progressing.meaning();
                conditions.push(new(
                    condition::READY,
                    Tri::False,
                    Reason::Progressing,
                    message,
                ));
                conditions.push(new(
                    condition::RECONCILING,
                    Tri::True,
                    Reason::Progressing,
                    message,
                ));
            }
            _ => conditions.push(new(
                condition::READY,
                Tri::True,
                Reason::InSync,
                Reason::InSync.meaning(),
            )),
        }
        conditions.push(applied);
        conditions
    }
}

/// Whether we ourselves do what a refusal of this plan waits for: the key of the name that it quotes goes,
/// or gets another name.
fn is_being_freed(refusal: &Refusal, plan: &Plan) -> bool {
    let gives_up_its_name = |step: &Step| match &step.write {
        Write::UpdateKey { patch, .. } => patch.name.is_some(),
        _ => step.action == Action::DeleteKey,
    };
    plan.performable().any(|step| {
        gives_up_its_name(step)
            && step.key.as_ref().is_some_and(|key| {
                let quoted = format!("\"{}\"", key.name);
                refusal.message.contains(&quoted)
            })
    })
}

pub(super) fn drifted(owner: &OwnerId, plan: &Plan) -> Condition {
    let mine: Vec<String> = plan
        .drifted
        .iter()
        .filter(|change| owner.kind == OwnerKind::Property || change.owner.as_ref() == Some(owner))
        .map(|change| format!("{}: {}", change.what, change.change))
        .collect();
    if mine.is_empty() {
        return new(
            condition::DRIFTED,
            Tri::False,
            Reason::InSync,
            "Nothing that was applied was changed by hand.",
        );
    }
    let message = listing(&mine, 5);
    new(condition::DRIFTED, Tri::True, Reason::Drifted, &message)
}

pub(super) fn authorized(owner: &OwnerId, plan: &Plan, is_property: bool) -> Option<Condition> {
    let waits: BTreeSet<&str> = plan
        .waiting
        .iter()
        .filter(|waiting| {
            waiting.reason == Reason::AwaitingAuthorization
                && (is_property || waiting.owner.as_ref() == Some(owner))
        })
        .map(|waiting| waiting.partner.as_str())
        .collect();
    if waits.is_empty() {
        return Some(new(
            condition::AUTHORIZED,
            Tri::True,
            Reason::InSync,
            "DOOR has authorised every partner used here.",
        ));
    }
    let names: Vec<String> = waits.into_iter().map(str::to_owned).collect();
    let message = format!("DOOR has not authorised {} here yet.", listing(&names, 5));
    Some(new(
        condition::AUTHORIZED,
        Tri::False,
        Reason::AwaitingAuthorization,
        &message,
    ))
}
