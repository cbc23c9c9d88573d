//! [`Cron`]: five fields of cron, in local time.

use std::fmt;

use croner::parser::{CronParser, Seconds, Year};

/// Due times as five fields: minute, hour, day of month, month, day of week.
#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    pattern: croner::Cron,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CronError {
    reason: String,
}

impl Cron {
    /// Reads five fields, separated by white space.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != 5 {
            let reason = format!(
                "expected five fields - minute, hour, day of month, month, day of week - and there are {}",
                fields.len()
            );
            return Err(CronError { reason });
        }
        let text = fields.join(" ");
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let pattern = parser.parse(&text).map_err(|error| CronError {
            reason: error.to_string(),
        })?;
        Ok(Self { text, pattern })
    }

    /// The library's own reading.
    #[expect(dead_code, reason = "asked as soon as due times are")]
    pub(super) fn pattern(&self) -> &croner::Cron {
        &self.pattern
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
