//! The definitions and the operator against a real Kubernetes API server, spoken to with the real kubectl.
//!
//! The server is built from source the first time (`tools`) and started once for all tests (`control_plane`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod admission;
mod alerts;
mod argocd;
mod asking;
mod chart;
mod chart_admission;
mod chart_install;
mod chart_rights;
mod chart_schemas;
mod control_plane;
mod converging;
mod deleting_all;
mod drifting;
mod end_state;
mod examples;
mod failing;
mod failing_over;
mod gateway;
mod going_namespaces;
mod immutable;
mod killing;
mod kstatus;
mod odd_objects;
mod operator;
mod portfolios;
mod removing;
mod rules;
#[path = "../shared/served.rs"]
mod served;
mod server;
mod strays;
mod tools;
mod tracing_out;
#[path = "../shared/yaml.rs"]
mod yaml;
