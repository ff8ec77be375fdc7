//! A chart installed for listed namespaces, and what happens to one of them: it is deleted with everything in it, it is
//! gone before the operator starts, or the operator's right to work in it is deleted. The real operator works under
//! just the rights of the chart.

use std::time::Duration;

use serde_json::{Value, json};

use crate::chart::of_kind;
use crate::chart_rights::install;
use crate::control_plane::{ControlPlane, wait_until};
use crate::operator::{Operator, PATIENCE, PROPERTY, Site, WORLD, assignment, portfolio};
use crate::yaml::key;

/// A site whose operator has rights in its namespace only.
struct Place {
    site: Site,
    user: String,
    release: Vec<Value>,
}

impl Place {
    fn new() -> Self {
        let site = Site::bare(ControlPlane::shared(), WORLD);
        let namespaces = format!("namespaces={{{}}}", site.namespace.name);
        let set = ["--set", &namespaces, "--set", "crds.install=false"];
        let (user, release) = install(&site, &set);
        Self {
            site,
            user,
            release,
        }
    }

    fn operator(&self, identity: &str) -> Operator {
        self.site.operator_as(&self.user, identity)
    }

    /// An assignment and a key as declared, and a lock that owes nothing.
    fn at_work(&self, identity: &str) -> Operator {
        let operator = self.operator(identity);
        self.put_to_work();
        operator
    }

    fn put_to_work(&self) {
        self.site.apply(&portfolio("Apply"));
        self.site.apply(PROPERTY);
        self.site.settle_at_the_garage();
        self.site.apply(&key("tours", "TourPass", "Front Entrance"));
        self.site.until("pk", "tours", "Ready", "True");
    }

    fn binding_name(&self) -> String {
        format!("{}-namespace", self.site.system.name)
    }

    /// Its RoleBinding's metadata; null if there is none.
    fn binding(&self) -> Value {
        self.site.object("rolebinding", &self.binding_name())["metadata"].clone()
    }

    fn is_kept(&self) -> bool {
        self.binding()["finalizers"] == json!(["opendoor.dev/in-use"])
    }

    #[track_caller]
    fn until_loose(&self) {
        wait_until(PATIENCE, "the RoleBinding is loose", || {
            let binding = self.binding();
            if binding["name"].is_string() && binding["finalizers"].is_null() {
                Ok(())
            } else {
                Err(binding.to_string())
            }
        });
    }

    /// As an upgrade does it, or another install.
    fn give_rights_again(&self) {
        let name = self.binding_name();
        let binding = of_kind(&self.release, "RoleBinding")
            .into_iter()
            .find(|binding| binding["metadata"]["name"] == name.as_str())
            .unwrap();
        self.site.apply(&binding.to_string());
    }

    fn delete_objects(&self) {
        for (kind, name) in [
            ("da", "parcel"),
            ("pk", "tours"),
            ("property", "harbor-point"),
            ("pf", "harbor-living"),
        ] {
            self.site.delete(&[kind, name]);
            self.site.until_gone(kind, name);
        }
    }

    fn nothing_is_granted(&self) {
        assert_eq!(self.site.on_door("Mail Room"), None);
        assert_eq!(self.site.on_door("Garage Gate"), None);
        assert_eq!(self.site.keys_named("tours"), 0);
    }
}

#[test]
fn it_goes_with_everything_in_it_and_the_debt_is_kept() {
    let place = Place::new();
    let site = &place.site;
    let operator = place.at_work("a");
    assert!(place.is_kept(), "{}", place.binding());
    site.delete_namespace();
    site.until_namespace_gone(PATIENCE * 2);
    place.nothing_is_granted();

    // Made again, with the rights in it, it goes on; and the lock that still opens was not forgotten.
    assert!(site.opens("Garage Gate", "Parcel Runner"));
    let name = &site.namespace.name;
    site.namespace
        .server
        .kubectl(&["create", "namespace", name])
        .works();
    place.give_rights_again();
    site.secret("demo").works();
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    let owed = site.until("property", "harbor-point", "SyncRequired", "True");
    assert!(owed.message.contains("Garage Gate"), "{}", owed.message);
    operator.until_ready();
    assert!(place.is_kept());
}

#[test]
fn while_door_os_is_down_it_waits_and_the_rights_in_it_stay() {
    let place = Place::new();
    let site = &place.site;
    let _operator = place.at_work("a");
    let _another = place.operator("b");
    site.faults(&json!([{ "kind": "serverError" }]));
    site.delete_namespace();
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    let binding = place.binding();
    assert!(binding["deletionTimestamp"].is_string(), "{binding}");
    assert!(place.is_kept());
    // Nothing is begun in it any more.
    let refused = site
        .namespace
        .apply(&assignment("late", "TourPass", "Package Room"));
    refused.refused(&["being terminated"]);
    site.faults(&json!([]));
    site.until_namespace_gone(PATIENCE * 2);
    place.nothing_is_granted();
}

