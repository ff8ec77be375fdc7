//! A change is told apart from what is pending anyway.

use opendoor_api::Mode;
use opendoor_planner::change::{Change, How, change};
use opendoor_planner::plan::Plan;

use crate::world::{World, lines, number};

/// The plan without an edit, with it, and what the edit does.
fn by(make: impl Fn() -> World, edit: impl Fn(&mut World)) -> (Plan, Plan, Change) {
    let (mut without, mut with) = (make(), make());
    edit(&mut with);
    let (base, plan) = (without.plan(), with.plan());
    let change = change(Some(&base), Some(&plan)).unwrap();
    (base, plan, change)
}

fn hows(change: &Change) -> Vec<How> {
    change
        .caused
        .steps
        .iter()
        .map(|step| change.how[&step.fingerprint])
        .collect()
}

/// Parcel Runner is wanted at the Pool's neighbour, and that is not done yet.
fn pending() -> World {
    let mut world = World::good();
    world.plan();
    world.assignment("parcel-runner", |spec| {
        spec.doors = Some(vec![
            "Front Entrance".into(),
            "Mail Room".into(),
            "Unit 102".into(),
        ]);
    });
    world
}

#[test]
fn no_change_causes_nothing_and_leaves_all_that_is_pending() {
    let (base, _, change) = by(pending, |_| ());
    assert!(base.summary.removals > 0 && base.summary.grants > 0);
    assert_eq!(change.caused.steps, []);
    assert_eq!(change.caused.summary, Default::default());
    assert_eq!(change.pending.steps, base.steps);
    assert_eq!(change.pending.summary, base.summary);
    assert_eq!((change.unnecessary.len(), change.solved.len()), (0, 0));
}

#[test]
fn everything_is_caused_where_nothing_was_and_ends_where_nothing_is() {
    let (_, plan, _) = by(pending, |_| ());
    let all = change(None, Some(&plan)).unwrap();
    assert_eq!(all.caused.steps, plan.steps);
    assert_eq!(all.caused.summary, plan.summary);
    let none = change(Some(&plan), None).unwrap();
    assert_eq!(none.unnecessary, plan.steps);
    assert_eq!(none.caused.steps, []);
    assert!(change(None, None).is_none());
}

#[test]
fn every_step_is_told_once() {
    let (base, with, change) = by(pending, |world| {
        world.assignment("parcel-runner", |spec| {
            spec.doors = Some(vec!["Front Entrance".into(), "Unit 103".into()]);
        });
        world.remove("vacant-tours");
    });
    let told = change.caused.steps.len() + change.pending.steps.len();
    assert_eq!(told, with.steps.len());
    // One more removal is more than the brake allows, so that those of before are held with it.
    let held = hows(&change)
        .iter()
        .filter(|how| **how == How::Held)
        .count();
    assert_eq!(held, 2, "{:?}", lines(&change.caused));
    let ended = change.unnecessary.len() + change.pending.steps.len() + held;
    assert_eq!(ended, base.steps.len(), "{:?}", lines(&base));
    assert_eq!(lines(&base).len() - held, change.unnecessary.len());
}

#[test]
fn a_mode_that_acts_releases_what_was_only_seen_and_back() {
    let in_mode = |mode: Mode| {
        move || {
            let mut world = pending();
            world.guard.mode = mode;
            world
        }
    };
    let (base, _, released) = by(in_mode(Mode::Observe), |world| {
        world.guard.mode = Mode::Apply
    });
    assert_eq!(released.caused.steps.len(), base.steps.len());
    assert!(hows(&released).iter().all(|how| *how == How::Released));
    assert_eq!(released.caused.summary.grants, base.summary.grants);
    assert_eq!(released.caused.summary.removals, base.summary.removals);
    let (base, _, stopped) = by(in_mode(Mode::Apply), |world| {
        world.guard.mode = Mode::Observe
    });
    assert_eq!(stopped.caused.steps, []);
    assert_eq!(stopped.unnecessary.len(), base.steps.len());
    let (_, _, held) = by(in_mode(Mode::Apply), |world| {
        world.guard.mode = Mode::Propose
    });
    assert!(hows(&held).iter().all(|how| *how == How::Held));
    assert_eq!(
        (held.caused.summary.grants, held.caused.summary.removals),
        (0, 0)
    );
    assert_eq!(held.caused.summary.held as usize, base.steps.len());
    assert!(held.caused.hold_id.is_some());
}

#[test]
fn what_is_held_anyway_is_not_held_by_the_change() {
    let make = || {
        let mut world = World::large(&[("bulk", 0..30), ("other", 30..40)]);
        world.plan();
        world.assignment("bulk", |spec| {
            spec.doors = Some((0..18).map(number).collect());
        });
        world
    };
    let (base, _, change) = by(make, |world| {
        world.assignment("other", |spec| {
            spec.doors = Some((31..40).map(number).collect());
        });
    });
    assert_eq!(base.summary.held, 12);
    assert_eq!(lines(&change.caused).len(), 1);
    assert_eq!(
        (change.caused.summary.held, change.caused.summary.removals),
        (0, 1)
    );
    assert_eq!(change.caused.hold_id, None);
    assert_eq!(change.pending.summary.held, 12);
}
