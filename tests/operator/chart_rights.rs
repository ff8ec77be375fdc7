//! The rights that the chart gives the operator: all that it needs, and no other. The real operator works under them,
//! and the API server's audit log says what it asked for.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::chart::{documents, of_kind, rendered};
use crate::control_plane::{ControlPlane, wait_until};
use crate::operator::{Operator, PATIENCE, PROPERTY, Site, WORLD, assignment, portfolio};
use crate::yaml::key;

/// Something that may be done: verb, group, resource with its subresource.
type Right = (String, String, String);

/// Installs the chart for a site, and gives the operator the configuration and the identity it would have in its pod.
pub fn install(site: &Site, more: &[&str]) -> (String, Vec<Value>) {
    let connections = json!([{
        "name": "door", "url": site.url(), "allowedNamespaces": ["*"], "allowLoopback": true, "requestsPerSecond": 2000,
    }]);
    let connections = format!("connections={connections}");
    let release = site.system.name.as_str();
    let set = [
        "--set-json",
        &connections,
        "--set",
        "leaseDuration=9s",
        "--set",
        "abandonAfter=2s",
    ];
    let yaml = rendered(release, release, &[&set, more].concat());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("release.yaml");
    fs::write(&file, &yaml).unwrap();
    site.system
        .server
        .kubectl(&["apply", "-f", file.to_str().unwrap()])
        .works();
    let all = documents(&yaml);
    let config = of_kind(&all, "ConfigMap")[0]["data"]["config.yaml"]
        .as_str()
        .unwrap();
    site.configure_with(config);
    let user = format!("service-account-{release}");
    let token = site
        .system
        .kubectl(&["create", "token", release])
        .works()
        .out;
    let server = site.system.server;
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "tests",
        "clusters": [{ "name": "tests", "cluster": { "server": server.url(), "certificate-authority": server.ca_file() } }],
        "users": [{ "name": "it", "user": { "token": token.trim() } }],
        "contexts": [{ "name": "tests", "context": { "cluster": "tests", "user": "it" } }],
    });
    fs::write(server.kubeconfig(&user), kubeconfig.to_string()).unwrap();
    (user, all)
}

/// Grants, removes, owes a visit, lets go, gives up: everything for which the operator asks the API server for something.
fn a_whole_life(site: &Site, user: &str) -> Operator {
    let operator = site.operator_as(user, "a");
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    site.settle_at_the_garage();
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    wait_until(PATIENCE, "an order", || {
        let order = site.object("dso", "harbor-point");
        if order["status"]["total"] == 1 {
            Ok(())
        } else {
            Err(order.to_string())
        }
    });
    site.sync("Garage Gate", "full");
    site.until_gone("dso", "harbor-point");
    site.apply(&key("tours", "TourPass", "Package Room"));
    site.until("pk", "tours", "Ready", "True");
    site.delete(&["pk", "tours"]);
    site.until_gone("pk", "tours");
    assert!(operator.metric("opendoor_door_os_retry_budget_ratio", "connection=\"door\"") > 0.2);
    operator.until_ready();
    operator
}

fn namespace_goes_without_credentials(site: &Site) {
    site.delete(&["secret", "door-os"]);
    // With what it held in memory it would still take everything away.
    site.delete_namespace();
}

/// Waits until the operator may not do something any more: the authorizer learns of a changed role by a watch.
#[track_caller]
pub fn until_it_may_not(site: &Site, what: &[&str]) {
    let account = format!("--as=system:serviceaccount:{0}:{0}", site.system.name);
    let words = [&["auth", "can-i"], what, &[&account]].concat();
    wait_until(PATIENCE, "the role has an effect", || {
        let said = site.namespace.kubectl(&words);
        if said.out.trim() == "no" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });
}

