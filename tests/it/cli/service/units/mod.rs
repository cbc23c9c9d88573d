//! Units of the agent before the programs that read them: `systemd-analyze`, `plutil`, and a real
//! systemd of a user.

mod machine;
mod verifiers;
