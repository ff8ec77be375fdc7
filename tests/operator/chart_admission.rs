//! The chart's rules at the API server: who may approve, who takes our finalizers off, who writes DoorSyncOrders. Real
//! users, through real roles.

use std::time::Duration;

use crate::chart::rendered;
use crate::control_plane::{ADMIN, ControlPlane, Namespace, Said, wait_until};

const SOON: Duration = Duration::from_secs(30);
const PROPERTY: &str = "
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point, finalizers: [opendoor.dev/in-use, example.com/other] }
spec: { building: Harbor Point }
";
const APPROVED: &str = "
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: elm-court }
spec: { building: Elm Court, approve: h-0123456789abcdef }
";
/// One object of each other kind that has a finalizer of ours.
const OTHERS: &str = "
apiVersion: opendoor.dev/v1alpha1
kind: Portfolio
metadata: { name: east, finalizers: [opendoor.dev/in-use] }
spec: { credentialsSecretRef: { name: door-os } }
---
apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: cleaners, finalizers: [opendoor.dev/revoke] }
spec: { propertyRef: { name: harbor-point }, partner: CleanCo, doors: [Mail Room] }
---
apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata: { name: cleaners, finalizers: [opendoor.dev/revoke] }
spec: { propertyRef: { name: harbor-point }, partner: CleanCo, doors: [{ name: Mail Room }] }
";
const ORDER: &str = "
apiVersion: opendoor.dev/v1alpha1
kind: DoorSyncOrder
metadata: { name: harbor-point }
";
const OPERATOR: &str = "--as=system:serviceaccount:opendoor-system:opendoor";

/// A namespace with the chart's rules and roles in force, and objects. `manager` and `stranger` may edit.
fn with_rules() -> Namespace<'static> {
    let here = ControlPlane::shared().namespace();
    let release = here.name.as_str();
    let namespaces = format!("namespaces={{{release}}}");
    let service_account = "serviceAccount.name=opendoor";
    let set = [
        "--set",
        &namespaces,
        "--set",
        "crds.install=false",
        "--set",
        service_account,
    ];
    let all = rendered(release, "opendoor-system", &set);
    let needed: Vec<&str> = all
        .split("\n---")
        .filter(|text| {
            text.contains("kind: ValidatingAdmissionPolicy")
                || text.contains(&format!("\n  namespace: {release}\n"))
        })
        .filter(|text| !text.contains("kind: RoleBinding"))
        .collect();
    here.kubectl_as(ADMIN, &["apply", "-f", "-"], &needed.join("\n---"))
        .works();
    for user in ["manager", "stranger"] {
        for role in ["view", "edit", "admin"] {
            bind(&here, role, user);
        }
    }
    here.apply(PROPERTY).works();
    here.apply(OTHERS).works();
    wait_until(SOON, "the rules and roles are in force", || {
        let order = here.kubectl_as(ADMIN, &["create", "--dry-run=server", "-f", "-"], ORDER);
        let finalizer = here.kubectl_as(
            ADMIN,
            &["auth", "can-i", "patch", "pf", "--as=stranger"],
            "",
        );
        let refused = patch(
            &here,
            "stranger",
            "property/harbor-point",
            NO_FINALIZER,
            &["--dry-run=server"],
        );
        let approved = patch(
            &here,
            "stranger",
            "property/harbor-point",
            APPROVE,
            &["--dry-run=server"],
        );
        let all = [order.ok, !finalizer.ok, refused.ok, approved.ok];
        if all.contains(&true) {
            Err(format!("{all:?} {} {}", refused.err, approved.err))
        } else {
            Ok(())
        }
    });
    here
}

const NO_FINALIZER: &str = r#"{"metadata":{"finalizers":null}}"#;
const APPROVE: &str = r#"{"spec":{"approve":"h-0123456789abcdef"}}"#;

fn bind(here: &Namespace<'_>, role: &str, user: &str) {
    let binding = format!("{role}-{user}");
    let role = format!("--role={}-{role}", here.name);
    here.kubectl(&[
        "create",
        "rolebinding",
        &binding,
        &role,
        &format!("--user={user}"),
    ])
    .works();
}

fn patch(here: &Namespace<'_>, user: &str, object: &str, change: &str, more: &[&str]) -> Said {
    let words = ["patch", object, "--type=merge", "-p", change];
    here.kubectl_as(user, &[&words, more].concat(), "")
}

/// A role that was bound a moment ago has an effect soon.
fn may_soon(here: &Namespace<'_>, user: &str, verb: &str, resource: &str) {
    wait_until(SOON, "the role binding has an effect", || {
        let said = here.kubectl(&["auth", "can-i", verb, resource, &format!("--as={user}")]);
        if said.ok { Ok(()) } else { Err(said.out) }
    });
}

