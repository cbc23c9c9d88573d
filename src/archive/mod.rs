//! Archives: a project as a tar stream. The only user of tar.

mod project;

pub use self::project::write_project;
