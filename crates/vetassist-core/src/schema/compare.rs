//! The comparison of a live database with the four tables.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use super::{
    expected::{expected_of, Object, POSITION},
    tables::{own_tables, tables, Guards},
};

/// One fact about a live database: a row of [`CATALOG_QUERY`](super::CATALOG_QUERY).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRow {
    /// The table, column, key, index, sequence, trigger or whatever else the fact is about.
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
    /// The table, column, key, index, sequence, trigger or whatever else differs.
    pub object: String,
    /// `missing`, `extra`, `duplicate`, or the attribute that differs.
    pub problem: String,
    /// What it should be, where it should be something.
    pub expected: Option<String>,
    /// What it is, where it is something.
    pub found: Option<String>,
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

/// What the names of objects begin with that surround the tables of an installation. There is a fact about one only
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
        .chain(own_tables().iter().map(|table| (table, guards == Guards::Allowed)))
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
            // What others refer to is no difference, but nothing that is adopted brings others along.
            let is_admitted =
                ["referenced by", "used by"].contains(attribute) && guards != Guards::Allowed;
            if expected.value(attribute).is_none() && !is_admitted {
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

/// The rows that agree, for tests of those that do not.
#[cfg(test)]
fn agreeing_rows() -> Vec<CatalogRow> {
    let mut rows = Vec::new();
    for object in
        tables().iter().chain(own_tables()).flat_map(|table| expected_of(table, Guards::Required))
    {
        for (attribute, value) in object.facts {
            let (object, attribute) = (object.name.clone().into_owned(), attribute.to_owned());
            rows.push(CatalogRow { object, attribute, value: value.into_owned() });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    fn problems(rows: &[CatalogRow]) -> Vec<String> {
        compare(rows, Guards::Required)
            .into_iter()
            .map(|d| format!("{}: {}", d.object, d.problem))
            .collect()
    }

    #[test]
    fn agreement_is_empty() {
        assert_eq!(compare(&agreeing_rows(), Guards::Required), []);
    }

    #[test]
    fn an_empty_database_misses_the_tables_and_says_no_more() {
        assert_eq!(
            problems(&[]),
            [
                "vetassist_users: missing",
                "vetassist_va_tokens: missing",
                "vetassist_sessions: missing",
                "vetassist_auth_audit: missing",
                "vetassist_keyed_ip_hashes: missing",
            ]
        );
    }

    #[test]
    fn every_single_fact_counts() {
        let rows = agreeing_rows();
        for index in 0..rows.len() {
            let mut changed = rows.clone();
            if rows[index].attribute == POSITION {
                // Past the last column, which only then is out of order.
                if !rows[index].object.ends_with(".id") {
                    continue;
                }
                changed[index].value = "99".to_owned();
                assert!(problems(&changed).contains(&format!("{}: position", rows[index].object)));
                continue;
            }
            changed[index].value.push('x');
            let expected = format!("{}: {}", rows[index].object, rows[index].attribute);
            assert_eq!(problems(&changed), [expected]);

            let mut without = rows.clone();
            without.remove(index);
            assert!(!compare(&without, Guards::Required).is_empty(), "{:?}", rows[index]);
        }
    }

    #[test]
    fn a_missing_column_leaves_the_others_in_order_and_swapped_ones_are_named() {
        let is_position =
            |row: &CatalogRow, name: &str| row.object == name && row.attribute == POSITION;
        let mut rows = agreeing_rows();
        rows.retain(|row| row.object != "vetassist_users.email");
        for row in &mut rows {
            if row.object.starts_with("vetassist_users.") && row.attribute == POSITION {
                let place: u32 = row.value.parse().expect("a number");
                row.value = (if place > 4 { place - 1 } else { place }).to_string();
            }
        }
        assert_eq!(problems(&rows), ["vetassist_users.email: missing"]);

        let mut rows = agreeing_rows();
        for row in &mut rows {
            if is_position(row, "vetassist_users.email") {
                row.value = "5".to_owned();
            } else if is_position(row, "vetassist_users.first_name") {
                row.value = "4".to_owned();
            }
        }
        assert_eq!(
            problems(&rows),
            ["vetassist_users.email: position", "vetassist_users.first_name: position"]
        );
    }

    #[test]
    fn guards_may_be_absent_before_the_installation_and_not_after() {
        let mut rows = agreeing_rows();
        rows.retain(|row| !row.object.contains(" trigger "));
        assert_eq!(compare(&rows, Guards::Allowed), []);
        let mut without_own = rows.clone();
        without_own.retain(|row| !row.object.starts_with("vetassist_keyed_ip_hashes"));
        assert_eq!(compare(&without_own, Guards::Allowed), []);
        assert_eq!(compare(&without_own, Guards::Required).len(), 4);
        assert_eq!(
            problems(&rows),
            [
                "vetassist_auth_audit trigger vetassist_auth_audit_append_only: missing",
                "vetassist_auth_audit trigger vetassist_auth_audit_append_only_rows: missing",
                "vetassist_auth_audit trigger vetassist_auth_audit_id: missing",
            ]
        );
        let mut rows = agreeing_rows();
        assert_eq!(compare(&rows, Guards::Allowed), []);
        for row in rows.iter_mut().filter(|row| row.attribute == "calls") {
            row.value = "public.something_else".to_owned();
        }
        assert_eq!(compare(&rows, Guards::Allowed).len(), 3);
    }

    #[test]
    fn the_guard_of_versions_before_is_one_trigger() {
        let mut rows = agreeing_rows();
        rows.retain(|row| {
            !row.object.contains(" trigger ")
                || (row.object.ends_with("_append_only") && row.attribute != "enabled")
        });
        assert_eq!(compare(&rows, Guards::Older), []);
        assert_eq!(compare(&rows, Guards::Required).len(), 3);
        rows.retain(|row| !row.object.contains(" trigger "));
        assert_eq!(compare(&rows, Guards::Older).len(), 1);
    }

    #[test]
    fn what_is_too_much_is_named() {
        let mut rows = agreeing_rows();
        let extra = |object: &str, attribute: &str, value: &str| CatalogRow {
            object: object.to_owned(),
            attribute: attribute.to_owned(),
            value: value.to_owned(),
        };
        rows.push(extra("vetassist_users trigger t", "kind", "trigger"));
        rows.push(extra("vetassist_users", "row security", "forced"));
        rows.push(extra("role vetassist_owner", "login", "true"));
        rows.push(extra("role vetassist_owner", "members", "mallory"));
        rows.push(rows[0].clone());
        assert_eq!(
            problems(&rows),
            [
                "vetassist_users: duplicate",
                "vetassist_users: row security",
                "role vetassist_owner: login",
                "role vetassist_owner: members",
                "vetassist_users trigger t: extra",
            ]
        );
        // The installation makes and judges them itself.
        assert_eq!(compare(&rows, Guards::Allowed).len(), 3);
    }

    #[test]
    fn a_table_in_another_schema_is_said_to_be_there() {
        let rows: Vec<_> = agreeing_rows()
            .into_iter()
            .filter(|row| !row.object.starts_with("vetassist_users"))
            .chain([CatalogRow {
                object: "vetassist_users".to_owned(),
                attribute: "schema".to_owned(),
                value: "app".to_owned(),
            }])
            .collect();
        let differences = compare(&rows, Guards::Required);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].problem, "missing");
        assert_eq!(differences[0].found.as_deref(), Some("in schema app"));
    }
}
