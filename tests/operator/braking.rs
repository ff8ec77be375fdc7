//! The brake of a whole Portfolio, over buildings that come and go.

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::operator::{Site, assignment, portfolio};

const TWO_BUILDINGS: &str = "
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point, Elm Court] }
  - { name: TourPass, authorizedAt: [Harbor Point] }
buildings:
  - name: Harbor Point
    doors: [{ name: Mail Room }, { name: Package Room }]
  - name: Elm Court
    doors: [{ name: Lobby }]
";

const ELM: &str = "apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: elm-court }
spec: { building: Elm Court, partners: [{ name: Parcel Runner }] }
---
apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: lobby }
spec: { propertyRef: { name: elm-court }, partner: Parcel Runner, doors: [Lobby] }
";

#[test]
fn what_a_building_lost_counts_for_a_day_also_when_it_is_gone() {
    let site = Site::on(ControlPlane::shared(), TWO_BUILDINGS, "Apply");
    let one = portfolio("Apply") + "  limits: { portfolioRemovals: 1 }\n";
    site.apply(&one);
    site.apply(ELM);
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.apply(&assignment("tours", "TourPass", "Package Room"));
    let operator = site.operator("a");
    for name in ["lobby", "parcel", "tours"] {
        site.until("da", name, "Ready", "True");
    }
    site.delete(&["da", "lobby"]);
    site.until_gone("da", "lobby");
    let lobby = site.simulator.door_uuid("Elm Court", "Lobby").unwrap();
    let sync = format!("/app/v1/doors/{lobby}/sync");
    site.call("POST", &sync, &json!({ "kind": "full" }));
    site.until("property", "elm-court", "Enforced", "True");
    site.delete(&["property", "elm-court"]);
    site.until_gone("property", "elm-court");

    site.delete(&["da", "tours"]);
    site.until_reason("da", "tours", "Stalled", "RemovalLimitExceeded");
    let day = json!({ "advanceSeconds": 25 * 3600 });
    site.call("POST", "/sim/v1/clock", &day);
    operator.until_looked_anew();
    site.delete(&["da", "parcel"]);
    site.until_gone("da", "parcel");
    assert_eq!(site.on_door("Mail Room"), None);
}
