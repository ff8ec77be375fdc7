//! The Helm chart: what it makes of its values.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use opendoor_kubernetes::config::Config;
use opendoor_simulator::WorldFile;
use serde_json::{Value, json};

use crate::control_plane::{Said, root};
use crate::tools;

/// Files of values, beside the defaults.
pub const EVERY_FLAG: &str = "ci/every-flag-values.yaml";
pub const NAMESPACES: &str = "ci/namespaces-values.yaml";

pub fn chart() -> PathBuf {
    root().join("charts/opendoor-operator")
}

/// helm, with nothing of whoever runs the tests.
pub fn helm(words: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(tools::helm());
    command
        .args(words)
        .current_dir(chart())
        .env_remove("KUBECONFIG")
        .env("HOME", home.path())
        .env("HELM_CACHE_HOME", home.path())
        .env("HELM_CONFIG_HOME", home.path())
        .env("HELM_DATA_HOME", home.path());
    Said::of(&mut command, "")
}

/// What a release of the chart would be, as YAML.
pub fn rendered(release: &str, namespace: &str, more: &[&str]) -> String {
    let words = ["template", release, ".", "--namespace", namespace];
    let said = helm(&[&words, more].concat()).works();
    assert_eq!(said.err, "", "a warning");
    said.out
}

fn with_values(file: &str) -> Vec<Value> {
    let more: &[&str] = if file.is_empty() {
        &[]
    } else {
        &["--values", file]
    };
    documents(&rendered("opendoor", "opendoor-system", more))
}

/// The documents of some YAML.
pub fn documents(yaml: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    all.into_iter()
        .filter(|document| !document.is_null())
        .collect()
}

/// The documents of a kind.
pub fn of_kind<'a>(all: &'a [Value], kind: &str) -> Vec<&'a Value> {
    all.iter()
        .filter(|document| document["kind"] == kind)
        .collect()
}

/// The one document of a kind and a name.
pub fn only<'a>(all: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found: Vec<_> = of_kind(all, kind)
        .into_iter()
        .filter(|document| document["metadata"]["name"] == name)
        .collect();
    assert_eq!(found.len(), 1, "{kind}/{name}");
    found[0]
}

#[test]
fn helm_finds_nothing_to_say() {
    for values in ["", EVERY_FLAG, NAMESPACES] {
        let mut words = vec!["lint", "--strict", "."];
        if !values.is_empty() {
            words.extend(["--values", values]);
        }
        let said = helm(&words).works();
        assert!(
            said.out.contains("0 chart(s) failed") && !said.out.contains("WARNING"),
            "{}",
            said.out
        );
    }
}

/// Every value that there is, so that a new one cannot be left out of `every-flag-values.yaml` or of the schema.
#[test]
fn every_value_is_in_the_schema_and_in_the_file_of_every_flag() {
    let read = |file: &str| -> Value {
        serde_saphyr::from_str(&fs::read_to_string(chart().join(file)).unwrap()).unwrap()
    };
    let (defaults, every) = (read("values.yaml"), read(EVERY_FLAG));
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json")).unwrap())
            .unwrap();
    let in_schema = schema["properties"].as_object().unwrap();
    // On by default, or worlds of their own: `namespaces` has a file of values of its own.
    let apart = [
        "namespaces",
        "crds",
        "admission",
        "roles",
        "podDisruptionBudget",
    ];
    for (key, value) in defaults.as_object().unwrap() {
        assert!(in_schema.contains_key(key), "{key} is not in the schema");
        assert!(
            apart.contains(&key.as_str()) || every[key] != Value::Null,
            "{key} is not in {EVERY_FLAG}"
        );
        let Some(described) = in_schema[key].get("properties") else {
            continue;
        };
        for inner in value
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
        {
            assert!(
                !described[inner].is_null(),
                "{key}.{inner} is not in the schema"
            );
        }
    }
}

#[test]
fn a_value_that_is_misspelt_or_cannot_be_is_refused() {
    for (wrong, named) in [
        ("replicaCount=2", "replicaCount"),
        ("image.repositry=x", "repositry"),
        ("simulator.enable=true", "enable"),
        ("networkPolicy.doorOs.cidr=x", "cidr"),
        ("connections[0].alowLoopback=true", "alowLoopback"),
        ("replicas=0", "replicas"),
        ("log=xml", "log"),
        ("leaseDuration=soon", "leaseDuration"),
        ("leaseDuration=8s", "leaseDuration"),
        ("tracing.endpoint=collector:4318", "endpoint"),
        ("metrics.port=80", "port"),
        ("connections[0].url=ftp://door.example", "url"),
    ] {
        // A list's first item is replaced whole by --set, so it is given whole.
        let whole = "connections[0].name=door,connections[0].url=https://door.example,connections[0].allowedNamespaces={*}";
        helm(&["template", "opendoor", ".", "--set", whole, "--set", wrong])
            .refused(&["values don't meet the specifications", named]);
    }
    helm(&["template", "opendoor", ".", "--set-json", "connections=[]"]).refused(&["connections"]);
    helm(&[
        "template",
        "opendoor",
        ".",
        "--set-json",
        "networkPolicy.metricsFrom=[]",
    ])
    .refused(&["metricsFrom"]);
}

