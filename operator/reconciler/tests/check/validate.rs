//! `validate` of files as they are.

use opendoor_planner::reasons::Reason;
use opendoor_reconciler::check::{Finding, Sources, check};

pub const PROPERTY: &str = "apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec:
  building: Harbor Point
  partners:
    - name: Parcel Runner
    - name: TourPass
      uuid: 0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11
";

pub fn assignment(name: &str, partner: &str, rest: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: {partner}
{rest}"
    )
}

pub fn key(name: &str, partner: &str, key_name: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: {partner}
  keyName: {key_name}
  doors:
    - {{ name: Mail Room }}
"
    )
}

pub fn sources(files: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::default();
    for (file, text) in files {
        sources.add(file, text);
    }
    sources
}

fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    check(&sources(files), None).findings
}

pub fn at(finding: &Finding) -> (Reason, String) {
    let number =
        |number: Option<u32>| number.map_or(String::from("?"), |number| number.to_string());
    let place = format!(
        "{}:{}:{}",
        finding.file,
        number(finding.line),
        number(finding.column)
    );
    (finding.reason, place)
}

#[test]
fn files_in_order_have_no_findings() {
    let parcels = assignment("parcels", "Parcel Runner", "  doors: [Mail Room]\n");
    let by_uuid = assignment(
        "tours",
        "0B8F3A52-3C1E-4F6A-9D52-6F1F0A7C9E11",
        "  doors: [Rooftop]\n",
    );
    let tours = key("tour-key", "TourPass", "Tours");
    let files = [
        ("a.yaml", PROPERTY),
        ("b.yaml", parcels.as_str()),
        ("c.yaml", by_uuid.as_str()),
        ("d.yaml", tours.as_str()),
    ];
    let checked = check(&sources(&files), None);
    assert_eq!(checked.findings, []);
    assert_eq!((checked.objects, checked.files), (4, 4));
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_files() {
    let wrong = assignment("a", "Parcel Runer", "  doors: [Mail Room]\n  dors: [x]\n");
    let files = [
        ("z.yaml", "apiVersion: [\n"),
        ("b.yaml", wrong.as_str()),
        ("a.yaml", PROPERTY),
    ];
    let found: Vec<_> = findings(&files).iter().map(at).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], (Reason::Invalid, String::from("b.yaml:8:3")));
    assert_eq!(found[1].0, Reason::DeclarationIncomplete);
    assert!(found[1].1.starts_with("z.yaml:"), "{found:?}");
}

#[test]
fn a_reference_to_nothing_suggests_what_was_meant() {
    let lost = assignment("a", "Parcel Runner", "  doors: [Mail Room]\n")
        .replace("name: harbor-point", "name: harbour-point");
    let unlisted = assignment("b", "Parcel Runer", "  doors: [Mail Room]\n");
    let foreign = assignment("c", "CleanCo", "  doors: [Rooftop]\n");
    let property = format!("{PROPERTY}  portfolioRef: {{ name: harbor }}\n");
    let files = [
        ("a.yaml", lost.as_str()),
        ("b.yaml", unlisted.as_str()),
        ("c.yaml", foreign.as_str()),
        ("p.yaml", property.as_str()),
    ];
    let found = findings(&files);
    let places: Vec<_> = found.iter().map(at).collect();
    assert_eq!(
        places,
        [
            (Reason::Invalid, String::from("a.yaml:5:24")),
            (Reason::PartnerNotListed, String::from("b.yaml:6:12")),
            (Reason::PartnerNotListed, String::from("c.yaml:6:12")),
            (Reason::Invalid, String::from("p.yaml:10:25")),
        ]
    );
    let suggestion = |at: usize| found[at].suggestion.clone().unwrap();
    assert_eq!(suggestion(0), "Did you mean \"harbor-point\"?");
    assert_eq!(suggestion(1), "Did you mean \"Parcel Runner\"?");
    assert!(suggestion(2).starts_with("Add it there"));
}

#[test]
fn several_portfolios_must_be_told_apart() {
    let portfolio = |name: &str| {
        format!(
            "apiVersion: opendoor.dev/v1alpha1\nkind: Portfolio\nmetadata: {{ name: {name} }}\nspec: {{}}\n"
        )
    };
    let both = format!("{}---\n{}", portfolio("one"), portfolio("two"));
    let found = findings(&[("a.yaml", PROPERTY), ("b.yaml", &both)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.starts_with("2 Portfolios"), "{found:?}");
    let named = format!("{PROPERTY}  portfolioRef: {{ name: two }}\n");
    assert_eq!(findings(&[("a.yaml", &named), ("b.yaml", &both)]), []);
}

#[test]
fn what_two_objects_claim_is_told_with_both_places() {
    let parcels = assignment(
        "parcels",
        "Parcel Runner",
        "  doors: [Mail Room, Rooftop]\n",
    );
    let tours = assignment("tours", "TourPass", "  doors: [Lobby, Rooftop]\n");
    let keys = format!(
        "{}---\n{}",
        key("one", "TourPass", "Tours"),
        key("two", "Parcel Runner", "Tours")
    );
    let second = PROPERTY.replace("name: harbor-point", "name: harbor-east");
    let files = [
        ("a.yaml", PROPERTY),
        ("b.yaml", parcels.as_str()),
        ("c.yaml", tours.as_str()),
        ("d.yaml", keys.as_str()),
        ("e.yaml", second.as_str()),
        ("f.yaml", parcels.as_str()),
    ];
    let found = findings(&files);
    let places: Vec<_> = found.iter().map(at).collect();
    assert_eq!(
        places,
        [
            (Reason::DoorClaimedTwice, String::from("c.yaml:7:18")),
            (Reason::KeyNameTaken, String::from("d.yaml:17:12")),
            (Reason::BuildingClaimedTwice, String::from("e.yaml:5:13")),
            (Reason::Invalid, String::from("f.yaml:1:?")),
            (Reason::DoorClaimedTwice, String::from("f.yaml:7:22")),
        ]
    );
    assert!(found[0].message.contains("(b.yaml:7)"), "{found:?}");
}

#[test]
fn one_door_for_two_partners_one_after_the_other_is_no_clash() {
    let first = assignment(
        "spring",
        "Parcel Runner",
        "  doors: [Mail Room]\n  validity: { until: \"2026-06-01T00:00:00Z\" }\n",
    );
    let second = assignment(
        "summer",
        "TourPass",
        "  doors: [Mail Room]\n  validity: { from: \"2026-06-01T00:00:00Z\" }\n",
    );
    let files = [
        ("a.yaml", PROPERTY),
        ("b.yaml", &*first),
        ("c.yaml", &*second),
    ];
    assert_eq!(findings(&files), []);
    let always = assignment("always", "TourPass", "  doors: [Mail Room]\n");
    let files = [
        ("a.yaml", PROPERTY),
        ("b.yaml", &*first),
        ("c.yaml", &*always),
    ];
    assert_eq!(findings(&files).len(), 1);
}

#[test]
fn objects_of_other_namespaces_are_other_objects() {
    let apart = |namespace: &str| {
        PROPERTY.replace(
            "{ name: harbor-point }",
            &format!("{{ name: harbor-point, namespace: {namespace} }}"),
        )
    };
    let (east, west) = (apart("east"), apart("west"));
    assert_eq!(findings(&[("a.yaml", &east), ("b.yaml", &west)]), []);
    assert_eq!(findings(&[("a.yaml", &east), ("b.yaml", &east)]).len(), 1);
}
