//! Looks at where things are: a topic has one name in SQL and in Rust, and no file is long.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::Path};

use vetassist_repository_tests::shell;
use xshell::cmd;

/// The most lines of a file that is read as a whole.
const MOST_LINES: usize = 400;

/// The names of the files that hold code. A released script never changes again.
const CODE: [&str; 10] =
    ["*.rs", "*.sql", "*.js", "*.mjs", "*.cjs", "*.ts", "*.cts", "*.py", "*.go", ":!sql/released/"];

/// Returns every word between two texts that a file of a folder has, with the name of the file.
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
fn a_function_is_declared_and_written_under_the_same_name() {
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
fn no_file_is_long() {
    let sh = shell();
    let files = cmd!(sh, "git ls-files -- {CODE...}").quiet().read().unwrap();
    assert!(files.lines().count() > 200);
    let is_long = |path: &&str| {
        // One that is deleted and not yet committed is still listed.
        Path::new(&sh.current_dir().join(path)).exists()
            && sh.read_file(path).unwrap().lines().count() > MOST_LINES
    };
    assert_eq!(files.lines().filter(is_long).collect::<Vec<_>>(), [""; 0]);
}