/// What rules allow, one by one.
fn allowed(roles: &[&Value]) -> BTreeSet<Right> {
    let words = |rule: &Value, field: &str| -> Vec<String> {
        let all = rule[field].as_array().unwrap();
        all.iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let mut rights = BTreeSet::new();
    for rule in roles
        .iter()
        .flat_map(|role| role["rules"].as_array().unwrap())
    {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    rights.insert((verb, group.clone(), resource.clone()));
                }
            }
        }
    }
    rights
}

#[test]
fn the_operator_is_allowed_exactly_what_it_asks_for() {
    is_allowed_exactly_what_it_asks_for(false);
}

#[test]
fn with_rights_in_its_namespaces_only_it_is_allowed_exactly_what_it_asks_for() {
    is_allowed_exactly_what_it_asks_for(true);
}

fn is_allowed_exactly_what_it_asks_for(listed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let server = Box::leak(Box::new(ControlPlane::private(&[
        "--audit-log",
        log.to_str().unwrap(),
    ])));
    let site = Site::bare(server, WORLD);
    let namespaces = format!("namespaces={{{}}}", site.namespace.name);
    let set = ["--set", namespaces.as_str()];
    let (user, all) = install(&site, if listed { &set } else { &[] });
    for crd in of_kind(&all, "CustomResourceDefinition") {
        let name = format!("crd/{}", crd["metadata"]["name"].as_str().unwrap());
        server
            .kubectl(&[
                "wait",
                "--for=condition=Established",
                "--timeout=30s",
                &name,
            ])
            .works();
    }
    let operator = a_whole_life(&site, &user);
    assert_eq!(operator.end(), Some(0));
    namespace_goes_without_credentials(&site);
    let operator = site.operator_as(&user, "b");
    site.until_namespace_gone(PATIENCE);
    assert_eq!(operator.end(), Some(0));

    let release = &site.system.name;
    let account = format!("system:serviceaccount:{release}:{release}");
    let mut asked: BTreeSet<Right> = BTreeSet::new();
    let mut forbidden = BTreeSet::new();
    let events: Vec<Value> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // With the RoleBinding all rights in the namespace went, and the watches there are only then refused.
    let let_go = events.iter().rposition(|event| {
        event["verb"] == "patch" && event["objectRef"]["resource"] == "rolebindings"
    });
    assert_eq!(let_go.is_some(), listed);
    for (at, event) in events.iter().enumerate() {
        let about = &event["objectRef"];
        if event["user"]["username"] != account.as_str() || about.is_null() {
            continue;
        }
        let text = |field: &str| about[field].as_str().unwrap_or_default();
        let resource = match text("subresource") {
            "" => text("resource").to_owned(),
            subresource => format!("{}/{subresource}", text("resource")),
        };
        let right = (
            event["verb"].as_str().unwrap().to_owned(),
            text("apiGroup").to_owned(),
            resource,
        );
        let is_over = let_go.is_some_and(|let_go| at > let_go);
        if event["annotations"]["authorization.k8s.io/decision"] != "allow" && !is_over {
            forbidden.insert(right.clone());
        }
        asked.insert(right);
    }
    assert_eq!(forbidden, BTreeSet::new(), "asked for, not allowed");
    let roles: Vec<&Value> = [of_kind(&all, "Role"), of_kind(&all, "ClusterRole")]
        .concat()
        .into_iter()
        .filter(|role| {
            let name = role["metadata"]["name"].as_str().unwrap();
            name == format!("{release}-own") || name == format!("{release}-operator")
        })
        .collect();
    assert_eq!(roles.len(), 2);
    let allowed = allowed(&roles);
    let unused: Vec<&Right> = allowed.difference(&asked).collect();
    assert_eq!(unused, Vec::<&Right>::new(), "allowed, never asked for");
    assert_eq!(
        asked.difference(&allowed).collect::<Vec<_>>(),
        Vec::<&Right>::new()
    );

    for refused in [
        ["list", "secrets"],
        ["watch", "secrets"],
        ["update", "secrets"],
        ["delete", "properties.opendoor.dev"],
        ["create", "properties.opendoor.dev"],
        ["delete", "doorassignments.opendoor.dev"],
        ["approve", "properties.opendoor.dev"],
        ["break-glass", "properties.opendoor.dev"],
        ["delete", "customresourcedefinitions"],
        ["get", "customresourcedefinitions/portfolios.opendoor.dev"],
        ["list", "namespaces"],
        ["get", "configmaps"],
        ["patch", "rolebindings"],
        ["create", "pods"],
    ] {
        let words = [
            "auth",
            "can-i",
            refused[0],
            refused[1],
            "-n",
            "default",
            &format!("--as={account}"),
        ];
        let said = server.kubectl(&words);
        assert_eq!((said.ok, said.out.trim()), (false, "no"), "{refused:?}");
    }
}

