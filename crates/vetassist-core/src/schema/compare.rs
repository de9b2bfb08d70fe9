//! The comparison of a live database with the four tables.

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

/// One fact about a live database: a row of [`CATALOG_QUERY`](super::CATALOG_QUERY).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// The table, column, key, index, sequence, trigger or whatever else the fact is about.
    pub object: String,
    /// The property of it.
    pub attribute: String,
    /// The value.
    pub value: String,
}

/// One way in which a live database differs from the four tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The table, column, key, index, sequence, trigger or whatever else differs.
    pub object: String,
    /// `missing`, `extra`, `duplicate`, or the attribute that differs.
    pub problem: String,
    /// The value that it should have, if it should have one.
    pub expected: Option<String>,
    /// The value that it has, if it has one.
    pub found: Option<String>,
}

/// The facts that were found, by name. Some hundred objects at most: lists serve, and keep the WebAssembly module
/// that this is part of small.
struct Found<'a>(Vec<Object<'a>>);

impl<'a> Found<'a> {
    fn get(&self, name: &str) -> Option<&Object<'a>> {
        self.0.iter().find(|object| object.name == name)
    }

    /// The object of this name, which is put in its place by name if it is new.
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

/// The beginnings of the names of objects that surround the tables of an installation. There is a fact about one only
/// where something is wrong.
const SURROUNDINGS: [&str; 4] = ["role ", "schema ", "function ", "event trigger "];

/// Compares what was found with what should be. Empty means that they agree.
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

/// Returns whether a table of vetassist's own may be missing: the installation or the update makes it.
fn may_be_missing(table: &str, guards: Guards) -> bool {
    match guards {
        Guards::Required => false,
        Guards::Allowed => true,
        Guards::Older => table != KEYED_IP_HASHES,
    }
}

/// The first object of a group is its table. Where that is missing, its parts are not mentioned.
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
            // A version before enabled it as PostgreSQL does. The installation replaces it.
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
            // Other tables may refer to this one, but not to one that is to be adopted.
            let is_admitted =
                ["referenced by", "used by"].contains(attribute) && guards != Guards::Allowed;
            if expected.value(attribute).is_none() && !is_admitted {
                differences.push(difference(name, attribute, None, Some(value)));
            }
        }
    }
}

/// Returns whether a column stands where it should among those that should be there at all: a column that is
/// missing, or one too many, does not put all that follow it out of order.
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
