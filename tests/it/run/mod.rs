//! Runs as the library carries them out: their leases, and their orphans.

mod in_containers;
mod lease;
mod lease_lost;
mod orphans;
