//! What a newcomer writes.

/// Three documents in one file.
pub(crate) const DAY_ONE: &str = "\
# What a newcomer writes.
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec:
  building: Harbor Point
  partners:
    - name: Parcel Runner          # adding asks for authorisation
---
apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: parcel-runner }
spec:
  propertyRef: { name: harbor-point }
  partner: Parcel Runner
  doors: [Front Entrance, Mail Room, Package Room, Garage Gate]
---
apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata:
  name: vacant-tours
  namespace: east
spec:
  propertyRef:
    name: harbor-point
  partner: TourPass
  doors:
    - name: \"101\"
      provideDoorcodes: true
    - name: Gym
  schedule:
    - days: [Monday]
      from: 08:00
      to: 18:30
";
