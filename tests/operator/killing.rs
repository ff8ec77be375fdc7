//! Killed at every single effect, on the API server and in DOOR OS, before it and after it: the end is always the
//! same, and nothing is done twice.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use similar::TextDiff;

use crate::control_plane::{ControlPlane, wait_until};
use crate::end_state::{end_state, event_reasons};
use crate::gateway::{Gateway, Moment, Stop};
use crate::operator::{PATIENCE, PROPERTY, Site, assignment, portfolio};
use crate::served::Served;
use crate::yaml::key;

/// The network never carries anything to a lock here: what a lock knows, it knows from a Door Sync of ours.
const WORLD: &str = "
parameters: { pushMinSeconds: 1000000, pushMaxSeconds: 1000000 }
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point] }
  - { name: TourPass, authorizedAt: [Harbor Point] }
buildings:
  - name: Harbor Point
    doors:
      - { name: Front Entrance, doorType: BuildingEntrance }
      - { name: Mail Room }
      - { name: Garage Gate, connected: false }
";

/// Sites at a time: they mostly wait.
const SIDE_BY_SIDE: usize = 8;
/// After so long nothing more comes of a change.
const CALM: Duration = Duration::from_millis(700);

/// Something people do, and what an operator then has to do at least.
struct Phase {
    name: &'static str,
    change: fn(&Site),
    /// A name or uuid may follow a slash at the end. A PATCH that is not of a status sets or takes off a finalizer.
    effects: &'static [&'static str],
    /// How many effects it takes at least. Some more come where two changes do not happen to come together.
    fewest: usize,
}

const PHASES: [Phase; 3] = [
    Phase {
        name: "granting",
        change: |site| {
            let all = [
                portfolio("Apply"),
                PROPERTY.to_owned(),
                assignment("parcel", "Parcel Runner", "Garage Gate, Mail Room"),
                key("tours", "TourPass", "Front Entrance"),
            ];
            site.apply(&all.join("---\n"));
        },
        effects: &[
            "PATCH portfolios/harbor-living",
            "PATCH properties/harbor-point",
            "PATCH doorassignments/parcel",
            "PATCH partnerkeys/tours",
            "POST configmaps",
            "PUT configmaps/",
            "PUT /v1/doors/",
            "POST /v1/keys",
            "PATCH properties/harbor-point/status",
            "PATCH doorassignments/parcel/status",
            "PATCH partnerkeys/tours/status",
            "PATCH portfolios/harbor-living/status",
        ],
        fewest: 14,
    },
    Phase {
        name: "removing",
        change: |site| {
            for door in ["Garage Gate", "Mail Room", "Front Entrance"] {
                site.sync(door, "full");
            }
            site.delete(&["da/parcel", "pk/tours"]);
            // Most of the delay of a removal: it is over before the operator looks.
            std::thread::sleep(Duration::from_millis(500));
        },
        effects: &[
            "PUT configmaps/",
            "PUT /v1/doors/",
            "DELETE /v1/keys/",
            "PATCH doorassignments/parcel",
            "PATCH partnerkeys/tours",
            "POST doorsyncorders",
            "PATCH doorsyncorders/harbor-point/status",
            "PATCH properties/harbor-point/status",
        ],
        fewest: 14,
    },
    Phase {
        name: "proving",
        change: |site| {
            for door in ["Garage Gate", "Mail Room", "Front Entrance"] {
                site.sync(door, "full");
            }
        },
        effects: &[
            "PUT configmaps/",
            "DELETE doorsyncorders/harbor-point",
            "PATCH properties/harbor-point/status",
        ],
        fewest: 4,
    },
];

/// What an operator does in a phase, and how the site stands then.
struct Told {
    effects: Vec<String>,
    end: String,
}

fn site() -> Site {
    Site::between(ControlPlane::shared(), Served::of(WORLD))
}

#[test]
fn killed_before_or_after_any_effect_it_ends_in_the_same_state_and_does_nothing_twice() {
    let begun = Instant::now();
    let told = uninterrupted();
    let most = told.iter().map(|told| told.effects.len()).max().unwrap();
    let mut rest: Vec<Option<Stop>> = (1..=most)
        .rev()
        .flat_map(|effect| {
            [Moment::Before, Moment::After].map(|moment| Some(Stop { moment, effect }))
        })
        .collect();
    // The one that takes longest comes first.
    rest.push(None);
    let (rest, kills) = (Mutex::new(rest), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(next) = { rest.lock().unwrap().pop() } {
                    match next {
                        Some(stop) => {
                            let killed = interrupted(stop, &told);
                            kills.lock().unwrap().extend(killed);
                        }
                        None => two_effects_at_a_time(&told),
                    }
                }
            });
        }
    });
    let kills = kills.into_inner().unwrap();
    let mut report = format!("killed {} times, in {:?}", kills.len(), begun.elapsed());
    for (phase, told) in PHASES.iter().zip(&told) {
        let of = kills.iter().filter(|(name, _)| *name == phase.name).count();
        let all = told.effects.len();
        write!(report, "; {} of {all} effects {of} times", phase.name).unwrap();
    }
    writeln!(std::io::stderr(), "{report}").unwrap();
    for phase in &PHASES {
        for effect in 1..=phase.fewest {
            for moment in [Moment::Before, Moment::After] {
                let killed = (phase.name, Stop { moment, effect });
                assert!(
                    kills.contains(&killed),
                    "nobody killed {killed:?}; {report}"
                );
            }
        }
    }
}

