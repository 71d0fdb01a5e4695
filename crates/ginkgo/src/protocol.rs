//! The messages between a suite process and its server: plain HTTP with JSON bodies, as
//! `internal/parallel_support` of Ginkgo speaks it with `GINKGO_PARALLEL_PROTOCOL=HTTP`.

use std::str;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::dryrun::SuiteHeader;
use crate::spec::{SpecHeader, SpecState};

/// Everything a suite process can say or ask.
#[derive(Debug, Clone)]
pub enum Request {
    /// Asked once at start. Any answer but [`Answer::Ok`] makes the process exit with status 1.
    Up,
    /// The suite as this process sees it, without spec reports.
    SuiteWillBegin(SuiteReport),
    /// The last message; carries the spec reports of this process.
    SuiteDidEnd(SuiteReport),
    /// From process 1, if the suite has ReportBeforeSuite nodes.
    ReportBeforeSuiteCompleted(SpecState),
    /// The others wait for it. Answer with [`Answer::state`], 425 or 410.
    ReportBeforeSuiteState,
    /// From process 1: state and data of its before-suite.
    BeforeSuiteCompleted(BeforeSuite),
    /// The others wait for it. Answer with [`BeforeSuite::answer`], 425 or 410.
    BeforeSuiteState,
    /// Which execution group to run next. Answer with [`Answer::counter`] or 425. Go's client may
    /// ask a second time on a new connection; it must get the same index then.
    Counter,
    /// A spec or suite node is over (or was passed over). The process waits for the answer.
    DidRun(SpecReport),
    /// Output of process 1's own halves of the synchronized suite nodes. Any answer but
    /// [`Answer::Ok`] kills the process.
    EmitOutput(Bytes),
    /// A `types.ProgressReport`, as sent.
    ProgressReport(Bytes),
    /// Process 1 asks before its serial groups and in its after-suite. Anything but 425 (a broken
    /// connection too) starts the serial groups.
    HaveNonprimaryProcsFinished,
    /// Process 1 asks for each ReportAfterSuite node. Answer with a report, 425 or 410.
    AggregatedNonprimaryProcsReport,
    /// Every 500 ms, and before each node from 2.9.4. 410 stops the process, anything else does not.
    ShouldAbort,
    /// A failure under fail-fast, or AbortSuite().
    Abort,
}

/// Why a request cannot be understood.
#[derive(Debug, Error)]
pub enum ProtocolError {
    /// No such endpoint.
    #[error(
        "expected an endpoint of Ginkgo's parallel protocol, got {method} {path} (hint: the suite may be built with a newer Ginkgo than this program knows)"
    )]
    UnknownEndpoint {
        /// HTTP method.
        method: String,
        /// Path behind the process number.
        path: String,
    },
    /// The body is not what the endpoint takes.
    #[error("expected the JSON body that {path} takes")]
    Body {
        /// Path behind the process number.
        path: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

impl Request {
    /// Reads a request. `path` is what follows the token and the process number, such as
    /// `/counter`.
    ///
    /// # Errors
    /// [`ProtocolError`] when the endpoint is unknown or the body does not fit it.
    pub fn parse(method: &str, path: &str, body: Bytes) -> Result<Self, ProtocolError> {
        Ok(match (method, path) {
            ("GET", "/up") => Self::Up,
            ("POST", "/suite-will-begin") => {
                Self::SuiteWillBegin(SuiteReport::parse("/suite-will-begin", body)?)
            }
            ("POST", "/suite-did-end") => {
                Self::SuiteDidEnd(SuiteReport::parse("/suite-did-end", body)?)
            }
            ("POST", "/report-before-suite-completed") => Self::ReportBeforeSuiteCompleted(
                json::<Option<SpecState>>("/report-before-suite-completed", &body)?
                    .unwrap_or_default(),
            ),
            ("GET", "/report-before-suite-state") => Self::ReportBeforeSuiteState,
            ("POST", "/before-suite-completed") => {
                Self::BeforeSuiteCompleted(BeforeSuite::parse(body)?)
            }
            ("GET", "/before-suite-state") => Self::BeforeSuiteState,
            ("GET", "/counter") => Self::Counter,
            ("POST", "/did-run") => Self::DidRun(SpecReport::parse(body)?),
            ("POST", "/emit-output") => Self::EmitOutput(body),
            ("POST", "/progress-report") => Self::ProgressReport(body),
            ("GET", "/have-nonprimary-procs-finished") => Self::HaveNonprimaryProcsFinished,
            ("GET", "/aggregated-nonprimary-procs-report") => Self::AggregatedNonprimaryProcsReport,
            ("GET", "/abort") => Self::ShouldAbort,
            ("POST", "/abort") => Self::Abort,
            _ => {
                return Err(ProtocolError::UnknownEndpoint {
                    method: method.to_owned(),
                    path: path.to_owned(),
                });
            }
        })
    }

    /// Name for logs and traces.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::SuiteWillBegin(_) => "suite-will-begin",
            Self::SuiteDidEnd(_) => "suite-did-end",
            Self::ReportBeforeSuiteCompleted(_) => "report-before-suite-completed",
            Self::ReportBeforeSuiteState => "report-before-suite-state",
            Self::BeforeSuiteCompleted(_) => "before-suite-completed",
            Self::BeforeSuiteState => "before-suite-state",
            Self::Counter => "counter",
            Self::DidRun(_) => "did-run",
            Self::EmitOutput(_) => "emit-output",
            Self::ProgressReport(_) => "progress-report",
            Self::HaveNonprimaryProcsFinished => "have-nonprimary-procs-finished",
            Self::AggregatedNonprimaryProcsReport => "aggregated-nonprimary-procs-report",
            Self::ShouldAbort => "should-abort",
            Self::Abort => "abort",
        }
    }

    /// True for the requests that the process repeats after 50 ms when it is answered 425.
    pub fn is_polled(&self) -> bool {
        matches!(
            self,
            Self::ReportBeforeSuiteState
                | Self::BeforeSuiteState
                | Self::Counter
                | Self::HaveNonprimaryProcsFinished
                | Self::AggregatedNonprimaryProcsReport
                | Self::ShouldAbort
        )
    }
}

