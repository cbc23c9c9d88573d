//! Small projects as tables: what each file imports, and what the graph makes of it.

mod names;
mod project;
mod verdicts;
