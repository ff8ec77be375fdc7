//! Several namespaces and replicas at one DOOR OS: whose credentials open what, whose a building is, and who works.

use std::mem;
use std::time::Duration;

use serde_json::json;

use crate::control_plane::{ControlPlane, Namespace, wait_until};
use crate::operator::{PATIENCE, PROPERTY, Site, assignment, portfolio};

/// Two buildings, and a few API clients that may manage both. Of two replicas a and b, the shard of `harbor` (15) is
/// meant for a, and that of `second` (8) for b.
const WORLD: &str = "
clients:
  - { id: demo, secret: demo }
  - { id: harbor, secret: demo }
  - { id: second, secret: demo }
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point, Elm Street] }
  - { name: TourPass, authorizedAt: [Harbor Point, Elm Street] }
buildings:
  - name: Harbor Point
    doors: [{ name: Mail Room }, { name: Package Room }]
  - name: Elm Street
    doors: [{ name: Elm Entrance }]
";

const ELM: &str = "apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: elm-street }
spec:
  building: Elm Street
  partners: [{ name: Parcel Runner }, { name: TourPass }]
";

const AT_ELM: &str = "apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: elm-parcel }
spec:
  propertyRef: { name: elm-street }
  partner: Parcel Runner
  doors: [Elm Entrance]
";

/// A site, and another namespace that its operator looks after.
struct Neighbours {
    site: Site,
    other: Namespace<'static>,
}

impl Neighbours {
    fn new() -> Self {
        let site = Site::bare(ControlPlane::shared(), WORLD);
        let other = site.namespace.server.namespace();
        let it = Self { site, other };
        it.configure("");
        it
    }

    fn configure(&self, more: &str) {
        let Self { site, other } = self;
        site.configure_with(&format!(
            "connections:
  - name: door
    url: {}
    allowedNamespaces: [\"*\"]
    allowLoopback: true
    requestsPerSecond: 2000
namespaces: [{}, {}]
leaseDuration: 9s
{more}",
            site.url(),
            site.namespace.name,
            other.name
        ));
    }

    /// What is done next, is done in the other namespace.
    fn change_sides(&mut self) {
        mem::swap(&mut self.site.namespace, &mut self.other);
    }
}

fn secret(id: &str, secret: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "door-os" },
        "stringData": { "clientId": id, "clientSecret": secret },
    })
    .to_string()
}

/// Waits until a replica has the shard of that number.
#[track_caller]
fn until_held(site: &Site, shard: u8, by: &str) {
    let lease = format!("opendoor-shard-{shard:02}");
    wait_until(PATIENCE, &format!("{by} holds {lease}"), || {
        let words = ["get", "lease", &lease, "-o", "json", "--ignore-not-found"];
        let said = site.system.kubectl(&words).works().out;
        if said.contains(&format!("\"holderIdentity\": \"{by}\"")) {
            Ok(())
        } else {
            Err(said)
        }
    });
}

#[test]
fn naming_a_neighbours_client_id_opens_nothing_and_takes_nothing_from_it() {
    let mut both = Neighbours::new();
    let operator = both.site.operator("a");
    both.site.apply(&secret("demo", "demo"));
    both.site.apply(&portfolio("Apply"));
    both.site.apply(PROPERTY);
    both.site
        .apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    both.site.until("da", "parcel", "Ready", "True");

    both.change_sides();
    both.site.apply(&secret("demo", "a guess"));
    both.site.apply(&portfolio("Apply"));
    both.site.apply(ELM);
    both.site.apply(AT_ELM);
    both.site
        .until_reason("property", "elm-street", "Ready", "CredentialsInvalid");

    both.change_sides();
    // Also after the token it has is over.
    both.site.call(
        "POST",
        "/sim/v1/clock",
        &json!({ "advanceSeconds": 25 * 3600 }),
    );
    both.site
        .apply(&assignment("tours", "TourPass", "Package Room"));
    both.site.until("da", "tours", "Ready", "True");
    assert_eq!(both.site.writes(), 2);

    both.change_sides();
    let told = both.site.until("property", "elm-street", "Ready", "False");
    assert_eq!(told.reason, "CredentialsInvalid", "{}", told.message);
    // With the right one it is let in, without a restart.
    both.site.apply(&secret("demo", "demo"));
    both.site.until("da", "elm-parcel", "Ready", "True");
    operator.until_ready();
}

