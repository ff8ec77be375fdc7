//! The YAML that most tests of whole programs begin with.

pub const PROPERTY: &str = "apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec:
  building: Harbor Point
  partners: [{ name: Parcel Runner }, { name: TourPass }]
";

pub fn assignment(name: &str, partner: &str, doors: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: {partner}
  doors: [{doors}]
"
    )
}

pub fn key(name: &str, partner: &str, door: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: {partner}
  doors: [{{ name: {door} }}]
"
    )
}
