//! Several replicas: who works, who takes over, and who must send nothing more.

use std::time::Duration;

use serde_json::json;

use crate::control_plane::wait_until;
use crate::operator::{Operator, PATIENCE, Site, assignment};

/// Doors of the world that a partner can have without a brake.
const ALL: &str = "Front Entrance, Mail Room, Package Room, Loading Dock, Garage Gate, Unit 101";

fn holder(site: &Site) -> Option<String> {
    let leases = site
        .system
        .kubectl(&[
            "get",
            "leases",
            "-l",
            "opendoor.dev/lease=shard",
            "-o",
            "json",
        ])
        .works()
        .json();
    // Where a Secret could not be read for once, there is the Lease of another shard beside it.
    let leases = leases["items"].as_array()?;
    let mut holders = leases
        .iter()
        .filter_map(|lease| lease["spec"]["holderIdentity"].as_str());
    holders.find(|holder| !holder.is_empty()).map(str::to_owned)
}

fn held_by(site: &Site) -> String {
    wait_until(PATIENCE, "a holder", || {
        holder(site).ok_or_else(|| String::from("nobody"))
    })
}

#[test]
fn of_two_replicas_one_works_and_the_other_takes_over() {
    let site = Site::new("Apply");
    let mut replicas: Vec<(String, Operator)> = ["a", "b"]
        .into_iter()
        .map(|identity| (identity.to_owned(), site.operator(identity)))
        .collect();
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    let first = held_by(&site);
    let at = replicas
        .iter()
        .position(|(identity, _)| *identity == first)
        .unwrap();
    let (_, operator) = replicas.remove(at);
    operator.kill();
    site.apply(&assignment("tours", "TourPass", "Package Room"));
    site.until("da", "tours", "Ready", "True");
    assert_ne!(held_by(&site), first);
    assert_eq!(site.writes(), 2, "nothing was done twice");
}

#[test]
fn a_replica_that_ends_gives_its_shards_up_at_once() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    assert_eq!(operator.end(), Some(0));
    assert_eq!(holder(&site), None);
}

#[test]
fn what_a_lock_owes_is_measured_by_one_of_them_also_when_nothing_else_is_left_of_the_property() {
    let site = Site::new("Apply");
    let mut replicas = vec![site.operator("a"), site.operator("b")];
    site.settle_at_the_garage();
    site.delete(&["da", "parcel"]);
    site.until_gone("da", "parcel");
    for (kind, name) in [("property", "harbor-point"), ("pf", "harbor-living")] {
        site.delete(&[kind, name]);
        site.until_gone(kind, name);
    }
    let measures = |operator: &Operator| {
        operator.metric("opendoor_revocation_deadline_timestamp_seconds", "") > 0.0
    };
    let until_one_measures = |replicas: &[Operator]| {
        wait_until(PATIENCE, "one measures", || {
            let mut measuring = (0..replicas.len()).filter(|at| measures(&replicas[*at]));
            match (measuring.next(), measuring.next()) {
                (Some(one), None) => Ok(one),
                other => Err(format!("{other:?}")),
            }
        })
    };
    // The shard is another one without the credentials: it may have to go over first.
    site.until("dso", "harbor-point", "SyncRequired", "Unknown");
    let one = until_one_measures(&replicas);
    replicas.remove(one).kill();
    until_one_measures(&replicas);
}

#[test]
fn one_that_sleeps_past_its_lease_sends_nothing_more() {
    let site = Site::new("Apply");
    let sleeper = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    // It sleeps in the middle of a change: DOOR OS answers slowly.
    site.faults(&json!([{ "kind": "latency", "seconds": 0.4, "method": "PUT" }]));
    site.apply(&assignment("parcel", "Parcel Runner", ALL));
    wait_until(PATIENCE, "a change under way", || {
        let writes = site.writes();
        if writes > 0 {
            Ok(())
        } else {
            Err(writes.to_string())
        }
    });
    sleeper.signal("STOP");
    site.faults(&json!([]));
    let other = site.operator("b");
    site.until("da", "parcel", "Ready", "True");
    let before = site.writes();
    sleeper.signal("CONT");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(site.writes(), before, "the one that woke sent nothing");
    // One of them has the shard in the end. Old figures of the Property at the other would raise alarms for ever.
    let measures = |operator: &Operator| {
        let owned = operator.metric("opendoor_shards_owned", "");
        let observed = operator
            .get("/metrics")
            .1
            .contains("opendoor_observed_timestamp_seconds{");
        (owned, observed)
    };
    wait_until(PATIENCE, "one replica measures", || {
        let mut both = [measures(&sleeper), measures(&other)];
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        if both == [(0.0, false), (1.0, true)] {
            Ok(())
        } else {
            Err(format!("{both:?}"))
        }
    });
    // Six doors, and at most one more: the write that was on its way when it fell asleep.
    assert!((6..=7).contains(&before), "{before}");
    assert!(site.until("da", "parcel", "Ready", "True").status == "True");
}
