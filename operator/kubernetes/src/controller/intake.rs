//! What a change of an object means: whose turn it is.

use std::rc::Rc;

use kube::api::DynamicObject;
use opendoor_api::Kind;
use tokio::time::Instant;

use super::Controller;
use crate::objects::{Name, Seen};
use crate::portfolios::forget_portfolio;
use crate::watch::Change;

impl Controller {
    /// What an answer to a write of ours showed, before the watch.
    pub(super) fn take_overtaken(&mut self) {
        let overtaken = self.context.overtaken.take();
        self.changed(overtaken.iter());
    }

    pub(super) fn take(&mut self, change: Change) {
        match change {
            Change::There(kind, object) => {
                if self.is_known(kind, &object) {
                    return;
                }
                let seen = Seen::read(kind, *object);
                let name = seen.name.clone();
                self.binding_may_be_due(&name.namespace);
                let (before, changed) = self.context.put(seen);
                tracing::debug!(%kind, object = %name, changed, "seen");
                if changed {
                    let now = self.context.object(kind, &name);
                    self.changed(before.iter().chain(&now));
                }
            }
            Change::Gone(kind, name) => {
                self.binding_may_be_due(&name.namespace);
                let before = self.context.objects.borrow_mut().remove(kind, &name);
                self.changed(before.iter());
            }
            Change::Listed(kind, scope, listed) => {
                let gone = self
                    .context
                    .objects
                    .borrow_mut()
                    .keep_only(kind, &listed, |name| {
                        scope.as_ref().is_none_or(|scope| *scope == name.namespace)
                    });
                self.changed(gone.iter());
                for seen in &gone {
                    self.binding_may_be_due(&seen.name.namespace);
                }
                self.context.health.listed(kind, scope);
            }
            Change::Heard(kind, scope, at) => self.context.health.heard(kind, scope, at),
            Change::Failed(kind, scope, why) => {
                tracing::warn!(%kind, error = %why, "the watch failed and is begun again");
                self.context.health.failed(kind, scope, why);
            }
        }
    }

    /// Whether it is what the API server answered to a write of ours: that was taken in already.
    fn is_known(&self, kind: Kind, object: &DynamicObject) -> bool {
        let metadata = &object.metadata;
        let (Some(uid), Some(version)) = (&metadata.uid, &metadata.resource_version) else {
            return false;
        };
        let name = Name::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        let objects = self.context.objects.borrow();
        objects.knows(kind, &name, uid, version)
    }

    /// Something in a namespace begins or ends to wait for us, perhaps.
    pub(super) fn binding_may_be_due(&mut self, namespace: &str) {
        let all = &self.context.config.namespaces;
        if self.context.rights.are_bound() && all.iter().any(|listed| listed == namespace) {
            let place = Name::new(namespace, "");
            self.bindings.changed(&place, Instant::now());
        }
    }

    /// A Property of a namespace was looked at: what is said of its Portfolio may be another thing now. It is said of
    /// many Properties at once, not of each.
    pub(super) fn portfolios_may_be_due(&mut self, namespace: &str) {
        let now = Instant::now();
        let objects = self.context.objects.borrow();
        for portfolio in objects.of(Kind::Portfolio, namespace) {
            self.portfolios.changed(&portfolio.name, now);
        }
    }

    /// Marks what objects belong to as changed.
    fn changed<'a>(&mut self, objects: impl Iterator<Item = &'a Rc<Seen>>) {
        let now = Instant::now();
        for seen in objects {
            let namespace = &seen.name.namespace;
            match seen.kind {
                Kind::Property | Kind::DoorSyncOrder => self.queue.changed(&seen.name, now),
                Kind::DoorAssignment | Kind::PartnerKey => {
                    if let Some(property) = &seen.property {
                        self.queue.changed(&Name::new(namespace, property), now);
                    }
                    // What was accepted for another Property stays that one's.
                    let Some(owner) = seen.owner() else {
                        continue;
                    };
                    for (_, known) in self.context.ledgers.of_object(&seen.uid) {
                        if known.property.namespace == *namespace
                            && Some(&known.property.name) != seen.property.as_ref()
                            && known.head.accepted.contains_key(&owner)
                        {
                            self.queue.changed(&known.property, now);
                        }
                    }
                }
                Kind::Portfolio => {
                    let there = self.context.object(Kind::Portfolio, &seen.name);
                    if there.is_none_or(|there| there.uid != seen.uid) {
                        forget_portfolio(&self.context, &seen.name);
                    }
                    self.portfolios.changed(&seen.name, now);
                    let properties: Vec<Name> = self
                        .context
                        .objects
                        .borrow()
                        .of(Kind::Property, namespace)
                        .map(|property| property.name.clone())
                        .collect();
                    for property in properties {
                        self.queue.changed(&property, now);
                    }
                }
            }
        }
    }
}
