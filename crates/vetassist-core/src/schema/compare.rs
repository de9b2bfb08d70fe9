//! The comparison of a live database with the four tables.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
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

/// Attribute and value, in the order they are reported.
type Facts = Vec<(String, String)>;

/// Whether the triggers that guard the tables must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// They must: vetassist is installed.
    Required,
    /// They may, as they are after vetassist was installed before: its installation makes them.
    Allowed,
}

/// Compares what was found with what should be. Empty means that they agree.
#[must_use]
pub fn compare(rows: &[CatalogRow], guards: Guards) -> Vec<Difference> {
    let mut found: BTreeMap<&str, Facts> = BTreeMap::new();
    let mut differences = Vec::new();
    for row in rows {
        let facts = found.entry(&row.object).or_default();
        if facts.iter().any(|(attribute, _)| *attribute == row.attribute) {
            differences.push(difference(&row.object, "duplicate", None, Some(&row.value)));
        } else {
            facts.push((row.attribute.clone(), row.value.clone()));
        }
    }
    let mut known = BTreeSet::new();
    for mut table in expected() {
        known.extend(table.iter().map(|(object, _)| object.clone()));
        if guards == Guards::Allowed {
            table.retain(|(object, _)| !is_trigger(object) || found.contains_key(object.as_str()));
        }
        compare_table(&table, &found, &mut differences);
    }
    for (object, facts) in &found {
        if !known.contains(*object) {
            let what = facts.first().map(|(_, value)| value.as_str());
            differences.push(difference(object, "extra", None, what));
        }
    }
    differences
}

fn is_trigger(object: &str) -> bool {
    object.contains(" trigger ")
}

/// The first object of a group is its table. Where that is missing, its parts are not mentioned.
fn compare_table(
    objects: &[(String, Facts)],
    found: &BTreeMap<&str, Facts>,
    differences: &mut Vec<Difference>,
) {
    let in_order = columns_in_order(objects, found);
    for (index, (object, expected)) in objects.iter().enumerate() {
        let Some(found) = found.get(object.as_str()) else {
            differences.push(difference(object, "missing", Some(&describe(expected)), None));
            if index == 0 {
                return;
            } else {
                continue;
            }
        };
        if let (0, Some((_, elsewhere))) = (index, value_of(found, "schema")) {
            let found = format!("in schema {elsewhere}");
            differences.push(difference(
                object,
                "missing",
                Some(&describe(expected)),
                Some(&found),
            ));
            return;
        }
        for (attribute, value) in expected {
            let actual = value_of(found, attribute).map(|(_, value)| value.as_str());
            if actual != Some(value) && !(attribute == POSITION && in_order.contains(object)) {
                differences.push(difference(object, attribute, Some(value), actual));
            }
        }
        for (attribute, value) in found {
            if value_of(expected, attribute).is_none() {
                differences.push(difference(object, attribute, None, Some(value)));
            }
        }
    }
}

/// The columns that stand where they should among those that should be there at all: a column that is
/// missing, or one too many, does not put all that follow it out of order.
fn columns_in_order<'a>(
    objects: &'a [(String, Facts)],
    found: &BTreeMap<&str, Facts>,
) -> BTreeSet<&'a String> {
    let position = |object: &String| -> Option<u32> {
        let (_, position) = value_of(found.get(object.as_str())?, POSITION)?;
        position.parse().ok()
    };
    let expected: Vec<_> =
        objects.iter().map(|(object, _)| object).filter(|o| position(o).is_some()).collect();
    let mut actual = expected.clone();
    actual.sort_by_key(|object| position(object));
    expected.into_iter().zip(actual).filter(|(e, a)| e == a).map(|(object, _)| object).collect()
}

fn value_of<'a>(facts: &'a Facts, attribute: &str) -> Option<&'a (String, String)> {
    facts.iter().find(|(name, _)| name == attribute)
}

