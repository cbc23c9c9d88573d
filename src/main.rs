//! The `agent` binary: hands the command line to [`menace_agent::cli`] and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    menace_agent::cli::main(std::env::args_os())
}
