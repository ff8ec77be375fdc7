//! `status`, `plan`, `who` and `sync list` with `--kubernetes`: what the operator said of its objects.

use std::time::Duration;

use opendoor_kubernetes::client::connect;
use opendoor_kubernetes::objects::Objects;
use opendoor_kubernetes::reading::read;

use crate::args::{Cluster, Output as Form};
use crate::cluster::{round_of, said_plans, since_of, who};
use crate::exit::Verdict;
use crate::output::Output;
use crate::render;

/// How long an answer of the API server is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of the cluster.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// The conditions.
    Status,
    /// What is left to do, held and refused.
    Plan,
    /// Who opens what.
    Who(&'a str),
    /// The doors to visit.
    SyncList,
}

/// Answers from the cluster.
///
/// # Errors
/// The cluster cannot be read, with what to check.
pub async fn answer(
    cluster: &Cluster,
    question: Question<'_>,
    output: &Output,
) -> Result<Verdict, String> {
    let objects = objects(cluster).await?;
    let json = output.form() == Form::Json;
    let round = round_of(&objects);
    Ok(match question {
        Question::Status => {
            let looked: Vec<_> = round
                .passes
                .iter()
                .filter_map(|(_, pass)| pass.as_ref().ok())
                .map(|pass| (pass, since_of(&objects, pass)))
                .collect();
            if json {
                output.json(&render::json::status(&looked));
            } else {
                output.print(&render::status::conditions(&looked));
            }
            Verdict::Done
        }
        Question::Plan => {
            let plans = said_plans(&objects);
            if json {
                output.json(&render::cluster::as_json(&plans));
            } else {
                output.print(&render::cluster::plans(&plans));
            }
            Verdict::of_published(&plans)
        }
        Question::SyncList => {
            match output.form() {
                Form::Json => output.json(&render::json::syncs(&round, true)),
                Form::Html => output.print(&render::html::sheets(&round, true)),
                _ => output.print(&render::status::syncs(&round, true)),
            }
            Verdict::Done
        }
        Question::Who(what) => match who(&objects, what) {
            Ok(answer) => {
                if json {
                    output.json(&render::json::who(&answer));
                } else {
                    output.print(&render::status::who(&answer));
                }
                Verdict::Done
            }
            Err(not_named) => {
                output.note(&format!(
                    "error: no door and no partner \"{what}\" is named by any object here. Write the name as DOOR OS shows it."
                ));
                for note in not_named {
                    output.note(&note);
                }
                Verdict::Error
            }
        },
    })
}

async fn objects(cluster: &Cluster) -> Result<Objects, String> {
    let (client, standing_in) = connect(cluster.context.as_deref(), PATIENCE)
        .await
        .map_err(|error| error.to_string())?;
    let namespace = cluster.namespace.as_ref().unwrap_or(&standing_in);
    let namespace = (!cluster.all_namespaces).then_some(namespace.as_str());
    read(&client, namespace).await.map_err(|(kind, why)| {
        format!(
            "the {kind} objects cannot be read: {why}. Check the context, the namespace and your rights (the chart's view role)."
        )
    })
}