#[test]
fn a_right_that_is_taken_away_is_named_and_given_back_it_goes_on() {
    let server = Box::leak(Box::new(ControlPlane::private(&[])));
    let site = Site::bare(server, WORLD);
    let (user, all) = install(&site, &[]);
    let operator = site.operator_as(&user, "a");
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    let writes = site.writes();
    let replace = |role: &Value| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), role.to_string()).unwrap();
        let path = file.path().to_str().unwrap();
        server.kubectl(&["replace", "-f", path]).works();
    };
    let is_about = |rule: &Value, resource: &str| {
        rule["resources"]
            .as_array()
            .unwrap()
            .iter()
            .any(|named| named == resource)
    };
    let role = of_kind(&all, "ClusterRole")
        .into_iter()
        .find(|role| {
            let rules = role["rules"].as_array();
            rules.is_some_and(|rules| {
                rules
                    .iter()
                    .any(|rule| is_about(rule, "doorassignments/status"))
            })
        })
        .unwrap();
    let mut weak = (*role).clone();
    weak["rules"]
        .as_array_mut()
        .unwrap()
        .retain(|rule| !is_about(rule, "doorassignments/status"));
    replace(&weak);
    let assignments = "doorassignments.opendoor.dev";
    until_it_may_not(&site, &["patch", assignments, "--subresource=status"]);
    site.apply(&assignment(
        "parcel",
        "Parcel Runner",
        "Mail Room, Package Room",
    ));
    wait_until(PATIENCE, "not ready", || match operator.get("/readyz") {
        (503, said) if said.contains("not allowed to write statuses") => Ok(()),
        (_, said) => Err(said),
    });
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    replace(role);
    operator.until_ready();
    site.until("da", "parcel", "Ready", "True");
    assert_eq!(site.writes(), writes + 1);
}

#[test]
fn with_roles_in_its_namespaces_only_it_does_the_same() {
    let site = Site::bare(ControlPlane::shared(), WORLD);
    let namespaces = format!("namespaces={{{}}}", site.namespace.name);
    let set = [
        "--set",
        &namespaces,
        "--set",
        "crds.install=false,rbac.clusterRole=false",
    ];
    let (user, all) = install(&site, &set);
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        assert!(of_kind(&all, kind).is_empty());
    }
    let operator = a_whole_life(&site, &user);
    let account = format!("--as=system:serviceaccount:{0}:{0}", site.system.name);
    for what in ["properties.opendoor.dev", "secrets", "namespaces"] {
        let there = site
            .system
            .server
            .kubectl(&["auth", "can-i", "get", what, "-n", "default", &account]);
        assert!(!there.ok, "{what}");
    }

    // Objects first, then the namespace: its Roles go early, and with them the right to let objects go.
    for (kind, name) in [
        ("da", "parcel"),
        ("property", "harbor-point"),
        ("pf", "harbor-living"),
    ] {
        site.delete(&[kind, name]);
        site.until_gone(kind, name);
    }
    assert_eq!(site.on_door("Mail Room"), None);
    assert_eq!(operator.end(), Some(0));
}
