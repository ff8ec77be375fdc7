//! The Portfolio that looks after a property.

use opendoor_api::{Kind, Portfolio, Resource};
use opendoor_planner::declared::{Declared, Problem};
use opendoor_planner::ledger::{AcceptedPortfolio, Head};
use opendoor_planner::reasons::Reason;

use super::name_of;
use crate::snapshot::Snapshot;

/// The Portfolio that looks after a property.
#[derive(Clone, Debug, PartialEq)]
pub enum LookedAfterBy {
    /// None is declared and none was: the defaults serve.
    Defaults,
    /// This one.
    Portfolio(AcceptedPortfolio),
    /// It cannot be told; nothing is changed until it can.
    CannotTell(Problem),
}

/// Finds the Portfolio of a property. One that cannot be read must not turn `Observe` into `Apply`.
#[must_use]
pub fn portfolio_of(snapshot: &Snapshot, declared: &Declared, head: &Head) -> LookedAfterBy {
    let reference = declared
        .property
        .spec
        .as_ref()
        .or(head.property.as_ref().map(|accepted| &accepted.spec))
        .and_then(|spec| spec.portfolio_ref.as_ref())
        .map(|reference| reference.name.as_str());
    let portfolios: Vec<&Portfolio> = snapshot
        .objects
        .iter()
        .filter_map(|object| match &object.resource {
            Resource::Portfolio(portfolio) => Some(portfolio),
            _ => None,
        })
        .collect();
    let broken = snapshot
        .broken
        .iter()
        .any(|broken| Kind::like(&broken.kind).is_none_or(|kind| kind == Kind::Portfolio));
    // A file that cannot be read may hold the one that says Observe.
    let hidden = snapshot.unreadable.iter().any(|unreadable| {
        let text = unreadable.text.as_ref();
        text.is_none_or(|text| text.contains("Portfolio"))
    });
    let accepted = head.portfolio.as_ref().map(|accepted| &accepted.name);
    let found = match (reference, portfolios.as_slice()) {
        (Some(name), declared) => declared
            .iter()
            .find(|portfolio| name_of(&portfolio.metadata.name) == name),
        // With another one that is broken or hidden it is not the only one, unless it was before.
        (None, [only]) => {
            let was = accepted.is_some_and(|name| name == name_of(&only.metadata.name));
            (was || !(broken || hidden)).then_some(only)
        }
        (None, _) => None,
    };
    if let Some(portfolio) = found {
        return LookedAfterBy::Portfolio(AcceptedPortfolio {
            name: name_of(&portfolio.metadata.name).to_owned(),
            spec: portfolio.spec.clone(),
        });
    }
    let cannot_tell = |reason: Reason, message: String| {
        LookedAfterBy::CannotTell(Problem {
            reason,
            message,
            cause: declared.property.cause.clone(),
        })
    };
    if let Some(name) = reference {
        return cannot_tell(
            Reason::Invalid,
            format!(
                "the Portfolio \"{name}\" that this Property refers to is not declared, or not valid. Nothing is changed \
                 until it is."
            ),
        );
    }
    if portfolios.len() > 1 {
        return cannot_tell(
            Reason::Invalid,
            String::from(
                "several Portfolios are declared; say which one looks after this Property with spec.portfolioRef. Nothing is \
                 changed until then.",
            ),
        );
    }
    if broken || hidden || accepted.is_some() {
        return cannot_tell(
            Reason::DeclarationIncomplete,
            String::from(
                "the Portfolio that looks after this Property is gone, not valid or cannot be read. Nothing is changed until it \
                 is back; to do without one, declare a Portfolio with `spec: {}`.",
            ),
        );
    }
    LookedAfterBy::Defaults
}
