//! Wheels: what one is for, what it has to hold, and where its files go.
//!
//! ```text
//!   NAME-VERSION-PYTHON-ABI-PLATFORM.whl ──► WheelName ──► fits this Target?
//!   NAME-VERSION.dist-info/RECORD ─────────► Record ─────► every file, with its digest
//!   NAME-VERSION.data/…, everything else ──► Scheme ─────► path in the image
//!   NAME-VERSION.dist-info/entry_points.txt ─► EntryPoint ─► script
//! ```
//!
//! The rules come from the binary distribution format and the installed-projects record on
//! packaging.python.org; pip is the reference if they leave something open.

mod entry_points;
mod name;
mod problem;
mod record;
mod scheme;

pub use entry_points::{EntryPoint, entry_points};
pub use name::{Libc, Target, WheelName, normalized};
pub use problem::WheelProblem;
pub use record::{Record, record_digest, record_line};
pub use scheme::{Place, Scheme};
