//! One good world: a building that is exactly as declared, and a ledger that knows it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use opendoor_api::{DoorAssignmentSpec, PartnerKeySpec, PropertyPartner, PropertySpec};
use opendoor_planner::declared::{Declared, DeclaredObject, DeclaredProperty, Spec};
use opendoor_planner::exposure::{Verdict, verdict, view_of};
use opendoor_planner::guard::{Guard, note_decisions};
use opendoor_planner::ids::{BuildingUuid, DoorUuid};
use opendoor_planner::intake::{Taken, take_in};
use opendoor_planner::ledger::{DoorRecord, Intent, Ledger};
use opendoor_planner::observed::{DoorRow, Holder, KeyRow, Observed, Partner, Vacancy};
use opendoor_planner::owner::OwnerKind;
use opendoor_planner::plan::Plan;
use opendoor_planner::planner::plan;
use opendoor_planner::settle::{Settled, intend, record_answer};
use opendoor_planner::writes::Answer;

pub(crate) use crate::build::*;
use crate::door_os;
pub(crate) use crate::print::*;

pub(crate) const START: &str = "2026-03-02T10:00:00Z";

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) ledger: Ledger,
    pub(crate) declared: Declared,
    pub(crate) observed: Observed,
    pub(crate) guard: Guard,
    pub(crate) approvals: Vec<String>,
    pub(crate) taken: Taken,
}

impl World {
    /// Eight doors, of which the Garage Gate and Unit 103 are offline; Parcel Runner on four of them,
    /// TourPass on the Pool and, by a partner key, on two units; an ordinary key; CleanCo listed, and
    /// not authorised.
    pub(crate) fn good() -> Self {
        let mut doors = vec![
            door_row("Front Entrance", Some("Parcel Runner")),
            door_row("Mail Room", Some("Parcel Runner")),
            door_row("Package Room", Some("Parcel Runner")),
            DoorRow {
                connected: Some(false),
                ..door_row("Garage Gate", Some("Parcel Runner"))
            },
            door_row("Pool", Some("TourPass")),
            unit_row("Unit 101", Some(Vacancy::Vacant), "2026-02-01T00:00:00Z"),
            unit_row("Unit 102", Some(Vacancy::Occupied), "2026-01-01T00:00:00Z"),
            unit_row("Unit 103", Some(Vacancy::Vacant), "2026-03-02T04:00:00Z"),
        ];
        doors[7].connected = Some(false);
        let mut world = Self::of(doors);
        let tours = [("Unit 101", true), ("Unit 102", false)];
        door_os::create_key(
            &mut world.observed,
            key_row("Vacant tours", Some("TourPass"), &tours),
        );
        let residents = key_row(
            "Residents",
            None,
            &[("Front Entrance", true), ("Unit 101", true)],
        );
        door_os::create_key(
            &mut world.observed,
            KeyRow {
                holders: Some(5),
                roles: Box::default(),
                ..residents
            },
        );
        world.sync_all();
        let parcels = ["Front Entrance", "Mail Room", "Package Room", "Garage Gate"];
        world.declare("parcel-runner", assignment("Parcel Runner", &parcels));
        world.declare("pool-tours", assignment("TourPass", &["Pool"]));
        world.declare_key(
            "vacant-tours",
            partner_key("TourPass", "Vacant tours", &tours),
        );
        world.settled()
    }

    /// A building of numbered doors, each declared for Parcel Runner by one of the objects given.
    pub(crate) fn large(objects: &[(&str, std::ops::Range<usize>)]) -> Self {
        let total = objects
            .iter()
            .map(|(_, range)| range.end)
            .max()
            .unwrap_or(0);
        let rows = (0..total)
            .map(|n| door_row(&number(n), Some("Parcel Runner")))
            .collect();
        let mut world = Self::of(rows);
        world.sync_all();
        for (name, range) in objects {
            world.declare(name, assignment("Parcel Runner", &[]));
            world.assignment(name, |spec| {
                spec.doors = Some(range.clone().map(number).collect())
            });
        }
        world.settled()
    }