#[test]
fn the_definitions_are_those_of_the_repository_and_outlive_the_release() {
    let mut shipped = Vec::new();
    for (folder, files) in [
        ("crds", root().join("crds")),
        ("chart", chart().join("files/crds")),
    ] {
        let mut found: Vec<(String, String)> = fs::read_dir(files)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read_to_string(entry.path()).unwrap(),
                )
            })
            .collect();
        found.sort();
        assert_eq!(found.len(), 5, "{folder}");
        shipped.push(found);
    }
    assert!(
        shipped[0] == shipped[1],
        "copy crds/*.yaml to charts/opendoor-operator/files/crds/"
    );
    let all = with_values("");
    let mut defined = of_kind(&all, "CustomResourceDefinition").into_iter();
    for (file, text) in &shipped[0] {
        let mut wanted = documents(text).remove(0);
        wanted["metadata"]["annotations"] = json!({ "helm.sh/resource-policy": "keep" });
        assert_eq!(defined.next(), Some(&wanted), "{file}");
    }
    let without = documents(&rendered("opendoor", "x", &["--set", "crds.install=false"]));
    assert!(of_kind(&without, "CustomResourceDefinition").is_empty());
}

#[test]
fn the_configuration_is_one_that_the_operator_reads() {
    for (values, connections, namespaces) in [("", 1, 0), (EVERY_FLAG, 4, 0), (NAMESPACES, 1, 2)] {
        let all = with_values(values);
        let text = only(&all, "ConfigMap", "opendoor-config")["data"]["config.yaml"]
            .as_str()
            .unwrap();
        let config = Config::parse(text).unwrap_or_else(|why| panic!("{values}: {why}\n{text}"));
        assert_eq!(
            (config.connections.len(), config.namespaces.len()),
            (connections, namespaces),
            "{values}"
        );
        let kept = (namespaces > 0).then_some("opendoor-namespace");
        assert_eq!(config.role_binding.as_deref(), kept, "{values}");
    }
    let all = with_values(EVERY_FLAG);
    let text = only(&all, "ConfigMap", "opendoor-config")["data"]["config.yaml"]
        .as_str()
        .unwrap();
    let config = Config::parse(text).unwrap();
    assert_eq!(
        (config.concurrency, config.lease_duration.length().as_secs()),
        (8, 90)
    );
    assert_eq!(
        config.connection("demo", Some("simulator")).unwrap().url,
        "http://127.0.0.1:8090"
    );
    let world = only(&all, "ConfigMap", "opendoor-world")["data"]["simulator.yaml"]
        .as_str()
        .unwrap();
    WorldFile::parse(world).unwrap();
    let default =
        only(&with_values(""), "ConfigMap", "opendoor-config")["data"]["config.yaml"].clone();
    let default = Config::parse(default.as_str().unwrap()).unwrap();
    assert!(
        default.connection("anywhere", None).is_err(),
        "as it comes, it calls nobody"
    );
}

#[test]
fn a_changed_configuration_restarts_the_operator() {
    let mark = |more: &[&str]| {
        let all = documents(&rendered("opendoor", "x", more));
        only(&all, "Deployment", "opendoor")["spec"]["template"]["metadata"]["annotations"]["opendoor.dev/config"].clone()
    };
    assert!(mark(&[]).is_string());
    assert_eq!(mark(&[]), mark(&["--set", "replicas=3"]));
    assert_ne!(mark(&[]), mark(&["--set", "concurrency=9"]));
}

#[test]
fn each_simulated_world_has_one_operator() {
    let all = with_values(EVERY_FLAG);
    let deployment = only(&all, "Deployment", "opendoor");
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
    let containers = deployment["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    assert_eq!(containers[1]["args"][1], "--listen=127.0.0.1:8090");
    let all = with_values("");
    let deployment = only(&all, "Deployment", "opendoor");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let containers = deployment["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    assert_eq!(containers.len(), 1);
}

/// The commands that its containers run are ones that the program knows.
#[test]
fn the_program_takes_the_arguments_it_is_given() {
    let all = with_values(EVERY_FLAG);
    let pod = &only(&all, "Deployment", "opendoor")["spec"]["template"]["spec"];
    for (container, complains_of) in [
        (0, "/etc/opendoor/config.yaml"),
        (1, "/etc/opendoor-world/simulator.yaml"),
    ] {
        let words = pod["containers"][container]["args"].as_array().unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_opendoor"));
        program
            .args(words.iter().map(|word| word.as_str().unwrap()))
            .envs([("POD_NAMESPACE", "opendoor-system"), ("POD_NAME", "a")]);
        // It understands them, and misses only the file that the ConfigMap mounts.
        Said::of(&mut program, "").refused(&[complains_of]);
        let mounted = pod["containers"][container]["volumeMounts"][0]["mountPath"]
            .as_str()
            .unwrap();
        assert!(complains_of.starts_with(mounted));
    }
    let names: Vec<&str> = pod["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["POD_NAMESPACE", "POD_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    );
}

#[test]
fn the_network_is_closed_but_for_what_is_needed() {
    let all = with_values(EVERY_FLAG);
    let policy = &only(&all, "NetworkPolicy", "opendoor")["spec"];
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["ingress"].as_array().unwrap().len(), 1);
    assert_eq!(
        policy["ingress"][0]["ports"],
        json!([{ "protocol": "TCP", "port": 9090 }])
    );
    let out: Vec<(Value, Value)> = policy["egress"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["to"].clone(), rule["ports"][0]["port"].clone()))
        .collect();
    let block = |cidr: &str| json!({ "ipBlock": { "cidr": cidr } });
    let expected = [
        (json!([block("169.254.20.10/32")]), json!(53)),
        (json!([block("192.0.2.10/32")]), json!(6443)),
        (policy["ingress"][0]["from"].clone(), json!(4318)),
        (json!([block("198.51.100.0/24")]), json!(443)),
        (
            json!([block("198.51.100.0/24"), block("10.20.0.0/16")]),
            json!(8443),
        ),
    ];
    assert_eq!(
        out, expected,
        "DNS, the API server, the collector, each connection; nothing for those on loopback"
    );
    let all = with_values("");
    let policy = &only(&all, "NetworkPolicy", "opendoor")["spec"];
    assert_eq!(policy["egress"].as_array().unwrap().len(), 3);
    let public = policy["egress"][2]["to"][0]["ipBlock"]["except"]
        .as_array()
        .unwrap();
    assert!(public.contains(&json!("10.0.0.0/8")) && public.contains(&json!("169.254.0.0/16")));
}

