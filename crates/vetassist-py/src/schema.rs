//! Compares a database with the tables, and describes the kinds of their columns.

use pyo3::{
    exceptions::PyTypeError,
    intern,
    prelude::*,
    types::{PyDict, PyList, PyString, PyTuple},
};
use vetassist_core::{
    rows::Kind,
    schema::{compare, tables, CatalogRow, Guards},
};

use crate::{
    arguments::with_text,
    errors::{error, instead_of, wrong_type},
};

/// A difference of a database: object, problem, expected, found.
type Difference = (String, String, Option<String>, Option<String>);

/// Compares a database with the tables. A row is a sequence of three texts, or a mapping with the three texts.
#[pyfunction]
#[pyo3(signature = (rows, /))]
pub(crate) fn schema_differences(rows: &Bound<'_, PyAny>) -> PyResult<Vec<Difference>> {
    let rows = if let Ok(list) = rows.cast::<PyList>() {
        list.to_tuple()
    } else if let Ok(tuple) = rows.cast::<PyTuple>() {
        tuple.clone()
    } else {
        let expected = "the list or tuple of rows that SCHEMA_QUERY returned";
        return Err(wrong_type("rows", expected, rows));
    };
    let mut facts = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let field = |position: usize, name: &Bound<'_, PyString>| {
            let by_position = row.is_instance_of::<PyTuple>() || row.is_instance_of::<PyList>();
            let value = if by_position {
                row.get_item(position)
            } else {
                row.get_item(name).or_else(|failure| {
                    // SQLAlchemy's rows take numbers only, and are no tuples.
                    let is_text = row.is_instance_of::<PyString>();
                    if failure.is_instance_of::<PyTypeError>(row.py()) && !is_text {
                        row.get_item(position)
                    } else {
                        Err(failure)
                    }
                })
            };
            let text = value.and_then(|value| with_text(&value, "", |text| Ok(text.to_owned())));
            // An error of the row's class is not passed on, because it may quote a value of the database.
            text.map_err(|failure| {
                let message = format!(
                    "rows[{at}] has no text {name}: pass the rows that SCHEMA_QUERY returned"
                );
                instead_of(row.py(), failure, || error(row.py(), "ERR_INVALID_ROW", &message))
            })
        };
        let py = row.py();
        facts.push(CatalogRow {
            object: field(0, intern!(py, "object"))?,
            attribute: field(1, intern!(py, "attribute"))?,
            value: field(2, intern!(py, "value"))?,
        });
    }
    let found = compare(&facts, Guards::Required).into_iter();
    Ok(found.map(|found| (found.object, found.problem, found.expected, found.found)).collect())
}

/// Returns the columns of each of the four tables in order: name, kind, and whether the column may be NULL.
#[pyfunction]
pub(crate) fn table_columns(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    for table in tables() {
        let columns = table.columns.iter();
        let columns: Vec<_> = columns
            .map(|column| (column.name, Kind::of(column).name(), !column.not_null))
            .collect();
        all.set_item(table.name, columns)?;
    }
    Ok(all)
}

/// Returns for each kind of column the words that follow "must be" in errors, and the pattern that text must match.
#[pyfunction]
pub(crate) fn column_kinds(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    for kind in Kind::ALL {
        all.set_item(kind.name(), (kind.expected(), kind.pattern()))?;
    }
    Ok(all)
}
