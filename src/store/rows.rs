//! Rows become values, by the names of their columns.

use std::error::Error;
use std::str::FromStr;

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Result, Row};

use crate::model::{Counts, CoverageTotals, Module, Outcome, ProcessIdentity};

/// Reads a name that a CHECK of the schema allows.
pub(super) fn name<T>(row: &Row<'_>, column: &str) -> Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|error: T::Err| bad(row, column, error))
}

/// The same for a column that may be NULL.
pub(super) fn name_or_null<T>(row: &Row<'_>, column: &str) -> Result<Option<T>>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => name(row, column).map(Some),
    }
}

/// Reads a name that `from_name` knows.
pub(super) fn named<T>(row: &Row<'_>, column: &str, from_name: fn(&str) -> Option<T>) -> Result<T> {
    let name = row.get_ref(column)?.as_str()?;
    from_name(name).ok_or_else(|| bad(row, column, format!("`{name}` is not known")))
}

/// Reads a count; a CHECK of the schema keeps it from being negative.
pub(super) fn count(row: &Row<'_>, column: &str) -> Result<u64> {
    row.get(column).map(super::db::count)
}

/// The same for a column that may be NULL.
pub(super) fn count_or_null(row: &Row<'_>, column: &str) -> Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(super::db::count))
}

/// Reads a column that holds JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| bad(row, column, error))
}

/// The same for a column that may be NULL.
pub(super) fn json_or_null<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => json(row, column).map(Some),
    }
}

/// The nine outcomes and the flaky ones, each in the column of its name.
pub(super) fn counts(row: &Row<'_>) -> Result<Counts> {
    let mut counts = Counts {
        flaky: count(row, "flaky")?,
        ..Counts::default()
    };
    for outcome in Outcome::ALL {
        *counts.get_mut(outcome) = count(row, outcome.as_str())?;
    }
    Ok(counts)
}

/// Reads `statements`, `covered`, `branches` and `covered_branches`; `None` if coverage was not
/// measured.
pub(super) fn coverage(row: &Row<'_>) -> Result<Option<CoverageTotals>> {
    let Some(statements) = count_or_null(row, "statements")? else {
        return Ok(None);
    };
    Ok(Some(CoverageTotals {
        statements,
        covered: count(row, "covered")?,
        branches: count_or_null(row, "branches")?,
        covered_branches: count_or_null(row, "covered_branches")?,
    }))
}

/// Reads a module from the columns `file` and `module`.
pub(super) fn module(row: &Row<'_>) -> Result<Module> {
    Ok(Module {
        file: row.get("file")?,
        name: row.get("module")?,
    })
}

/// A process in the columns `{prefix}pid`, `{prefix}boot_id`, `{prefix}pid_space` and
/// `{prefix}start_time`.
pub(super) fn process(row: &Row<'_>, prefix: &str) -> Result<ProcessIdentity> {
    let column = |name: &str| format!("{prefix}{name}");
    Ok(ProcessIdentity {
        pid: row.get(column("pid").as_str())?,
        boot_id: row.get(column("boot_id").as_str())?,
        pid_space: row.get(column("pid_space").as_str())?,
        start_time: count_or_null(row, &column("start_time"))?,
    })
}

fn bad(
    row: &Row<'_>,
    column: &str,
    problem: impl Into<Box<dyn Error + Send + Sync>>,
) -> rusqlite::Error {
    let position = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::FromSqlConversionFailure(position, Type::Text, problem.into())
}
