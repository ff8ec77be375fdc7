//! The operator's right to work in a namespace: its own RoleBinding there, kept by a finalizer while objects wait for
//! it. A namespace that is deleted loses its RoleBindings at once, and with them would go the right to take access
//! away and to let the objects go.
//!
//! What it binds is a ClusterRole, which is in no namespace. A Role could not be kept: whichever went first of it and
//! its binding, the right to let the other one go would go with it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use opendoor_api::Kind;
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::time::Instant;

use crate::context::Context;
use crate::finalizers::{self, IN_USE};
use crate::release::is_going;
use crate::watch::resource_of;

/// How long it is taken for kept before something new is begun.
const FRESH: Duration = Duration::from_secs(30);
/// How often one that is as it should be is looked at: somebody may have replaced it.
const NOW_AND_THEN: Duration = Duration::from_secs(5 * 60);
/// How soon one that could not be brought in line is looked at again.
const SOON: Duration = Duration::from_secs(2);
/// Attempts against others who write it.
const ATTEMPTS: usize = 3;

/// The RoleBindings of the namespaces looked after.
pub(crate) struct Rights {
    /// Their name; none where rights are in no namespace, or are bound by a Role.
    binding: Option<String>,
    known: RefCell<BTreeMap<String, Known>>,
    /// Shared while finalizers are set on objects, alone while a RoleBinding is looked at: none is let go while
    /// something new is begun.
    turn: RwLock<()>,
}

#[derive(Clone, Copy)]
struct Known {
    state: State,
    looked: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It goes when it is deleted.
    Loose,
    /// It stays until we let it go.
    Kept,
    /// It is being deleted: nothing new is begun.
    Going,
    /// There is none, or we may not keep it: a namespace is worked in for as long as the rights last, once that is said.
    Unkeepable { said: bool },
    /// The API server did not say.
    Unknown,
}

/// While it lives, the rights in a namespace are not let go.
pub(crate) struct Hold<'a>(#[expect(dead_code, reason = "held")] Option<RwLockReadGuard<'a, ()>>);

impl Rights {
    pub(crate) fn new(binding: Option<String>) -> Self {
        Self {
            binding,
            known: RefCell::default(),
            turn: RwLock::default(),
        }
    }

    /// Whether there are RoleBindings to keep.
    pub(crate) fn are_bound(&self) -> bool {
        self.binding.is_some()
    }

    /// Makes sure that what is begun in a namespace can be ended there. `None`: not now.
    pub(crate) async fn hold(&self, context: &Context, namespace: &str) -> Option<Hold<'_>> {
        if self.binding.is_none() {
            return Some(Hold(None));
        }
        for looked in [false, true] {
            let turn = self.turn.read().await;
            let known = self.known.borrow().get(namespace).copied();
            match known.map(|known| (known.state, known.looked.elapsed())) {
                Some((State::Kept | State::Unkeepable { said: true }, age)) if age < FRESH => {
                    return Some(Hold(Some(turn)));
                }
                Some((State::Going | State::Unknown, age)) if age < SOON => return None,
                _ => drop(turn),
            }
            if !looked {
                self.bring_in_line(context, namespace, true).await;
            }
        }
        None
    }

    /// In what time the RoleBinding of a namespace is to be looked at, if at all.
    pub(crate) fn due_in(&self, context: &Context, namespace: &str) -> Option<Duration> {
        let Some(known) = self.known.borrow().get(namespace).copied() else {
            return Some(Duration::ZERO);
        };
        let wait = match (known.state, is_waited_for(context, namespace)) {
            (State::Loose, true) | (State::Kept, false) => Duration::ZERO,
            (State::Unknown, _) | (State::Going, false) => SOON,
            (State::Kept | State::Going | State::Unkeepable { .. }, true) => NOW_AND_THEN,
            (State::Loose | State::Unkeepable { .. }, false) => return None,
        };
        Some(wait.saturating_sub(known.looked.elapsed()))
    }

    /// Brings the RoleBinding of a namespace in line: kept while something there waits for us, or is about to.
    pub(crate) async fn bring_in_line(&self, context: &Context, namespace: &str, about_to: bool) {
        let Some(binding) = &self.binding else {
            return;
        };
        let _turn = self.turn.write().await;
        let wanted = about_to || is_waited_for(context, namespace);
        let before = self.known.borrow().get(namespace).map(|known| known.state);
        let state = match write(context, namespace, binding, wanted).await {
            Ok(state) => state,
            Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_not_found() => {
                let said = before == Some(State::Unkeepable { said: true });
                if wanted && !said {
                    tracing::warn!(
                        namespace, binding, error = %status.message,
                        "the RoleBinding cannot be kept: if the namespace is deleted, its objects may hang in it"
                    );
                }
                State::Unkeepable {
                    said: said || wanted,
                }
            }
            Err(error) => {
                tracing::warn!(namespace, binding, error = %crate::said(&error), "the RoleBinding cannot be looked at");
                State::Unknown
            }
        };
        let looked = Instant::now();
        self.known
            .borrow_mut()
            .insert(namespace.to_owned(), Known { state, looked });
        let what = format!("keep the RoleBinding {binding} in namespace {namespace}");
        if state != State::Going || is_going(context, namespace).await == Some(true) {
            context.health.may(&what);
        } else {
            let why = "it is being deleted, and the namespace is not. Nothing new is begun there, and it goes with the \
                       last object of ours. Delete those objects, or wait for them; then install it again";
            if before != Some(State::Going) {
                tracing::warn!(namespace, binding, "the RoleBinding cannot be kept: {why}");
            }
            context.health.may_not(what, why.to_owned());
        }
    }
}

