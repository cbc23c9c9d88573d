//! What is shown to Prometheus, and what is made of it: families, rules, dashboard.

pub(crate) mod monitoring;
mod text;
pub(crate) mod tools;
