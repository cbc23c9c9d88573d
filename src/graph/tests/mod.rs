//! Small projects as tables: what each file imports, and what the graph makes of it.

mod project;
mod verdicts;
