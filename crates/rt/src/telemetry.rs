//! Logs for people or machines on standard error, and traces for a collector when asked for.

use std::io::{self, IsTerminal};

#[cfg(feature = "otlp")]
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// The environment variable that overrides [`Telemetry::filter`].
pub const FILTER_VARIABLE: &str = "MULTIBEAM_LOG";

/// What to log, and where traces go.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The service's name in traces, such as `multibeam-worker`.
    pub service: &'static str,
    /// Directives such as `info,multibeam_worker=debug`.
    pub filter: String,
    /// The form of log lines.
    pub format: LogFormat,
    /// A collector's OTLP address such as `http://127.0.0.1:4317`; `None` exports nothing.
    pub otlp_endpoint: Option<String>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; with colours when standard error is a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Telemetry cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("`{filter}` is no log filter, expected such as `info,multibeam_worker=debug`")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// This process has a subscriber already.
    #[error("telemetry was set up before")]
    Twice(#[source] TryInitError),
    /// The exporter cannot be made.
    #[cfg(feature = "otlp")]
    #[error("cannot export traces to {endpoint} (hint: expected such as http://127.0.0.1:4317)")]
    Exporter {
        /// The collector's address.
        endpoint: String,
        /// What is wrong.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// This build cannot export traces.
    #[cfg(not(feature = "otlp"))]
    #[error("this build cannot export traces (hint: build with the feature `otlp`)")]
    NoExporter,
}

/// Keeps telemetry alive. [`TelemetryGuard::flush`] it before the process ends.
#[derive(Debug)]
#[must_use]
pub struct TelemetryGuard {
    #[cfg(feature = "otlp")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Telemetry {
    /// Begins logging and tracing for the whole process.
    ///
    /// # Errors
    /// A filter or collector address that cannot be used, or telemetry that was set up before.
    ///
    /// # Panics
    /// With a collector, outside of a tokio runtime.
    pub fn init(self) -> Result<TelemetryGuard, TelemetryError> {
        let filter = match std::env::var(FILTER_VARIABLE) {
            Ok(filter) => filter,
            Err(_) => self.filter.clone(),
        };
        let filter = parse(filter)?;
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match self.format {
            LogFormat::Human => fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal())
                .with_filter(filter)
                .boxed(),
            LogFormat::Json => {
                fmt::layer().json().with_writer(io::stderr).with_filter(filter).boxed()
            }
        };
        let (traces, guard) = self.traces()?;
        tracing_subscriber::registry()
            .with(vec![lines].into_iter().chain(traces).collect::<Vec<_>>())
            .try_init()
            .map_err(TelemetryError::Twice)?;
        Ok(guard)
    }

    #[cfg(not(feature = "otlp"))]
    fn traces(&self) -> Result<(Option<BoxedLayer>, TelemetryGuard), TelemetryError> {
        match self.otlp_endpoint {
            Some(_) => Err(TelemetryError::NoExporter),
            None => Ok((None, TelemetryGuard {})),
        }
    }

    #[cfg(feature = "otlp")]
    fn traces(&self) -> Result<(Option<BoxedLayer>, TelemetryGuard), TelemetryError> {
        use opentelemetry::trace::TracerProvider;
        use opentelemetry_otlp::WithExportConfig;
        use opentelemetry_sdk::Resource;
        use opentelemetry_sdk::trace::SdkTracerProvider;

        let Some(endpoint) = &self.otlp_endpoint else {
            return Ok((None, TelemetryGuard { provider: None }));
        };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()
            .map_err(|source| TelemetryError::Exporter { endpoint: endpoint.clone(), source })?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name(self.service).build())
            .build();
        opentelemetry::global::set_text_map_propagator(
            opentelemetry_sdk::propagation::TraceContextPropagator::new(),
        );
        let layer = tracing_opentelemetry::layer()
            .with_threads(false)
            .with_location(false)
            // The handles are held, not entered: there is nothing to measure.
            .with_tracked_inactivity(false)
            // It is the same for all, and spans have a field of that name.
            .with_target(false)
            .with_tracer(provider.tracer("multibeam"))
            .with_filter(filter_fn(is_exported).with_max_level_hint(LevelFilter::DEBUG))
            .boxed();
        let provider = Some(provider);
        Ok((Some(layer), TelemetryGuard { provider }))
    }
}

/// Spans of a run, and what is told within them. Nothing of the gRPC stack: it would trace its own
/// exports, and export that, without end.
#[cfg(feature = "otlp")]
fn is_exported(metadata: &tracing::Metadata<'_>) -> bool {
    if metadata.is_span() {
        metadata.target() == crate::trace::TARGET
    } else {
        *metadata.level() <= tracing::Level::INFO && metadata.target().starts_with("multibeam")
    }
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn parse(filter: String) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse(&filter)
        .map_err(|source| TelemetryError::Filter { filter, source })
}

impl TelemetryGuard {
    /// Sends what is not sent yet. Blocks for a few seconds at most; call it outside of the
    /// runtime's worker threads, or in `spawn_blocking`.
    pub fn flush(self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked() {
        let error = parse("info,multibeam=loud".to_owned()).unwrap_err();
        assert!(error.to_string().starts_with("`info,multibeam=loud` is no"));
        parse("info,multibeam_worker=debug".to_owned()).unwrap();
        parse(String::new()).unwrap();
    }
}