/// A life for each phase, and nobody is killed before it is over.
fn uninterrupted() -> Vec<Told> {
    let site = site();
    let tell = |phase: &Phase| {
        (phase.change)(&site);
        let gateway = Gateway::open(&site, None);
        let operator = gateway.operator(&site);
        wait_until(PATIENCE, phase.name, || {
            let effects: Vec<String> = gateway.effects().iter().map(|all| short(all)).collect();
            let lacking = phase.effects.iter().find(|wanted| {
                let is = |effect: &String| {
                    effect == *wanted || (wanted.ends_with('/') && effect.starts_with(**wanted))
                };
                !effects.iter().any(is)
            });
            match lacking {
                None if gateway.is_calm(3 * CALM) => Ok(()),
                _ => Err(format!("{lacking:?} lacks in {effects:#?}")),
            }
        });
        operator.kill();
        let mut effects = gateway.effects();
        // It is the end when another life adds nothing: what failed may only have waited to be tried again.
        loop {
            let end = end_state(&site);
            let gateway = Gateway::open(&site, None);
            let operator = gateway.operator(&site);
            wait_until(PATIENCE, phase.name, || {
                let has_looked = operator.metric("opendoor_passes_total", "done") > 0.0;
                if has_looked && gateway.is_calm(2 * CALM) {
                    Ok(())
                } else {
                    Err(format!("it works on: {:#?}", gateway.effects()))
                }
            });
            operator.kill();
            let more = gateway.effects();
            effects.extend(more.iter().cloned());
            if more.is_empty() && end_state(&site) == end {
                let effects = effects.iter().map(|all| short(all)).collect();
                return Told { effects, end };
            }
        }
    };
    PHASES.iter().map(tell).collect()
}

/// In every phase one life that is killed at an effect, and one that brings it to its end. Which were killed.
fn interrupted(stop: Stop, told: &[Told]) -> Vec<(&'static str, Stop)> {
    let site = site();
    let mut kills = Vec::new();
    let is_reached = |told: &Told| stop.effect <= told.effects.len();
    // Nobody is killed after the last of these.
    let phases = told.iter().rposition(is_reached).unwrap() + 1;
    for (phase, told) in PHASES.iter().zip(told).take(phases) {
        (phase.change)(&site);
        let what = format!("{}, killed {stop:?}", phase.name);
        if is_reached(told) && is_killed(&site, stop, told, &what) {
            kills.push((phase.name, stop));
        }
        bring_to_its_end(&site, told, &what);
    }
    nobody_was_blamed(&site);
    kills
}

/// A life that nobody ends before all is done.
fn bring_to_its_end(site: &Site, told: &Told, what: &str) {
    let gateway = Gateway::open(site, None);
    let operator = gateway.operator(site);
    wait_until(PATIENCE, what, || {
        if gateway.is_calm(CALM) {
            ends_as(site, told)
        } else {
            Err(format!("it works on: {:#?}", gateway.effects()))
        }
    });
    operator.kill();
}

/// A life that is killed at an effect. `false`: it did all there was to do before it came there.
fn is_killed(site: &Site, stop: Stop, told: &Told, what: &str) -> bool {
    let gateway = Gateway::open(site, Some(stop));
    let operator = gateway.operator(site);
    let stopped = wait_until(PATIENCE, what, || {
        if gateway.is_stopped() {
            Ok(true)
        } else if gateway.is_calm(4 * CALM) && ends_as(site, told).is_ok() {
            Ok(false)
        } else {
            Err(format!("{:#?}", gateway.effects()))
        }
    });
    operator.kill();
    let effects = gateway.effects().len();
    match stop.moment {
        Moment::Before => assert!(!stopped || effects == stop.effect, "{what}: {effects}"),
        // Another one may have been on its way beside it.
        Moment::After => assert!(!stopped || effects >= stop.effect, "{what}: {effects}"),
    }
    stopped
}

/// Every life is killed after its second effect. Each attempt at DOOR OS is a commit and a write, so that is enough to
/// get on, and each must leave the next one less to do.
fn two_effects_at_a_time(told: &[Told]) {
    let site = site();
    let stop = Stop {
        moment: Moment::After,
        effect: 2,
    };
    for (phase, told) in PHASES.iter().zip(told) {
        (phase.change)(&site);
        let what = format!("{}, two effects at a time", phase.name);
        let mut lives = 0;
        while is_killed(&site, stop, told, &what) {
            lives += 1;
            assert!(lives <= 2 * told.effects.len(), "{what}: no end of it");
        }
        bring_to_its_end(&site, told, &format!("{what}, {lives} lives"));
    }
    nobody_was_blamed(&site);
}

fn ends_as(site: &Site, told: &Told) -> Result<(), String> {
    let end = end_state(site);
    if end == told.end {
        return Ok(());
    }
    let diff = TextDiff::from_lines(&told.end, &end);
    let diff = diff.unified_diff().context_radius(12).to_string();
    Err(format!("it does not stand as it should:\n{diff}"))
}

/// What a dead process did is ours: it is neither drift, nor refused, nor held.
fn nobody_was_blamed(site: &Site) {
    for reason in event_reasons(site) {
        let blames = ["DriftFound", "DriftRepaired", "ChangeRefused", "ChangeHeld"];
        assert!(!blames.contains(&reason.as_str()), "{reason}");
    }
}

/// An effect without where it happened.
fn short(effect: &str) -> String {
    let (method, path) = effect.split_once(' ').unwrap();
    match path.split_once("/namespaces/") {
        Some((_, rest)) => format!("{method} {}", rest.split_once('/').unwrap().1),
        None => effect.to_owned(),
    }
}
