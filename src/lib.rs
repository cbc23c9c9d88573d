//! `agent`: a self-test agent that watches over Python projects where there is no internet.

pub mod clock;
pub mod diag;
pub mod engine;
pub mod insight;
pub mod model;
pub mod plan;
pub mod pytest;
pub mod run;
pub mod service;
pub mod settings;
pub mod source;
pub mod store;
