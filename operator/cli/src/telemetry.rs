//! The operator's logs and, where a collector is named, its traces.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use crate::args::Log;

/// Names of the environment, as OpenTelemetry defines them, that say where traces go.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Sends what is left when the process ends.
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to log and, where the environment names a collector, to trace. `RUST_LOG` says what.
    ///
    /// # Errors
    /// The collector that is named cannot be used.
    pub fn begin(form: Log, verbose: bool) -> Result<Self, String> {
        let usual = if verbose { "debug" } else { "info" };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match form {
            Log::Json => lines.json().flatten_event(true).boxed(),
            Log::Text => lines
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .boxed(),
        };
        let provider = provider()?;
        let tracer: Option<Tracer> = provider
            .as_ref()
            .map(|provider| provider.tracer("opendoor"));
        let traces = tracer.map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer));
        Registry::default()
            .with(lines.with_filter(filter))
            // Only our own spans: what libraries trace is not about doors.
            .with(
                traces.map(|traces| {
                    traces.with_filter(EnvFilter::new("off,opendoor_kubernetes=info"))
                }),
            )
            .init();
        Ok(Self(provider))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn provider() -> Result<Option<SdkTracerProvider>, String> {
    let named = ENDPOINTS
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !named {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .build()
        .map_err(|error| format!("the collector of traces cannot be used: {error}. Correct or unset OTEL_EXPORTER_OTLP_ENDPOINT."))?;
    let resource = Resource::builder().with_service_name("opendoor").build();
    Ok(Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build(),
    ))
}
