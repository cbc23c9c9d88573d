//! Small projects as tables: the imports of each file, and the graph that follows from them.

mod names;
mod project;
mod verdicts;
