//! Compares a live database with the description of the tables.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use super::{
    expected::{expected_of, Object, POSITION},
    own_tables::{own_tables, KEYED_IP_HASHES},
    tables::{tables, Guards, DUE_INDEX},
};

/// A fact about a live database: a row of [`CATALOG_QUERY`](super::CATALOG_QUERY).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// The object that the fact is about: a table, column, key, index, sequence, trigger and so on.
    pub object: String,
    /// The property of the object.
    pub attribute: String,
    /// The value.
    pub value: String,
}

/// A difference between a live database and the description of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The object that differs: a table, column, key, index, sequence, trigger and so on.
    pub object: String,
    /// `missing`, `extra`, `duplicate`, or the attribute that differs.
    pub problem: String,
    /// The expected value, if there is one.
    pub expected: Option<String>,
    /// The value that was found, if there is one.
    pub found: Option<String>,
}

/// The facts that were found, by name. There are at most some hundred objects, so lists are fast enough, and they keep
/// the WebAssembly module small.
struct Found<'a>(Vec<Object<'a>>);

impl<'a> Found<'a> {
    fn get(&self, name: &str) -> Option<&Object<'a>> {
        self.0.iter().find(|object| object.name == name)
    }

    /// Returns the object of this name, and inserts it in the order of names if it is new.
    fn entry(&mut self, name: &'a str) -> &mut Object<'a> {
        let mut place = 0;
        while self.0.get(place).is_some_and(|object| *object.name < *name) {
            place += 1;
        }
        if self.0.get(place).is_none_or(|object| object.name != name) {
            self.0.insert(place, Object { name: Cow::Borrowed(name), facts: Vec::new() });
        }
        &mut self.0[place]
    }
}

/// The beginnings of the names of objects around the tables of an installation. The query returns a fact about such an
/// object only if something is wrong with it.
const SURROUNDINGS: [&str; 4] = ["role ", "schema ", "function ", "event trigger "];

/// Compares the facts of a database with the description. Returns an empty list if they agree.
#[must_use]
pub fn compare(rows: &[CatalogRow], guards: Guards) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    let mut differences = Vec::new();
    for row in rows {
        let object = found.entry(&row.object);
        if object.value(&row.attribute).is_some() {
            differences.push(difference(&row.object, "duplicate", None, Some(&row.value)));
        } else {
            object.facts.push((&row.attribute, Cow::Borrowed(&row.value)));
        }
    }
    let mut known: Vec<Object<'_>> = Vec::new();
    for (table, may_be_missing) in tables()
        .iter()
        .map(|table| (table, false))
        .chain(own_tables().iter().map(|table| (table, may_be_missing(table.name, guards))))
    {
        let objects = expected_of(table, guards);
        let is_here = found.get(table.name).is_some_and(|table| table.value("schema").is_none());
        if is_here || !may_be_missing {
            compare_table(&objects, &found, guards, &mut differences);
        }
        known.extend(objects);
    }
    for object in &found.0 {
        if known.iter().any(|known| known.name == object.name) {
            continue;
        }
        if SURROUNDINGS.iter().any(|kind| object.name.starts_with(kind)) {
            if guards == Guards::Required {
                for (attribute, value) in &object.facts {
                    differences.push(difference(&object.name, attribute, None, Some(value)));
                }
            }
            continue;
        }
        let what = object.facts.first().map(|(_, value)| &**value);
        differences.push(difference(&object.name, "extra", None, what));
    }
    differences
}

/// Returns whether a table of vetassist's own may be missing, because the installation or the update creates it.
fn may_be_missing(table: &str, guards: Guards) -> bool {
    match guards {
        Guards::Required => false,
        Guards::Allowed => true,
        Guards::Older => table != KEYED_IP_HASHES,
    }
}

/// Compares a table and its parts. The first object is the table. If it is missing, its parts are not reported.
fn compare_table(
    objects: &[Object<'_>],
    found: &Found<'_>,
    guards: Guards,
    differences: &mut Vec<Difference>,
) {
    for (index, expected) in objects.iter().enumerate() {
        let name = &*expected.name;
        let is_table = index == 0;
        let Some(actual) = found.get(name) else {
            let is_made_later = expected.is_trigger() && guards == Guards::Allowed
                || *name == *DUE_INDEX && guards != Guards::Required;
            if is_made_later {
                continue;
            }
            differences.push(difference(name, "missing", Some(&expected.describe()), None));
            if is_table {
                return;
            }
            continue;
        };
        if let (true, Some(elsewhere)) = (is_table, actual.value("schema")) {
            let found = ["in schema ", elsewhere].concat();
            differences.push(difference(name, "missing", Some(&expected.describe()), Some(&found)));
            return;
        }
        for (attribute, value) in &expected.facts {
            let there = actual.value(attribute);
            // An earlier version enabled the trigger with PostgreSQL's default. The installation replaces it.
            let may_differ =
                guards == Guards::Allowed && expected.is_trigger() && *attribute == "enabled";
            let fine = may_differ
                || there == Some(&**value)
                || (*attribute == POSITION && is_in_order(expected, objects, found));
            if !fine {
                differences.push(difference(name, attribute, Some(value), there));
            }
        }
        for (attribute, value) in &actual.facts {
            // Other tables may refer to this table, but not before its adoption.
            let is_admitted =
                ["referenced by", "used by"].contains(attribute) && guards != Guards::Allowed;
            if expected.value(attribute).is_none() && !is_admitted {
                differences.push(difference(name, attribute, None, Some(value)));
            }
        }
    }
}

/// Returns whether a column is in its place among the expected columns. A missing or an extra column does not change the
/// order of the columns after it.
fn is_in_order(column: &Object<'_>, objects: &[Object<'_>], found: &Found<'_>) -> bool {
    let place = |object: &Object<'_>| -> Option<u32> {
        found.get(&object.name)?.value(POSITION)?.parse().ok()
    };
    let Some(own) = place(column) else { return false };
    let (mut should_precede, mut precede, mut is_past) = (0, 0, false);
    for object in objects {
        is_past |= object.name == column.name;
        if let Some(other) = place(object) {
            should_precede += u32::from(!is_past);
            precede += u32::from(other < own);
        }
    }
    should_precede == precede
}

fn difference(
    object: &str,
    problem: &str,
    expected: Option<&str>,
    found: Option<&str>,
) -> Difference {
    Difference {
        object: object.to_owned(),
        problem: problem.to_owned(),
        expected: expected.map(ToOwned::to_owned),
        found: found.map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests;
