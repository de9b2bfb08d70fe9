//! The comparison of a live database with the four tables.

use alloc::{
    borrow::{Cow, ToOwned},
    string::{String, ToString},
    vec::Vec,
};

use super::tables::{tables, AUDIT_SEQUENCE};

/// One fact about a live database: a row of [`CATALOG_QUERY`](super::CATALOG_QUERY).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// The table, column, key, index, sequence, trigger, rule or policy.
    pub object: String,
    /// What is said of it.
    pub attribute: String,
    /// The value.
    pub value: String,
}

/// One way in which a live database differs from the four tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The table, column, key, index, sequence, trigger, rule or policy.
    pub object: String,
    /// `missing`, `extra`, `duplicate`, or the attribute that differs.
    pub problem: String,
    /// What it should be, where it should be something.
    pub expected: Option<String>,
    /// What it is, where it is something.
    pub found: Option<String>,
}

const POSITION: &str = "position";

/// Attributes and values, in the order they are reported.
type Facts<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// A table, column, key, index, sequence, trigger, rule or policy.
struct Object<'a> {
    name: Cow<'a, str>,
    facts: Facts<'a>,
}

impl Object<'_> {
    fn value(&self, attribute: &str) -> Option<&str> {
        self.facts.iter().find(|(name, _)| *name == attribute).map(|(_, value)| &**value)
    }

    fn is_trigger(&self) -> bool {
        self.name.contains(" trigger ")
    }

    /// What there is to know of it, in a line.
    fn describe(&self) -> String {
        let mut text = String::new();
        for (attribute, value) in &self.facts {
            let separator = if text.is_empty() { "" } else { ", " };
            for part in [separator, attribute, " ", value] {
                text.push_str(part);
            }
        }
        text
    }
}

/// What was found, by name. Some hundred objects at most: lists serve, and keep the WebAssembly module
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

/// Whether the triggers that guard the tables must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// They must: vetassist is installed.
    Required,
    /// They may, as they are after vetassist was installed before: its installation makes them.
    Allowed,
    /// Those of the versions before 0.3.0 must, which had one trigger: the library is newer than what is installed.
    Older,
}

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
    for table in tables() {
        let objects = expected_of(table, guards);
        compare_table(&objects, &found, guards, &mut differences);
        known.extend(objects);
    }
    for object in &found.0 {
        if !known.iter().any(|known| known.name == object.name) {
            let what = object.facts.first().map(|(_, value)| &**value);
            differences.push(difference(&object.name, "extra", None, what));
        }
    }
    differences
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
            if guards == Guards::Allowed && expected.is_trigger() {
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
            let fine = there == Some(&**value)
                || (*attribute == POSITION && is_in_order(expected, objects, found));
            if !fine {
                differences.push(difference(name, attribute, Some(value), there));
            }
        }
        for (attribute, value) in &actual.facts {
            if expected.value(attribute).is_none() {
                differences.push(difference(name, attribute, None, Some(value)));
            }
        }
    }
}

/// Whether a column stands where it should among those that should be there at all: a column that is
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

/// What the catalog query finds of a table where nothing differs: the objects, the table first.
fn expected_of(table: &super::Table, guards: Guards) -> Vec<Object<'static>> {
    let name = table.name;
    let mut objects = Vec::new();
    let mut object = |name: &[&str], facts: &[(&'static str, Option<Cow<'static, str>>)]| {
        let facts = facts
            .iter()
            .filter_map(|(attribute, value)| Some((*attribute, value.clone()?)))
            .collect();
        objects.push(Object { name: Cow::Owned(name.concat()), facts });
    };
    let fixed = |value: &'static str| Some(Cow::Borrowed(value));
    object(
        &[name],
        &[
            ("kind", fixed("table")),
            ("persistence", fixed("permanent")),
            ("comment", fixed(table.comment)),
        ],
    );
    for (index, column) in table.columns.iter().enumerate() {
        object(
            &[name, ".", column.name],
            &[
                (POSITION, Some(Cow::Owned((index + 1).to_string()))),
                ("type", fixed(column.sql_type)),
                ("not null", fixed(if column.not_null { "true" } else { "false" })),
                ("default", column.default.map(Cow::Borrowed)),
                ("comment", column.comment.map(Cow::Borrowed)),
            ],
        );
        if column.sql_type == "bigint" && column.default.is_some() {
            object(&[AUDIT_SEQUENCE], &[("type", fixed("bigint")), ("increment", fixed("1"))]);
        }
    }
    if let Some(id) = table.columns.first() {
        object(&[name, " PRIMARY KEY (", id.name, ")"], &[("kind", fixed("primary key"))]);
    }
    for column in table.unique {
        object(&[name, " UNIQUE (", column, ")"], &[("kind", fixed("unique"))]);
    }
    for key in table.foreign_keys {
        object(
            &[name, " FOREIGN KEY (", key.column, ")"],
            &[
                ("references", fixed(key.references)),
                ("on delete", fixed(key.on_delete)),
                ("on update", fixed("NO ACTION")),
            ],
        );
    }
    for index in table.indexes {
        let definition = ["ON ", name, " ", index.definition].concat();
        object(&[index.name], &[("definition", Some(Cow::Owned(definition)))]);
    }
    let is_older = guards == Guards::Older;
    for guard in table.guards.iter().take(if is_older { 1 } else { usize::MAX }) {
        object(
            &[name, " trigger ", guard.name],
            &[
                ("kind", fixed("trigger")),
                ("fires", fixed(guard.fires)),
                ("for each", fixed(guard.for_each)),
                ("calls", fixed(guard.calls)),
                ("enabled", fixed("always").filter(|_| !is_older)),
            ],
        );
    }
    objects
}

#[cfg(test)]
mod tests;
