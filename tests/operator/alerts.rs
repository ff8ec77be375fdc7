//! The alerts and the dashboard: they parse, they fire when they should and say what to do, and nothing in them is made up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use opendoor_planner::reasons::Reason;
use serde_json::Value;

use crate::chart::chart;
use crate::control_plane::{Said, root};
use crate::tools;

const METRICS: &str = include_str!("../../operator/kubernetes/src/metrics.rs");

fn promtool(words: &[&str]) -> Said {
    let mut command = Command::new(tools::promtool());
    Said::of(command.args(words).current_dir(root()), "")
}

fn read(path: &str) -> String {
    fs::read_to_string(chart().join(path)).unwrap()
}

/// Every rule, by its alert.
fn alerts() -> BTreeMap<String, Value> {
    let rules: Value = serde_saphyr::from_str(&read("files/alerts.yaml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule.clone()))
        .collect()
}

/// The names of metrics in some PromQL.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("opendoor_"))
        .collect()
}

#[test]
fn promtool_finds_nothing_to_say_about_the_rules() {
    let file = "charts/opendoor-operator/files/alerts.yaml";
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", file]).works();
}

#[test]
fn every_alert_fires_when_it_should_with_these_words() {
    promtool(&["test", "rules", "tests/operator/alerts_test.yaml"]).works();
}

#[test]
fn no_alert_is_without_a_test_of_both_kinds() {
    let tests = fs::read_to_string(root().join("tests/operator/alerts_test.yaml")).unwrap();
    let tests: Value = serde_saphyr::from_str(&tests).unwrap();
    let mut kinds: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for test in tests["tests"].as_array().unwrap() {
        for check in test["alert_rule_test"].as_array().unwrap() {
            let fires = !check["exp_alerts"].as_array().unwrap().is_empty();
            let name = check["alertname"].as_str().unwrap().to_owned();
            kinds.entry(name).or_default().insert(fires);
        }
    }
    for alert in alerts().keys() {
        assert_eq!(
            kinds.get(alert).map(BTreeSet::len),
            Some(2),
            "{alert}: a test where it fires and one where it does not"
        );
    }
}

#[test]
fn every_alert_has_a_severity_and_a_section_of_the_runbook() {
    let runbook = read("RUNBOOK.md");
    let sections: BTreeSet<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let alerts = alerts();
    assert_eq!(sections, alerts.keys().map(String::as_str).collect());
    for (name, rule) in &alerts {
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(
            ["warning", "critical"].contains(&severity),
            "{name}: {severity}"
        );
        let anchor = format!("RUNBOOK.md#{}", name.to_lowercase());
        assert_eq!(
            rule["annotations"]["runbook_url"],
            anchor.as_str(),
            "{name}"
        );
    }
}

/// So that an alert, a status and `opendoor explain` say the same.
#[test]
fn where_an_alert_is_about_one_reason_it_says_what_the_catalogue_says() {
    let alerts = alerts();
    let first_sentence = |text: &str| text.split_inclusive('.').next().unwrap().to_owned();
    for (alert, sentences) in [
        (
            "OpenDoorAccessAddedByHand",
            vec![
                Reason::Unmanaged.meaning().to_owned(),
                Reason::Unmanaged.fix().to_owned(),
            ],
        ),
        (
            "OpenDoorAccessChangedByHand",
            vec![
                Reason::Drifted.meaning().to_owned(),
                Reason::Drifted.fix().to_owned(),
            ],
        ),
        (
            "OpenDoorRemovalNotProven",
            vec![Reason::DoorSyncRequired.meaning().to_owned()],
        ),
        (
            "OpenDoorAccessAbandoned",
            vec![
                Reason::Abandoned.meaning().to_owned(),
                Reason::Abandoned.fix().to_owned(),
            ],
        ),
        (
            "OpenDoorEmailUnanswered",
            vec![
                Reason::AwaitingAuthorization
                    .meaning()
                    .trim_end_matches('.')
                    .to_owned(),
                first_sentence(Reason::AwaitingAuthorization.fix())
                    .trim_end_matches('.')
                    .to_owned(),
            ],
        ),
        (
            "OpenDoorPausedTooLong",
            vec![
                Reason::Suspended.meaning().to_owned(),
                Reason::Suspended.rule().to_owned(),
                Reason::Suspended.fix().to_owned(),
            ],
        ),
        (
            "OpenDoorObservationStale",
            vec![
                Reason::ObservationIncomplete
                    .meaning()
                    .trim_end_matches('.')
                    .to_owned(),
            ],
        ),
        (
            "OpenDoorDoorOsFailing",
            vec![
                Reason::BackendUnavailable.meaning().to_owned(),
                Reason::BackendUnavailable.rule().to_owned(),
                Reason::BackendUnavailable.fix().to_owned(),
            ],
        ),
    ] {
        let said = alerts[alert]["annotations"]["description"]
            .as_str()
            .unwrap();
        for sentence in sentences {
            assert!(
                said.contains(&sentence),
                "{alert} does not say {sentence:?}:\n{said}"
            );
        }
    }
}

#[test]
fn every_reason_and_result_that_is_named_is_of_the_catalogue() {
    let expression = alerts()["OpenDoorPassesFailing"]["expr"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, rest) = expression.split_once("result=~\"").unwrap();
    let (results, _) = rest.split_once('"').unwrap();
    for result in results.split('|') {
        assert!(result.parse::<Reason>().is_ok(), "{result}");
    }
}

#[test]
fn every_metric_that_is_read_is_written() {
    let (dashboard, rules) = (read("files/dashboard.json"), read("files/alerts.yaml"));
    let read: BTreeSet<&str> = metrics_in(&dashboard)
        .union(&metrics_in(&rules))
        .copied()
        .collect();
    assert!(read.len() > 15);
    for metric in read {
        let name = metric.strip_prefix("opendoor_").unwrap();
        let name = name
            .strip_suffix("_total")
            .or(name.strip_suffix("_bucket"))
            .unwrap_or(name);
        assert!(METRICS.contains(&format!("\"{name}\"")), "{metric}");
    }
}

#[test]
fn the_dashboard_shows_what_somebody_on_call_asks_for() {
    let dashboard: Value = serde_json::from_str(&read("files/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut shown = String::new();
    for panel in panels {
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "a panel's id is twice there"
        );
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            // Grafana's variables apart, it is PromQL.
            let expression = expression.replace("$namespace", ".*");
            promtool(&["promql", "format", &expression, "--experimental"]).works();
            shown.push_str(&expression);
        }
    }
    for metric in [
        "opendoor_drift_items",
        "opendoor_held_steps",
        "opendoor_door_visits",
        "opendoor_oldest_unproven_revocation_seconds",
        "opendoor_revocation_latency_seconds_bucket",
        "opendoor_passes_total",
        "opendoor_door_os_requests_total",
        "opendoor_observed_timestamp_seconds",
        "opendoor_shards_owned",
    ] {
        assert!(shown.contains(metric), "{metric} is not shown");
    }
}