#[test]
fn monitoring_fits_what_it_monitors() {
    let all = with_values(EVERY_FLAG);
    let service = only(&all, "Service", "opendoor-metrics");
    let monitor = &only(&all, "ServiceMonitor", "opendoor")["spec"];
    for (label, value) in monitor["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&service["metadata"]["labels"][label], value);
    }
    assert_eq!(
        monitor["endpoints"][0]["port"],
        service["spec"]["ports"][0]["name"]
    );
    assert_eq!(
        monitor["endpoints"][0]["honorLabels"], true,
        "namespace is the Property's"
    );
    let rules = fs::read_to_string(chart().join("files/alerts.yaml")).unwrap();
    let rules = rules.replace("RUNBOOK.md#", "https://example.com/runbooks/opendoor#");
    assert_eq!(
        only(&all, "PrometheusRule", "opendoor")["spec"],
        documents(&rules)[0]
    );
    let dashboard = &only(&all, "ConfigMap", "opendoor-dashboard")["data"]["opendoor.json"];
    let dashboard: Value = serde_json::from_str(dashboard.as_str().unwrap()).unwrap();
    assert_eq!(dashboard["title"], "OpenDOOR");
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        assert!(
            of_kind(&with_values(""), kind).is_empty(),
            "{kind} by default: its kind may not be known"
        );
    }
}

#[test]
fn no_role_has_a_wildcard_or_lists_secrets() {
    for values in ["", EVERY_FLAG, NAMESPACES] {
        let all = with_values(values);
        for kind in ["Role", "ClusterRole"] {
            for role in of_kind(&all, kind) {
                let text = role["rules"].to_string();
                assert!(!text.contains('*'), "{values}: {text}");
                for rule in role["rules"].as_array().unwrap() {
                    if rule["resources"]
                        .as_array()
                        .unwrap()
                        .contains(&json!("secrets"))
                    {
                        assert_eq!(rule["verbs"], json!(["get"]));
                        let named = if values == EVERY_FLAG {
                            json!(["door-os"])
                        } else {
                            Value::Null
                        };
                        assert_eq!(rule["resourceNames"], named);
                    }
                }
            }
        }
    }
}

/// What it may do may be said for the whole cluster, but is bound in the listed namespaces only.
#[test]
fn where_namespaces_are_listed_nothing_is_bound_in_the_whole_cluster() {
    let all = with_values(NAMESPACES);
    assert!(of_kind(&all, "ClusterRoleBinding").is_empty());
    let roles = of_kind(&all, "ClusterRole");
    assert_eq!(roles.len(), 1);
    assert!(
        roles[0]["metadata"]["labels"]
            .as_object()
            .unwrap()
            .keys()
            .all(|label| !label.contains("aggregate")),
        "it becomes part of nobody's role"
    );
    let bound: Vec<&Value> = of_kind(&all, "RoleBinding")
        .into_iter()
        .filter(|binding| binding["roleRef"]["kind"] == "ClusterRole")
        .map(|binding| &binding["metadata"]["namespace"])
        .collect();
    assert_eq!(bound, ["harbor-living", "elm-living"]);

    let roles_only = ["--values", NAMESPACES, "--set", "rbac.clusterRole=false"];
    let all = documents(&rendered("opendoor", "opendoor-system", &roles_only));
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        assert!(of_kind(&all, kind).is_empty(), "{kind}");
    }
    let config = &only(&all, "ConfigMap", "opendoor-config")["data"]["config.yaml"];
    let config = Config::parse(config.as_str().unwrap()).unwrap();
    assert_eq!(config.role_binding, None, "a Role cannot be kept");
}
