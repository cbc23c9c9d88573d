//! The page for Prometheus and its use: families, rules, dashboard.

pub(crate) mod monitoring;
mod text;
pub(crate) mod tools;