    fn of(mut doors: Vec<DoorRow>) -> Self {
        for row in &mut doors {
            // A door that holds somebody shows it in its access.
            if let Holder::Partner(partner) = row.holder {
                row.access = smallvec::smallvec![opendoor_planner::observed::Access {
                    partner,
                    via: opendoor_planner::observed::Via::Door,
                    revision: 2,
                }];
            }
        }
        doors.sort_by_key(|row| row.uuid);
        let building = BuildingUuid(uuid_of("building"));
        let mut partners: Vec<Partner> = ["Parcel Runner", "TourPass"]
            .iter()
            .map(|name| Partner {
                uuid: partner(name),
                name: (*name).to_owned(),
            })
            .collect();
        partners.sort_by_key(|partner| partner.uuid);
        let property = owner("harbor-point", OwnerKind::Property);
        let listed = |name: &&str| PropertyPartner {
            name: (*name).to_owned(),
            uuid: None,
        };
        Self {
            now: at(START),
            ledger: Ledger::new(building),
            declared: Declared {
                unread: false,
                property: DeclaredProperty {
                    name: property.name.clone(),
                    cause: cause(&property),
                    spec: Some(PropertySpec {
                        building: "Harbor Point".to_owned(),
                        partners: ["Parcel Runner", "TourPass", "CleanCo"]
                            .iter()
                            .map(listed)
                            .collect(),
                        ..PropertySpec::default()
                    }),
                    problems: Vec::new(),
                },
                objects: Vec::new(),
                absent: BTreeMap::new(),
            },
            observed: Observed {
                building,
                building_name: "Harbor Point".to_owned(),
                at: at(START),
                partners,
                doors,
                keys: Vec::new(),
                incomplete: None,
                clock_skewed: false,
            },
            guard: Guard::default(),
            approvals: Vec::new(),
            taken: Taken::default(),
        }
    }

    /// Takes the world in once, and forgets that this was never saved.
    fn settled(mut self) -> Self {
        let plan = self.plan();
        assert_eq!(lines(&plan), [""; 0], "the good world is as declared");
        assert_eq!(refusals(&plan), [""; 0]);
        self.commit();
        self.advance(60);
        self
    }

    pub(crate) fn advance(&mut self, minutes: i64) {
        self.now += SignedDuration::from_mins(minutes);
        self.observed.at = self.now;
    }

    /// One look and the plan made from it. Nothing is performed.
    pub(crate) fn plan(&mut self) -> Plan {
        self.taken = take_in(&mut self.ledger, &self.declared, &self.observed, self.now);
        self.plan_again()
    }

    pub(crate) fn plan_again(&self) -> Plan {
        plan(
            &self.ledger,
            &self.taken,
            &self.observed,
            &self.guard,
            &self.approvals,
            self.now,
        )
    }

    /// A pass that decides and performs: the plan, after which DOOR OS and the ledger have moved on.
    pub(crate) fn pass(&mut self) -> Plan {
        let plan = self.decide();
        for intent in self.begin(&plan) {
            let answer = door_os::perform(&mut self.observed, &intent.write);
            record_answer(&mut self.ledger, intent.number, &answer, self.now);
        }
        self.taken = take_in(&mut self.ledger, &self.declared, &self.observed, self.now);
        plan
    }

    /// A pass that plans and commits its decisions, and dies before it performs.
    pub(crate) fn decide(&mut self) -> Plan {
        let plan = self.plan();
        let removes_added = self.ledger.head.property.as_ref().is_some_and(|property| {
            property.spec.added_by_hand == opendoor_api::AddedByHand::Remove
        });
        note_decisions(&mut self.ledger, &plan, removes_added, self.now);
        plan
    }

    pub(crate) fn begin(&mut self, plan: &Plan) -> Vec<Intent> {
        let steps: Vec<_> = plan.performable().cloned().collect();
        intend(&mut self.ledger, &steps, self.now)
    }

    /// A pass whose answers are all lost. `arrive`: whether the writes took effect.
    pub(crate) fn lose_answers(&mut self, arrive: bool) -> Vec<Intent> {
        let plan = self.decide();
        let intents = self.begin(&plan);
        for intent in &intents {
            if arrive {
                door_os::perform(&mut self.observed, &intent.write);
            }
            let lost = Answer::Unknown {
                why: "timeout".to_owned(),
            };
            assert!(record_answer(&mut self.ledger, intent.number, &lost, self.now).is_none());
        }
        intents
    }

