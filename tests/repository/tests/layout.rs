//! Checks the layout: a topic has one name in SQL and in Rust, and no file is long.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::Path};

use vetassist_repository_tests::shell;
use xshell::cmd;

/// The most lines of a file of code.
const MOST_LINES: usize = 400;

/// The names of the files of code. Released scripts are left out, because they never change.
const CODE: [&str; 10] =
    ["*.rs", "*.sql", "*.js", "*.mjs", "*.cjs", "*.ts", "*.cts", "*.py", "*.go", ":!sql/released/"];

/// Returns every word between two texts in the files of a folder, with the name of its file.
fn words(folder: &str, before: &str, after: char) -> BTreeMap<String, String> {
    let sh = shell();
    let mut words = BTreeMap::new();
    for path in sh.read_dir(folder).unwrap() {
        let topic = path.file_stem().unwrap().to_string_lossy().into_owned();
        for part in sh.read_file(&path).unwrap().split(before).skip(1) {
            words.insert(part.split(after).next().unwrap().to_owned(), topic.clone());
        }
    }
    words
}

#[test]
fn a_function_is_in_files_of_the_same_name_in_sql_and_rust() {
    let declared = words("sql/functions", "'MODULE_PATHNAME', '", '\'');
    let written = words("crates/vetassist-pg/src/functions", "\nfn vetassist_", '(');
    assert!(declared.len() > 20, "{declared:?}");
    for (symbol, topic) in declared {
        let name = symbol.strip_prefix("vetassist_").unwrap().strip_suffix("_wrapper").unwrap();
        let found = written.iter().find(|(function, _)| function.split('<').next() == Some(name));
        assert_eq!(found.map(|(_, topic)| topic), Some(&topic), "{symbol}");
    }
}

#[test]
fn no_file_of_code_has_more_than_400_lines() {
    let sh = shell();
    let files = cmd!(sh, "git ls-files -- {CODE...}").quiet().read().unwrap();
    assert!(files.lines().count() > 200);
    let is_long = |path: &&str| {
        // git still lists a deleted file before the deletion is committed.
        Path::new(&sh.current_dir().join(path)).exists()
            && sh.read_file(path).unwrap().lines().count() > MOST_LINES
    };
    assert_eq!(files.lines().filter(is_long).collect::<Vec<_>>(), [""; 0]);
}
