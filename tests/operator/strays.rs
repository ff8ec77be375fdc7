//! Objects that refer to a Property which is not there.

use crate::control_plane::ControlPlane;
use crate::operator::{PROPERTY, Site, WORLD, assignment, portfolio};
use crate::yaml::key;

#[test]
fn they_are_told_and_taken_up_when_it_comes() {
    let site = Site::bare(ControlPlane::shared(), WORLD);
    site.apply(&portfolio("Apply"));
    let _operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.apply(&key("tours", "TourPass", "Front Entrance"));
    for (kind, name) in [("da", "parcel"), ("pk", "tours")] {
        let told = site.until(kind, name, "Stalled", "True");
        assert_eq!(told.reason, "Invalid");
        assert!(
            told.message.contains("no Property \"harbor-point\""),
            "{}",
            told.message
        );
        let object = site.object(kind, name);
        assert_eq!(
            object["status"]["observedGeneration"],
            object["metadata"]["generation"]
        );
    }
    assert_eq!(site.events("parcel"), ["ChangeRefused"]);
    site.delete(&["pk", "tours"]);
    site.until_gone("pk", "tours");
    site.apply(PROPERTY);
    site.until("da", "parcel", "Ready", "True");
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
}
