//! A snapshot of the state in, samples out.