#[test]
fn a_building_claimed_twice_is_refused_also_by_a_replica_that_did_not_see_the_first_claim() {
    let mut both = Neighbours::new();
    let _replicas = ["a", "b"].map(|identity| both.site.operator(identity));
    // The other namespace's replica reads the ledgers now, and has no reason to read them later.
    both.change_sides();
    both.site.apply(&secret("second", "demo"));
    both.site.apply(&portfolio("Apply"));
    both.site.apply(ELM);
    both.site.until("property", "elm-street", "Ready", "True");
    until_held(&both.site, 8, "b");

    both.change_sides();
    both.site.apply(&secret("harbor", "demo"));
    both.site.apply(&portfolio("Apply"));
    both.site.apply(PROPERTY);
    both.site
        .apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    both.site.until("da", "parcel", "Ready", "True");
    until_held(&both.site, 15, "a");
    until_held(&both.site, 8, "b");

    both.change_sides();
    both.site.apply(PROPERTY);
    both.site
        .apply(&assignment("tours", "TourPass", "Package Room"));
    both.site
        .until_reason("property", "harbor-point", "Ready", "BuildingClaimedTwice");
    both.change_sides();
    std::thread::sleep(Duration::from_secs(3));
    both.site.until("da", "parcel", "Ready", "True");
    let on = |door: &str| both.site.on_door(door);
    assert_eq!(on("Mail Room").as_deref(), Some("Parcel Runner"));
    assert_eq!(on("Package Room"), None);

    // Once the first is gone, and its access with it, the second has the building.
    both.site.delete(&["da", "parcel"]);
    both.site.until_gone("da", "parcel");
    both.site.delete(&["property", "harbor-point"]);
    both.site.until_gone("property", "harbor-point");
    both.change_sides();
    both.site.until("da", "tours", "Ready", "True");
    assert_eq!(both.site.on_door("Mail Room"), None);
}

#[test]
fn a_replica_that_never_read_the_secret_leaves_the_work_to_the_one_that_has_it_in_memory() {
    let mut both = Neighbours::new();
    // By the name of this namespace, and by that client id, b would have the work.
    let name = "secret-gone";
    let server = both.site.namespace.server;
    server.kubectl(&["create", "namespace", name]).works();
    both.site.namespace = Namespace {
        server,
        name: name.to_owned(),
    };
    both.configure("abandonAfter: 2s\n");
    let _first = both.site.operator("a");
    both.site.apply(&secret("second", "demo"));
    both.site.apply(&portfolio("Apply"));
    both.site.apply(PROPERTY);
    both.site
        .apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    both.site.until("da", "parcel", "Ready", "True");
    both.site.faults(&json!([{ "kind": "serverError" }]));
    both.site.delete_namespace();
    wait_until(PATIENCE, "the Secret is gone", || {
        if both.site.object("secret", "door-os").is_null() {
            Ok(())
        } else {
            Err(String::from("it is there"))
        }
    });
    // Until the first one knows it, too.
    both.site
        .until_reason("pf", "harbor-living", "Ready", "CredentialsMissing");
    let second = both.site.operator("b");
    second.until_ready();
    std::thread::sleep(Duration::from_secs(15));
    assert!(
        !both.site.object("da", "parcel").is_null(),
        "it was given up although one replica can still end it"
    );
    both.site.faults(&json!([]));
    both.site.until_namespace_gone(PATIENCE * 2);
    assert_eq!(both.site.on_door("Mail Room"), None);
    assert!(second.metric("opendoor_abandoned_claims", "") < 1.0);
}
