//! Which steps of a request a handler's class replaces.
//!
//! Calling a method through Python costs more than many of the methods do. So what the
//! class has is looked up once a connection, and steps that are ours are called directly.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::handler::Handler;

/// A step that a subclass may replace.
#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Seam {
    HandleOneRequest = 1,
    ReadRequestline = 1 << 1,
    ReadRequest = 1 << 2,
    GetEnviron = 1 << 3,
    HandleOneResponse = 1 << 4,
    RunApplication = 1 << 5,
    ProcessResult = 1 << 6,
    Write = 1 << 7,
    FinalizeHeaders = 1 << 8,
    LogRequest = 1 << 9,
}

impl Seam {
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandleOneRequest => "handle_one_request",
            Self::ReadRequestline => "read_requestline",
            Self::ReadRequest => "read_request",
            Self::GetEnviron => "get_environ",
            Self::HandleOneResponse => "handle_one_response",
            Self::RunApplication => "run_application",
            Self::ProcessResult => "process_result",
            Self::Write => "write",
            Self::FinalizeHeaders => "finalize_headers",
            Self::LogRequest => "log_request",
        }
    }
}

const ALL: [Seam; 10] = [
    Seam::HandleOneRequest,
    Seam::ReadRequestline,
    Seam::ReadRequest,
    Seam::GetEnviron,
    Seam::HandleOneResponse,
    Seam::RunApplication,
    Seam::ProcessResult,
    Seam::Write,
    Seam::FinalizeHeaders,
    Seam::LogRequest,
];

/// The set of seams that are replaced.
#[derive(Clone, Copy, Default)]
pub struct Replaced(u16);

impl Replaced {
    pub fn of(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let own = class.py().get_type::<Handler>();
        let mut replaced = 0;
        for seam in ALL {
            if !class.getattr(seam.name())?.is(&own.getattr(seam.name())?) {
                replaced |= seam as u16;
            }
        }
        Ok(Self(replaced))
    }

    pub const fn has(self, seam: Seam) -> bool {
        self.0 & seam as u16 != 0
    }
}

/// What `log=None` makes of a server's log: takes everything, keeps nothing. The server
/// knows it and does not even make the line.
#[pyclass(frozen, name = "_NoopLog", module = "verdigris.pywsgi")]
pub struct SilentLog;

#[pymethods]
impl SilentLog {
    #[new]
    fn new() -> Self {
        Self
    }

    fn write(&self, _text: &Bound<'_, PyAny>) {}

    fn writelines(&self, _lines: &Bound<'_, PyAny>) {}

    fn flush(&self) {}
}
