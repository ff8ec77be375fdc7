//! What the locks carry out of it, and which of them somebody must visit.

use opendoor_api::condition;

use super::pairs::PairView;
use super::{Condition, new};
use crate::exposure::{Tri, Verdict};
use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::partners::listing;
use crate::reasons::Reason;
use crate::steps::partner_name;

/// Whether the locks carry it out: of an object, the worst of its pairs.
pub(super) fn enforced(
    mine: &[PairView<'_>],
    is_property: bool,
    observed: &Observed,
    ledger: &Ledger,
) -> Condition {
    let worst = mine
        .iter()
        .max_by_key(|(pair, known)| (known.verdict.enforced, std::cmp::Reverse(*pair)))
        .map(|(_, known)| &known.verdict);
    let Some(verdict) = worst.filter(|verdict| verdict.enforced != Tri::True) else {
        // Doors that this look does not show may owe what nobody here knows of.
        let (enforced, reason) = if observed.incomplete.is_some() {
            (Tri::Unknown, Reason::ObservationIncomplete)
        } else if is_property && has_unknown_lock(observed, ledger) {
            (Tri::Unknown, Reason::HistoryUnknown)
        } else {
            (Tri::True, Reason::LockProven)
        };
        return new(condition::ENFORCED, enforced, reason, reason.meaning());
    };
    let mut named: Vec<String> = mine
        .iter()
        .filter(|(_, known)| known.verdict.enforced == verdict.enforced)
        .map(|((door, partner), _)| {
            format!(
                "{} ({})",
                crate::key_steps::door_name(observed, *door),
                partner_name(ledger, observed, *partner)
            )
        })
        .collect();
    named.sort();
    named.dedup();
    let message = format!("{} At: {}.", verdict.reason.meaning(), listing(&named, 5));
    new(
        condition::ENFORCED,
        verdict.enforced,
        verdict.reason,
        &message,
    )
}

/// Whether a lock may accept somebody nobody here knows of, whom no object answers for.
fn has_unknown_lock(observed: &Observed, ledger: &Ledger) -> bool {
    observed.doors.iter().any(|row| {
        let record = ledger.doors.get(&row.uuid);
        row.serial.is_some() && record.is_some_and(|record| record.unknown.is_some())
    })
}

/// Whether somebody must go there because access is owed. DOOR may also ask for a Door Sync after a
/// grant; that one heals at first use and is told apart.
pub(super) fn owes_visit(verdict: &Verdict) -> bool {
    verdict.sync_required == Tri::True && verdict.since.is_some()
}

pub(super) fn sync_required(
    mine: &[PairView<'_>],
    visits: &[String],
    observed: &Observed,
) -> Condition {
    let first = |which: &dyn Fn(&Verdict) -> bool| {
        mine.iter()
            .map(|(_, known)| &known.verdict)
            .find(|verdict| which(verdict))
    };
    if let Some(verdict) = first(&owes_visit) {
        let mut names = visits.to_vec();
        names.sort();
        let message = format!(
            "{} {} a Door Sync: {}.",
            visits.len(),
            if visits.len() == 1 {
                "door needs"
            } else {
                "doors need"
            },
            listing(&names, 5)
        );
        return new(
            condition::SYNC_REQUIRED,
            Tri::True,
            verdict.reason,
            &message,
        );
    }
    if let Some(verdict) = first(&|verdict| verdict.sync_required == Tri::True) {
        let mut names: Vec<String> = mine
            .iter()
            .filter(|(_, known)| known.verdict.sync_required == Tri::True)
            .map(|((door, _), _)| crate::key_steps::door_name(observed, *door))
            .collect();
        names.sort();
        names.dedup();
        let message = format!(
            "DOOR OS asks for a Door Sync after a grant at {}. The partner's first use does the same; only doorcodes wait for it.",
            listing(&names, 5)
        );
        return new(
            condition::SYNC_REQUIRED,
            Tri::True,
            verdict.reason,
            &message,
        );
    }
    match first(&|verdict| verdict.sync_required == Tri::Unknown) {
        Some(verdict) => new(
            condition::SYNC_REQUIRED,
            Tri::Unknown,
            verdict.reason,
            verdict.reason.meaning(),
        ),
        None => {
            let worst = mine.iter().map(|(_, known)| &known.verdict);
            let reason = worst
                .max_by_key(|verdict| verdict.enforced)
                .map_or(Reason::LockProven, |verdict| verdict.reason);
            new(
                condition::SYNC_REQUIRED,
                Tri::False,
                reason,
                "No lock needs a visit for this.",
            )
        }
    }
}