/// Whether an object of a namespace carries a finalizer of ours.
fn is_waited_for(context: &Context, namespace: &str) -> bool {
    let objects = context.objects.borrow();
    Kind::ALL.into_iter().any(|kind| {
        let ours = finalizers::of(kind);
        ours.is_some_and(|ours| {
            let mut all = objects.of(kind, namespace);
            all.any(|seen| seen.has_finalizer(ours))
        })
    })
}

/// Sets our finalizer on a RoleBinding, or takes it off.
async fn write(
    context: &Context,
    namespace: &str,
    binding: &str,
    wanted: bool,
) -> Result<State, kube::Error> {
    let api: Api<RoleBinding> = Api::namespaced(context.kube.clone(), namespace);
    for _ in 0..ATTEMPTS {
        let found = api.get_metadata(binding).await?;
        let going = found.metadata.deletion_timestamp.is_some();
        let kept = found.finalizers().iter().any(|held| held == IN_USE);
        match (wanted, kept) {
            (true, true) if !going => return Ok(State::Kept),
            (true, _) if going => return Ok(State::Going),
            (false, false) => return Ok(State::Loose),
            // Nobody could give the rights back to an object that was overlooked, or came in between.
            (false, true) if going && is_in_use(context, namespace).await? => {
                return Ok(State::Going);
            }
            _ => {}
        }
        let mut finalizers = found.finalizers().to_vec();
        finalizers.retain(|held| held != IN_USE);
        if wanted {
            finalizers.push(IN_USE.to_owned());
        }
        let uid = found.uid().unwrap_or_default();
        let version = found.resource_version().unwrap_or_default();
        let (params, patch) = finalizers::replacing(&uid, &version, &finalizers);
        let written = api.patch_metadata(binding, &params, &patch).await;
        if crate::unless_overtaken(written)?.is_some() {
            context.metrics.kube_writes.inc();
            tracing::info!(namespace, binding, kept = wanted, "the RoleBinding");
            return Ok(if wanted { State::Kept } else { State::Loose });
        }
    }
    Ok(State::Unknown)
}

/// Whether the API server has an object of ours in a namespace, whatever was seen of it.
async fn is_in_use(context: &Context, namespace: &str) -> Result<bool, kube::Error> {
    for kind in Kind::ALL {
        if finalizers::of(kind).is_none() {
            continue;
        }
        let api: Api<DynamicObject> =
            Api::namespaced_with(context.kube.clone(), namespace, &resource_of(kind));
        let listed = api.list_metadata(&ListParams::default().limit(1)).await?;
        if !listed.items.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