#[test]
fn an_operator_that_starts_meanwhile_gives_up_what_it_cannot_end_and_lets_it_go() {
    let place = Place::new();
    let site = &place.site;
    place.at_work("a").kill();
    site.delete_namespace();
    wait_until(PATIENCE, "the Secret is gone", || {
        let secret = site.object("secret", "door-os");
        if secret.is_null() {
            Ok(())
        } else {
            Err(secret["metadata"].to_string())
        }
    });
    assert!(place.is_kept(), "{}", place.binding());
    let operator = place.operator("b");
    site.until_namespace_gone(PATIENCE * 2);
    assert!(operator.metric("opendoor_abandoned_claims", "") >= 1.0);
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
}

#[test]
fn with_the_last_object_the_rights_are_let_go_also_by_an_operator_that_starts_later() {
    let place = Place::new();
    let site = &place.site;
    let operator = place.at_work("a");
    assert!(place.is_kept());
    place.delete_objects();
    place.until_loose();
    place.nothing_is_granted();
    assert_eq!(operator.end(), Some(0));

    // As if it had died between the last object and the RoleBinding.
    let kept = r#"{"metadata":{"finalizers":["opendoor.dev/in-use"]}}"#;
    let binding = format!("rolebinding/{}", place.binding_name());
    site.namespace
        .kubectl(&["patch", &binding, "--type=merge", "-p", kept])
        .works();
    let operator = place.operator("b");
    place.until_loose();
    // A namespace without an object waits for nobody.
    assert_eq!(operator.end(), Some(0));
    site.delete_namespace();
    site.until_namespace_gone(PATIENCE);
}

#[test]
fn rights_that_are_deleted_by_hand_last_until_the_last_object_and_nothing_new_is_begun() {
    let place = Place::new();
    let site = &place.site;
    place.at_work("a").kill();
    site.delete(&["rolebinding", &place.binding_name()]);
    let operator = place.operator("b");
    wait_until(PATIENCE, "readiness says so", || {
        match operator.get("/readyz") {
            (503, said) if said.contains("it is being deleted, and the namespace is not") => Ok(()),
            (_, said) => Err(said),
        }
    });
    let writes = site.writes();
    site.apply(&key("late", "TourPass", "Package Room"));
    site.apply(&assignment("parcel", "Parcel Runner", "Garage Gate"));
    wait_until(PATIENCE, "an edit is still applied", || {
        match site.on_door("Mail Room") {
            None => Ok(()),
            Some(_) => Err(site.object("da", "parcel").to_string()),
        }
    });
    assert_eq!(site.writes(), writes + 1);
    assert!(site.object("pk", "late")["metadata"]["finalizers"].is_null());
    site.delete(&["pk", "late"]);
    place.delete_objects();
    site.until_gone("rolebinding", &place.binding_name());
    place.nothing_is_granted();
    assert_eq!(operator.log().matches("Nothing new is begun").count(), 1);

    place.give_rights_again();
    operator.until_ready();
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    site.until("property", "harbor-point", "Ready", "True");
    assert!(place.is_kept());
}

#[test]
fn where_they_may_not_be_kept_it_works_as_long_as_they_last_and_says_so_once() {
    let place = Place::new();
    let site = &place.site;
    let mut role = of_kind(&place.release, "ClusterRole")[0].clone();
    let rules = role["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["resources"] != json!(["rolebindings"]));
    site.apply(&role.to_string());
    let operator = place.operator("a");
    let said = || {
        let log = operator.log();
        log.matches("the RoleBinding cannot be kept").count()
    };
    // It is looked at while nothing waits yet, which is nothing to warn of.
    operator.until_ready();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(said(), 0);
    place.put_to_work();
    assert!(!place.is_kept());
    assert_eq!(said(), 1);
    operator.until_ready();
    place.delete_objects();
    place.nothing_is_granted();
}

#[test]
fn one_that_is_gone_is_in_no_others_way() {
    let site = Site::bare(ControlPlane::shared(), WORLD);
    let gone = site.namespace.server.namespace();
    let namespaces = format!("namespaces={{{},{}}}", gone.name, site.namespace.name);
    let set = ["--set", &namespaces, "--set", "crds.install=false"];
    let (user, _) = install(&site, &set);
    gone.server
        .kubectl(&["delete", "namespace", &gone.name, "--timeout=60s"])
        .works();
    let operator = site.operator_as(&user, "a");
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    let (status, said) = operator.get("/readyz");
    assert_eq!(status, 503);
    assert!(
        said.lines().all(|line| line.contains(&gone.name)),
        "only that one is missed: {said}"
    );
}