#[test]
fn only_an_approver_approves_and_everybody_else_may_change_the_rest() {
    let here = with_rules();
    let property = "property/harbor-point";
    let sentences = [
        "manager may not set spec.approve of the Property harbor-point",
        "ask an approver",
        &format!("{}-approve", here.name),
    ];
    patch(&here, "manager", property, APPROVE, &[]).refused(&sentences);
    here.kubectl_as("manager", &["create", "-f", "-"], APPROVED)
        .refused(&["manager may not set spec.approve"]);
    let both = r#"{"spec":{"approve":"h-0123456789abcdef","suspend":true}}"#;
    patch(&here, "manager", property, both, &[]).refused(&sentences);
    patch(
        &here,
        "manager",
        property,
        r#"{"spec":{"suspend":true}}"#,
        &[],
    )
    .works();
    patch(
        &here,
        "manager",
        property,
        r#"{"metadata":{"labels":{"a":"b"}}}"#,
        &[],
    )
    .works();

    bind(&here, "approve", "manager");
    may_soon(&here, "manager", "approve", "properties.opendoor.dev");
    patch(&here, "manager", property, APPROVE, &[]).works();
    here.kubectl_as("manager", &["create", "-f", "-"], APPROVED)
        .works();

    // Whoever may not approve may write an object that is approved, and take a spent approval out.
    patch(
        &here,
        "stranger",
        property,
        r#"{"spec":{"suspend":false}}"#,
        &[],
    )
    .works();
    let other = r#"{"spec":{"approve":"h-fedcba9876543210"}}"#;
    patch(&here, "stranger", property, other, &[]).refused(&["stranger may not set spec.approve"]);
    patch(
        &here,
        "stranger",
        property,
        r#"{"spec":{"approve":null}}"#,
        &[],
    )
    .works();
}

#[test]
fn our_finalizers_are_taken_off_by_the_operator_or_with_a_broken_glass_only() {
    let here = with_rules();
    let all = [
        "pf/east",
        "property/harbor-point",
        "da/cleaners",
        "pk/cleaners",
    ];
    for object in all {
        for change in [
            NO_FINALIZER,
            r#"{"metadata":{"finalizers":["example.com/other"]}}"#,
        ] {
            let refused = patch(&here, "stranger", object, change, &[]);
            refused.refused(&[
                "stranger may not take the operator's finalizer off",
                "deletionPolicy: Retain",
                "break-glass",
            ]);
        }
        // Not even by whoever administers the namespace, where the API server itself does not say yes to all.
        patch(&here, "manager", object, NO_FINALIZER, &[]).refused(&["manager may not take"]);
    }
    // Others' finalizers are others' business.
    let ours = r#"{"metadata":{"finalizers":["opendoor.dev/in-use"]}}"#;
    patch(&here, "stranger", "property/harbor-point", ours, &[]).works();
    // A tool that replaces an object without its finalizers is told; one that applies it keeps them.
    let bare = PROPERTY.replace(", finalizers: [opendoor.dev/in-use, example.com/other]", "");
    here.kubectl_as("stranger", &["replace", "-f", "-"], &bare)
        .refused(&["use apply"]);
    here.kubectl_as("stranger", &["apply", "--server-side", "-f", "-"], &bare)
        .works();

    // Deleting is not in the way of any rule: the object waits for the operator, and for nobody else.
    here.kubectl_as(
        "stranger",
        &["delete", "--wait=false", all[0], all[1], all[2], all[3]],
        "",
    )
    .works();
    patch(&here, "stranger", "da/cleaners", NO_FINALIZER, &[]).refused(&["may not take"]);

    // Roles of the operator in this namespace are bound to nobody here: the admin comes as its service account.
    let as_operator = |object: &str| {
        here.kubectl(&[
            "patch",
            object,
            "--type=merge",
            "-p",
            NO_FINALIZER,
            OPERATOR,
            "--as-group=system:masters",
        ])
    };
    as_operator("da/cleaners").works();
    as_operator("property/harbor-point").works();

    bind(&here, "break-glass", "manager");
    may_soon(&here, "manager", "break-glass", "partnerkeys.opendoor.dev");
    patch(&here, "manager", "pk/cleaners", NO_FINALIZER, &[]).works();
    patch(&here, "manager", "pf/east", NO_FINALIZER, &[]).works();
    let left = here
        .kubectl(&["get", "pf,property,da,pk", "-o", "name"])
        .works();
    assert_eq!(left.out, "");
}

#[test]
fn door_sync_orders_are_written_by_the_operator_alone_and_deleted_by_anybody() {
    let here = with_rules();
    let sentences = ["written by the operator alone", "perform the Door Sync"];
    here.kubectl_as(ADMIN, &["create", "-f", "-"], ORDER)
        .refused(&sentences);
    here.kubectl_as(
        ADMIN,
        &["create", "-f", "-", OPERATOR, "--as-group=system:masters"],
        ORDER,
    )
    .works();
    let nothing_owed = r#"{"status":{"total":0,"doors":[]}}"#;
    patch(
        &here,
        ADMIN,
        "dso/harbor-point",
        nothing_owed,
        &["--subresource=status"],
    )
    .refused(&sentences);
    let as_operator = [
        "--subresource=status",
        OPERATOR,
        "--as-group=system:masters",
    ];
    patch(&here, ADMIN, "dso/harbor-point", nothing_owed, &as_operator).works();
    // What the garbage collector does with an object that is deleted in the foreground is in no rule.
    here.kubectl(&[
        "delete",
        "dso/harbor-point",
        "--cascade=foreground",
        "--timeout=30s",
    ])
    .works();
}

#[test]
fn another_namespace_is_not_bound_by_the_rules_of_this_operator() {
    let _here = with_rules();
    let there = ControlPlane::shared().namespace();
    there
        .kubectl_as(ADMIN, &["create", "-f", "-"], ORDER)
        .works();
}
