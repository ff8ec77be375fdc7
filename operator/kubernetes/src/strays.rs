//! Objects that refer to a Property which is not there: they are told so, and go as soon as they are deleted.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use opendoor_planner::reasons::Reason;
use tokio::time::Instant;

use crate::context::Context;
use crate::objects::{Name, Seen};
use crate::passes::Next;
use crate::release::release;
use crate::report::{conditions_only, refused};
use crate::shards::shard_of;
use crate::tell::write_and_say;

/// How long a Property may come after what refers to it. One apply brings both, in any order.
const GRACE: Duration = Duration::from_secs(30);

/// Looks at what refers to a Property that is not there.
pub(crate) async fn look_at_strays(context: &Context, property: &Name) -> Next {
    let referred = {
        let objects = context.objects.borrow();
        objects.referring_to(property).next().is_some()
    };
    if !referred {
        context.shards_of.borrow_mut().remove(property);
        context.missed_since.borrow_mut().remove(property);
        return Next::OnChange;
    }
    let shard = shard_of(&[&property.namespace]);
    context
        .shards_of
        .borrow_mut()
        .insert(property.clone(), shard);
    let since = *context
        .missed_since
        .borrow_mut()
        .entry(property.clone())
        .or_insert_with(Instant::now);
    if !context.deadlines.holds(shard) {
        return Next::OnChange;
    }
    release(context, property, None).await;
    let left = GRACE.saturating_sub(since.elapsed());
    if !left.is_zero() {
        return Next::In(left);
    }
    for seen in strays(context, property) {
        let message = match &seen.content {
            Ok(_) => format!(
                "no Property \"{}\" is in this namespace. Apply it, or correct spec.propertyRef.",
                property.name
            ),
            Err(problems) => problems
                .first()
                .map(|problem| problem.message.clone())
                .unwrap_or_default(),
        };
        let findings = refused(Reason::Invalid, &message);
        let status = conditions_only(&seen, &findings, seen.generation, Timestamp::now());
        write_and_say(context, &seen, &status, &findings, None).await;
    }
    Next::OnChange
}

/// What refers to it and nobody looks after. What was accepted for another Property stays that one's.
fn strays(context: &Context, property: &Name) -> Vec<Rc<Seen>> {
    let objects = context.objects.borrow();
    let all = objects.referring_to(property);
    all.filter(|seen| seen.deleting_since.is_none())
        .filter(|seen| context.ledgers.of_object(&seen.uid).is_empty())
        .cloned()
        .collect()
}
