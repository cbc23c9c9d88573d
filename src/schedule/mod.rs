//! Due times: interval, cron, jitter, what was missed, when to try again. Pure arithmetic over
//! given times.

mod cron;

pub use cron::{Cron, CronError};