    /// Plans, begins the one step there is, and answers it.
    pub(crate) fn answer(&mut self, answer: &Answer) -> Option<Settled> {
        let plan = self.decide();
        let intents = self.begin(&plan);
        let [intent] = intents.as_slice() else {
            panic!("one step expected: {:?}", lines(&plan))
        };
        record_answer(&mut self.ledger, intent.number, answer, self.now)
    }

    pub(crate) fn commit(&mut self) {
        self.ledger.unsaved = opendoor_planner::ledger::Unsaved::default();
    }

    /// The hold id of a plan is approved from here on.
    pub(crate) fn approve(&mut self, plan: &Plan) {
        self.approvals = vec![plan.hold_id.clone().expect("something is held")];
    }

    pub(crate) fn sync_all(&mut self) {
        let doors: Vec<DoorUuid> = self.observed.doors.iter().map(|row| row.uuid).collect();
        for door in doors {
            door_os::full_sync(&mut self.observed, door);
        }
    }

    pub(crate) fn sync(&mut self, name: &str) {
        door_os::full_sync(&mut self.observed, door(name));
    }

    pub(crate) fn hand_door(&mut self, name: &str, holder: Option<&str>) {
        door_os::set_partner(&mut self.observed, door(name), holder.map(partner));
    }

    pub(crate) fn row(&mut self, name: &str) -> &mut DoorRow {
        door_os::door_mut(&mut self.observed, door(name))
    }

    pub(crate) fn key_row(&mut self, name: &str) -> &mut KeyRow {
        door_os::key_mut(&mut self.observed, key(name))
    }

    pub(crate) fn hand_key(&mut self, name: &str, edit: impl FnOnce(&mut KeyRow)) {
        door_os::edit_key(&mut self.observed, key(name), edit);
    }

    pub(crate) fn add_row(&mut self, row: DoorRow) {
        self.observed.doors.push(row);
        self.observed.doors.sort_by_key(|row| row.uuid);
    }

    pub(crate) fn record(&self, name: &str) -> &DoorRecord {
        &self.ledger.doors[&door(name)]
    }

    pub(crate) fn verdict(&self, door_name: &str, partner_name: &str) -> Verdict {
        let record = self.record(door_name);
        let view = view_of(
            &self.ledger,
            &self.observed,
            &self.taken.stale,
            door(door_name),
            record,
        );
        verdict(view, partner(partner_name), self.now)
    }

    pub(crate) fn property(&mut self, edit: impl FnOnce(&mut PropertySpec)) {
        edit(self.declared.property.spec.as_mut().unwrap());
    }

    pub(crate) fn declare(&mut self, name: &str, spec: DoorAssignmentSpec) {
        self.put(object(name, Spec::DoorAssignment(spec)));
    }

    pub(crate) fn declare_key(&mut self, name: &str, spec: PartnerKeySpec) {
        self.put(object(name, Spec::PartnerKey(spec)));
    }

    fn put(&mut self, object: DeclaredObject) {
        self.declared
            .objects
            .retain(|known| known.owner != object.owner);
        self.declared.objects.push(object);
        self.declared.objects.sort_by(|a, b| a.owner.cmp(&b.owner));
    }

    pub(crate) fn object(&mut self, name: &str) -> &mut DeclaredObject {
        self.declared
            .objects
            .iter_mut()
            .find(|object| object.owner.name == name)
            .unwrap()
    }

    pub(crate) fn assignment(&mut self, name: &str, edit: impl FnOnce(&mut DoorAssignmentSpec)) {
        let Some(Spec::DoorAssignment(mut spec)) = self.object(name).spec.as_deref().cloned()
        else {
            panic!()
        };
        edit(&mut spec);
        self.declare(name, spec);
    }

    pub(crate) fn partner_key(&mut self, name: &str, edit: impl FnOnce(&mut PartnerKeySpec)) {
        let Some(Spec::PartnerKey(mut spec)) = self.object(name).spec.as_deref().cloned() else {
            panic!()
        };
        edit(&mut spec);
        self.declare_key(name, spec);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.declared
            .objects
            .retain(|object| object.owner.name != name);
    }
}

pub(crate) fn number(n: usize) -> String {
    format!("Door {n:03}")
}
