//! Logs: one JSON object a line on standard error, or plain lines for a terminal.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    EnvFilter,
    field::Visit,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{JsonFields, Writer},
    },
    registry::{LookupSpan, Scope},
};

use crate::clock::Clock;

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Plain lines, for a terminal.
    Text,
}

/// Starts logging to standard error. `filter` is as `tracing_subscriber::EnvFilter` reads it.
pub fn start_logging(filter: &str, format: LogFormat, clock: Clock) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("log: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(JsonLine { clock })
            .try_init(),
        LogFormat::Text => builder.compact().try_init(),
    }
    .map_err(|error| error.to_string())
}

/// Writes an event with time, level, message, service and version first, then the fields of the
/// spans around it (the trace id among them), then its own.
struct JsonLine {
    clock: Clock,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = LogFields::default();
        event.record(&mut fields);
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
        put("time", self.clock.now().to_string().into());
        put(
            "level",
            event.metadata().level().as_str().to_lowercase().into(),
        );
        put("message", fields.0.remove("message").unwrap_or_default());
        put("service", env!("CARGO_PKG_NAME").into());
        put("version", env!("CARGO_PKG_VERSION").into());
        put("target", event.metadata().target().into());
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let text = extensions
                .get::<FormattedFields<N>>()
                .map(|fields| fields.as_str());
            // The fields were written by `JsonFields`, so they are an object or nothing.
            if let Some(Ok(Value::Object(of_span))) = text.map(serde_json::from_str) {
                line.extend(of_span);
            }
        }
        line.extend(fields.0);
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// A log line for an error that happens before logging has started.
pub fn error_line(message: &str, clock: &Clock) -> String {
    let mut line = Map::new();
    for (key, value) in [
        ("time", clock.now().to_string().as_str()),
        ("level", "error"),
        ("message", message),
        ("service", env!("CARGO_PKG_NAME")),
        ("version", env!("CARGO_PKG_VERSION")),
        ("target", module_path!()),
    ] {
        line.insert(key.to_owned(), value.into());
    }
    Value::Object(line).to_string()
}

#[derive(Default)]
struct LogFields(Map<String, Value>);

impl LogFields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for LogFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