/// Everything a server can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200 without a body.
    Ok,
    /// 200 with a JSON body.
    Json(Bytes),
    /// 425: ask again in 50 ms.
    TooEarly,
    /// 410: what was asked for will never come; to `GET /abort`: stop now.
    Gone,
}

impl Answer {
    /// Answer to [`Request::Counter`].
    pub fn counter(index: u32) -> Self {
        Self::Json(format!("{{\"Index\":{index}}}").into())
    }

    /// Answer to [`Request::ReportBeforeSuiteState`].
    pub fn state(state: SpecState) -> Self {
        match state {
            SpecState::Invalid => Self::Json(Bytes::from_static(b"null")),
            state => Self::Json(format!("\"{state}\"").into()),
        }
    }

    /// A report of nothing, for [`Request::AggregatedNonprimaryProcsReport`]: process 1 adds it to
    /// its own ([`Report::add`](crate::report::Report::add)), which stays as it is.
    pub fn no_report() -> Self {
        Self::Json(Bytes::from_static(
            br#"{"SuiteSucceeded":true,"StartTime":"9999-12-30T00:00:00Z"}"#,
        ))
    }

    /// HTTP status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::Ok | Self::Json(_) => 200,
            Self::TooEarly => 425,
            Self::Gone => 410,
        }
    }

    /// HTTP body.
    pub fn into_body(self) -> Bytes {
        match self {
            Self::Json(body) => body,
            Self::Ok | Self::TooEarly | Self::Gone => Bytes::new(),
        }
    }
}

/// Outcome of process 1's before-suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeSuite {
    /// How it ended; a failed one is passed on like any other.
    pub state: SpecState,
    /// The JSON as sent, data included.
    pub raw: Bytes,
}

impl BeforeSuite {
    /// Reads `{"Data": base64 or null, "State": "passed"}`.
    ///
    /// # Errors
    /// [`ProtocolError::Body`].
    pub fn parse(raw: Bytes) -> Result<Self, ProtocolError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Fields {
            state: Option<SpecState>,
        }
        let fields: Fields = json("/before-suite-completed", &raw)?;
        Ok(Self { state: fields.state.unwrap_or_default(), raw })
    }

    /// What the other processes are told.
    pub fn answer(&self) -> Answer {
        Answer::Json(self.raw.clone())
    }
}

/// A `types.SpecReport` exactly as sent, with the fields that steer a run.
#[derive(Debug, Clone)]
pub struct SpecReport {
    /// The steering fields.
    pub header: SpecHeader,
    /// The JSON as sent.
    pub raw: Bytes,
}

impl SpecReport {
    /// Reads one report.
    ///
    /// # Errors
    /// [`ProtocolError::Body`].
    pub fn parse(raw: Bytes) -> Result<Self, ProtocolError> {
        Ok(Self { header: json("/did-run", &raw)?, raw })
    }
}

/// A `types.Report` exactly as sent, with its head parsed.
#[derive(Debug, Clone)]
pub struct SuiteReport {
    /// Everything but the spec reports.
    pub header: SuiteHeader,
    /// The JSON as sent.
    pub raw: Bytes,
    path: &'static str,
}

impl SuiteReport {
    fn parse(path: &'static str, raw: Bytes) -> Result<Self, ProtocolError> {
        Ok(Self { header: json(path, &raw)?, raw, path })
    }

    /// The spec reports in it, in the order they ran.
    ///
    /// # Errors
    /// [`ProtocolError::Body`].
    pub fn spec_reports(&self) -> Result<Vec<SpecReport>, ProtocolError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Fields<'a> {
            #[serde(borrow)]
            spec_reports: Option<Vec<&'a RawValue>>,
        }
        let fields: Fields<'_> = json(self.path, &self.raw)?;
        let raws = fields.spec_reports.unwrap_or_default();
        raws.into_iter()
            .map(|raw| SpecReport::parse(self.raw.slice_ref(raw.get().as_bytes())))
            .collect()
    }
}

fn json<'a, T: Deserialize<'a>>(path: &'static str, body: &'a [u8]) -> Result<T, ProtocolError> {
    serde_json::from_slice(body).map_err(|source| ProtocolError::Body { path, source })
}

#[cfg(test)]
mod tests;
