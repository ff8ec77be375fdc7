//! The Helm chart on a real API server: it is taken whole, it is upgraded, and nothing goes with it that must stay.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::chart::{EVERY_FLAG, NAMESPACES, chart, documents, helm, only, rendered};
use crate::control_plane::{ADMIN, ControlPlane, Said};

#[test]
fn the_notes_say_what_to_do_first() {
    let notes = |more: &[&str]| {
        let words = [
            "install",
            "opendoor",
            ".",
            "--dry-run=client",
            "--namespace",
            "opendoor-system",
        ];
        let said = helm(&[&words, more].concat()).works().out;
        said.split_once("NOTES:").unwrap().1.to_owned()
    };
    let plain = notes(&[]);
    assert!(
        plain.contains("No connection to DOOR OS is offered"),
        "{plain}"
    );
    let simulated = notes(&["--set", "simulator.enabled=true"]);
    assert!(simulated.contains("touches no real door"), "{simulated}");
    assert_eq!(
        simulated.matches("kubectl -n my-portfolio").count(),
        3,
        "{simulated}"
    );
    assert!(notes(&["--values", NAMESPACES]).contains("kubectl -n harbor-living"));
    // What is to be pasted is what the API server takes.
    let objects = simulated
        .split_once("<<'EOF'\n")
        .unwrap()
        .1
        .split_once("\nEOF\n")
        .unwrap()
        .0;
    ControlPlane::shared().namespace().apply(objects).works();
}

/// The kinds of the Prometheus operator apart, which this server does not know.
#[test]
fn the_api_server_takes_all_of_it_and_calls_the_pods_restricted() {
    let server = ControlPlane::shared();
    for values in ["", EVERY_FLAG, NAMESPACES] {
        let here = server.namespace();
        let levels =
            ["enforce", "warn"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
        server
            .kubectl(&["label", "namespace", &here.name, &levels[0], &levels[1]])
            .works();
        let namespaces = format!("namespaces={{{}}}", here.name);
        let mut more = vec!["--set", "crds.install=false"];
        if !values.is_empty() {
            more.extend(["--values", values]);
        }
        if values == NAMESPACES {
            more.extend(["--set", &namespaces]);
        }
        let all = documents(&rendered("opendoor", &here.name, &more));
        let deployment = only(&all, "Deployment", "opendoor").clone();
        let known: Vec<Value> = all
            .into_iter()
            .filter(|document| document["apiVersion"] != "monitoring.coreos.com/v1")
            .collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": known });
        let words = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let said = here.kubectl_as(ADMIN, &words, &list.to_string()).works();
        assert_eq!(said.err, "", "{values}: a warning");
        assert!(said.out.lines().count() >= 20, "{}", said.out);

        // A warning would be seen: the same, a little less careful.
        let mut careless = deployment;
        let container = &mut careless["spec"]["template"]["spec"]["containers"][0];
        container["securityContext"]["allowPrivilegeEscalation"] = json!(true);
        let said = here
            .kubectl_as(ADMIN, &words, &careless.to_string())
            .works();
        assert!(
            said.err.contains("would violate PodSecurity"),
            "{}",
            said.err
        );
    }
}

/// helm, at a cluster.
fn helm_at(server: &ControlPlane, words: &[&str]) -> Said {
    let kubeconfig = server.kubeconfig(ADMIN);
    let at = [
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "--namespace",
        "opendoor-system",
    ];
    helm(&[words, &at].concat())
}

/// Helm itself never upgrades what a chart has in `crds/`, and deletes what it has in `templates/`: with the definitions would go
/// every object.
#[test]
fn an_upgrade_brings_new_definitions_and_an_uninstall_takes_none_away() {
    let server = ControlPlane::private(&[]);
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        let copy = folder.path().join(name);
        let mut copying = Command::new("cp");
        assert!(
            copying
                .arg("-r")
                .arg(chart())
                .arg(&copy)
                .status()
                .unwrap()
                .success()
        );
        // The server of the tests does not know which version of Kubernetes it is.
        let about = copy.join("Chart.yaml");
        let text = fs::read_to_string(&about).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("kubeVersion:"));
        fs::write(&about, lines.collect::<Vec<_>>().join("\n")).unwrap();
        copy
    };
    let (older, newer) = (copy("older"), copy("newer"));
    let orders = older.join("files/crds/opendoor.dev_doorsyncorders.yaml");
    let text = fs::read_to_string(&orders).unwrap();
    let before = text.replace("    shortNames:\n    - dso\n", "");
    assert_ne!(before, text);
    fs::write(&orders, before).unwrap();
    let (older, newer) = (older.to_str().unwrap(), newer.to_str().unwrap());
    helm_at(
        &server,
        &["install", "opendoor", older, "--create-namespace"],
    )
    .works();
    let short = || {
        let crd = [
            "get",
            "crd",
            "doorsyncorders.opendoor.dev",
            "-o",
            "jsonpath={.spec.names.shortNames[0]}",
        ];
        server.kubectl(&crd).works().out
    };
    assert_eq!(short(), "");
    let said = helm_at(&server, &["upgrade", "opendoor", newer]).works();
    assert!(
        said.out.contains("The first three commands"),
        "{}",
        said.out
    );
    assert_eq!(short(), "dso");

    let property = "{ apiVersion: opendoor.dev/v1alpha1, kind: Property, metadata: { name: p }, spec: { building: P } }";
    let here = server.namespace();
    here.apply(property).works();
    helm_at(&server, &["uninstall", "opendoor"]).works();
    here.kubectl(&["get", "property", "p"]).works();
    let left = server
        .kubectl(&[
            "get",
            "deployments,clusterroles,validatingadmissionpolicies",
            "-A",
            "-o",
            "name",
        ])
        .works();
    assert!(!left.out.contains("opendoor"), "{}", left.out);
    // Over what an uninstalled release left, it installs again.
    helm_at(&server, &["install", "opendoor", newer]).works();

    // What a RoleBinding binds cannot be changed; from one way to have rights to the other it goes all the same.
    let namespaces = format!("namespaces={{{}}}", here.name);
    let upgrade = |set: &[&str]| {
        let set = set.join(",");
        helm_at(&server, &["upgrade", "opendoor", newer, "--set", &set]).works();
        let names = [
            "get",
            "rolebindings",
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ];
        here.kubectl(&names).works().out
    };
    let kept = "opendoor-namespace";
    assert_eq!(upgrade(&[&namespaces]), kept);
    let roles = [namespaces.as_str(), "rbac.clusterRole=false"];
    assert_eq!(upgrade(&roles), "opendoor-operator");
    assert_eq!(upgrade(&[&namespaces]), kept);
    // One that objects wait for is in nobody's way, and is let go as RUNBOOK.md says.
    let patch = |finalizers: &str| {
        let patch = format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
        let words = ["patch", "rolebinding", kept, "--type=merge", "-p", &patch];
        here.kubectl(&words).works();
    };
    patch(r#"["opendoor.dev/in-use"]"#);
    assert_eq!(upgrade(&["replicas=2"]), kept);
    patch("null");
    assert_eq!(upgrade(&["replicas=3"]), "");
}
