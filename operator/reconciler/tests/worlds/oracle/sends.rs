//! Whether anything may have been written at all: where the product is stopped, where it only proposes,
//! and after a commit that failed.

use opendoor_reconciler::pass::PassReport;
use uuid::Uuid;

use super::declared::Declared;
use super::memory::Standing;
use super::{After, Call, Oracle, uuid};
use crate::laws::{Broken, Law, Occasion};
use crate::store::Trouble;
use crate::wire::Sent;

/// How many writes one batch has at most.
const BATCH: usize = 32;

impl Oracle {
    /// Judges what was sent, whatever came of it.
    pub(super) fn sends(&mut self, after: &After<'_>) -> Result<(), Broken> {
        self.note_commits(after);
        for sent in &after.notes.sent {
            let building = self.where_to(sent);
            if building.is_some_and(|building| sent.failed.contains(&building)) {
                return Err(Broken {
                    law: Law::FailedCommitStops,
                    how: format!("a commit had failed, and then there was {}", sent.call),
                });
            }
            let back = usize::from(self.turned && !sent.read_anew);
            let (_, declared) = &self.recent[self.recent.len() - 1 - back];
            let standing = building.and_then(|building| declared.standing.get(&building));
            if standing.is_some_and(|standing| standing.is_stopped()) {
                return Err(Broken {
                    law: Law::StoppedWritesNothing,
                    how: format!("{standing:?}, and then there was {}", sent.call),
                });
            }
            if standing == Some(&Standing::Proposes) {
                self.tally.occasion(Occasion::ProposedAndApproved);
                if !self.approved.contains(&call_of(sent)) {
                    return Err(Broken {
                        law: Law::ProposedIsApproved,
                        how: format!("nobody approved {}: {:?}", sent.call, sent.request),
                    });
                }
            }
        }
        Ok(())
    }

    fn where_to(&self, sent: &Sent) -> Option<Uuid> {
        let subject = sent.call.split('/').nth(3).and_then(|it| it.parse().ok());
        match subject {
            Some(subject) => {
                let key = self.key_homes.get(&subject).copied();
                key.or_else(|| self.registry.home(subject))
            }
            None => uuid(&sent.request["buildingUuid"]),
        }
    }

    fn note_commits(&mut self, after: &After<'_>) {
        if let Some((trouble, begins)) = after.commits.met {
            if begins {
                self.tally.premise(Law::FailedCommitStops);
            }
            self.tally.occasion(match (trouble, begins) {
                (Trouble::Refused, true) => Occasion::IntentsRefused,
                (Trouble::Refused, false) => Occasion::CommitRefused,
                (Trouble::AnswerLost, true) => Occasion::IntentsUnanswered,
                (Trouble::AnswerLost, false) => Occasion::CommitUnanswered,
                (Trouble::Overtaken, _) => Occasion::CommitOvertaken,
                (Trouble::Unreadable, _) => Occasion::LedgerUnreadable,
            });
        }
        let (pages, struck) = after.notes.later_pages;
        self.tally.occasions(Occasion::SeveralPages, pages);
        self.tally.occasions(Occasion::LaterPageStruck, struck);
        if after.notes.sent.len() > BATCH {
            self.tally.occasion(Occasion::SeveralBatches);
            let approved = after.notes.sent.iter();
            let approved = approved.filter(|sent| self.approved.contains(&call_of(sent)));
            if approved.count() > BATCH {
                self.tally.occasion(Occasion::ApprovedBatches);
            }
        }
        if self.turned {
            self.tally.occasion(Occasion::ChangedMeanwhile);
            let stopped = self.recent.last().is_some_and(|(_, declared)| {
                let mut standing = declared.standing.values();
                standing.any(|standing| standing.is_stopped() || *standing == Standing::Proposes)
            });
            if stopped {
                self.tally.occasion(Occasion::StoppedMeanwhile);
            }
        }
    }

    /// Counts properties that act again.
    pub(super) fn note_standing(&mut self, declared: &Declared) {
        let Some((_, before)) = self.recent.last() else {
            return;
        };
        let again = declared.standing.iter().filter(|(building, standing)| {
            let was = before.standing.get(*building);
            **standing == Standing::Acts
                && was.is_some_and(|was| was.is_stopped() || *was == Standing::Proposes)
        });
        let again = again.count();
        self.tally
            .occasions(Occasion::ActsAgain, u64::try_from(again).unwrap());
    }

    /// Counts passes that had something to do and were not to do it.
    pub(super) fn note_stopped(&mut self, building: Uuid, pass: &PassReport) {
        let Some((_, declared)) = self.recent.last() else {
            return;
        };
        let held = pass.plan.steps.iter().filter(|step| step.held.is_some());
        let (steps, held) = (pass.plan.steps.len(), held.count());
        let (law, occasion) = match declared.standing.get(&building) {
            Some(Standing::Observes) if steps > held => {
                (Law::StoppedWritesNothing, Occasion::Observed)
            }
            Some(Standing::PortfolioSuspended) if steps > held => {
                (Law::StoppedWritesNothing, Occasion::PortfolioSuspended)
            }
            Some(Standing::PropertySuspended) if steps > held => {
                (Law::StoppedWritesNothing, Occasion::PropertySuspended)
            }
            Some(Standing::Proposes) if held > 0 => (Law::ProposedIsApproved, Occasion::Proposed),
            _ => return,
        };
        self.tally.premise(law);
        self.tally.occasion(occasion);
    }
}

/// As [`super::call_of`] names a step.
fn call_of(sent: &Sent) -> Call {
    match sent.request["name"].as_str() {
        Some(name) if sent.call.starts_with("POST") => (format!("{} {name}", sent.call), None),
        _ => (sent.call.clone(), sent.if_match),
    }
}