fn describe(facts: &Facts) -> String {
    let parts: Vec<_> =
        facts.iter().map(|(attribute, value)| format!("{attribute} {value}")).collect();
    parts.join(", ")
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

/// What the catalog query finds where nothing differs: the objects of each table, the table first.
fn expected() -> Vec<Vec<(String, Facts)>> {
    tables().iter().map(expected_of).collect()
}

fn expected_of(table: &super::Table) -> Vec<(String, Facts)> {
    let name = table.name;
    let mut objects = Vec::new();
    let mut object = |object: String, facts: &[(&str, Option<&str>)]| {
        let facts = facts
            .iter()
            .filter_map(|(attribute, value)| Some(((*attribute).to_owned(), (*value)?.to_owned())))
            .collect();
        objects.push((object, facts));
    };
    object(
        name.to_owned(),
        &[
            ("kind", Some("table")),
            ("persistence", Some("permanent")),
            ("comment", Some(table.comment)),
        ],
    );
    for (index, column) in table.columns.iter().enumerate() {
        object(
            format!("{name}.{}", column.name),
            &[
                (POSITION, Some(&(index + 1).to_string())),
                ("type", Some(column.sql_type)),
                ("not null", Some(if column.not_null { "true" } else { "false" })),
                ("default", column.default),
                ("comment", column.comment),
            ],
        );
        if column.sql_type == "bigint" && column.default.is_some() {
            object(
                AUDIT_SEQUENCE.to_owned(),
                &[("type", Some("bigint")), ("increment", Some("1"))],
            );
        }
    }
    if let Some(id) = table.columns.first() {
        object(format!("{name} PRIMARY KEY ({})", id.name), &[("kind", Some("primary key"))]);
    }
    for column in table.unique {
        object(format!("{name} UNIQUE ({column})"), &[("kind", Some("unique"))]);
    }
    for key in table.foreign_keys {
        object(
            format!("{name} FOREIGN KEY ({})", key.column),
            &[
                ("references", Some(key.references)),
                ("on delete", Some(key.on_delete)),
                ("on update", Some("NO ACTION")),
            ],
        );
    }
    for index in table.indexes {
        object(
            index.name.to_owned(),
            &[("definition", Some(&format!("ON {name} {}", index.definition)))],
        );
    }
    for guard in table.guards {
        object(
            format!("{name} trigger {}", guard.name),
            &[
                ("kind", Some("trigger")),
                ("fires", Some(guard.fires)),
                ("for each", Some("statement")),
                ("calls", Some(guard.calls)),
            ],
        );
    }
    objects
}

/// The rows that agree, for tests of those that do not.
#[cfg(test)]
fn agreeing_rows() -> Vec<CatalogRow> {
    let mut rows = Vec::new();
    for (object, facts) in expected().into_iter().flatten() {
        for (attribute, value) in facts {
            rows.push(CatalogRow { object: object.clone(), attribute, value });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
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
    fn an_empty_database_misses_four_tables_and_says_no_more() {
        assert_eq!(
            problems(&[]),
            [
                "vetassist_users: missing",
                "vetassist_va_tokens: missing",
                "vetassist_sessions: missing",
                "vetassist_auth_audit: missing",
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
        rows.retain(|row| !is_trigger(&row.object));
        assert_eq!(compare(&rows, Guards::Allowed), []);
        assert_eq!(
            problems(&rows),
            ["vetassist_auth_audit trigger vetassist_auth_audit_append_only: missing"]
        );
        let mut rows = agreeing_rows();
        assert_eq!(compare(&rows, Guards::Allowed), []);
        for row in rows.iter_mut().filter(|row| row.attribute == "calls") {
            row.value = "public.something_else".to_owned();
        }
        assert_eq!(compare(&rows, Guards::Allowed).len(), 1);
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
        rows.push(extra("vetassist_users", "row security", "enabled"));
        rows.push(rows[0].clone());
        assert_eq!(
            problems(&rows),
            [
                "vetassist_users: duplicate",
                "vetassist_users: row security",
                "vetassist_users trigger t: extra",
            ]
        );
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
