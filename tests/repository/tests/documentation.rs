//! Checks the Markdown pages: their links, their blocks of code, and the files and commands that they name.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use vetassist_repository_tests::{check_links, documentation, pages, shell, Page};
use xshell::cmd;

/// The most bytes of the front page.
const FRONT_PAGE: usize = 9_000;

/// The kinds of blocks of code on the front page and in docs/. SQL and `sh` are run by the server's tests,
/// JavaScript by the npm package's tests, Python by the Python package's. `sh by-hand` sets up a machine, so no test runs
/// it: its syntax and its commands are checked here. `text` and `yaml` are not run.
const KINDS: [&str; 7] = ["sql", "sh", "sh by-hand", "js", "python", "text", "yaml"];

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let (count, dead) = check_links(&pages(), &shell().current_dir());
    assert!(count > 100, "only {count} links were found");
    assert_eq!(dead, [""; 0]);
}

#[test]
fn the_front_page_is_short() {
    let pages = pages();
    let front = pages.iter().find(|page| page.path == "README.md").unwrap();
    assert!(front.text.len() <= FRONT_PAGE, "README.md has {} bytes", front.text.len());
}

#[test]
fn every_page_can_be_reached_from_the_front_page() {
    let pages = documentation();
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    loop {
        let from = pages.iter().filter(|page| reached.contains(&page.path));
        let to: BTreeSet<String> = from
            .flat_map(|page| {
                let files =
                    page.links().into_iter().map(|link| link.split('#').next().unwrap().to_owned());
                files.map(|file| page.target(&file)).collect::<Vec<_>>()
            })
            .collect();
        let before = reached.len();
        reached.extend(to);
        if reached.len() == before {
            break;
        }
    }
    let lost: Vec<&str> =
        pages.iter().map(|page| &*page.path).filter(|path| !reached.contains(*path)).collect();
    assert_eq!(lost, [""; 0]);
}

#[test]
fn every_block_of_code_has_a_known_kind() {
    let mut seen = BTreeSet::new();
    for page in documentation() {
        for block in page.all_blocks() {
            // A word after `js` names the runtime.
            let kind = if block.info.starts_with("js ") { "js" } else { &block.info };
            assert!(KINDS.contains(&kind), "{}: ```{}", page.path, block.info);
            seen.insert(kind.to_owned());
        }
    }
    assert_eq!(seen.len(), KINDS.len(), "{seen:?}");
}

#[test]
fn commands_that_no_test_runs_are_well_formed() {
    let sh = shell();
    let blocks = documentation()
        .into_iter()
        .chain(pages().into_iter().filter(|page| page.path == "CONTRIBUTING.md"));
    let blocks: Vec<_> = blocks.flat_map(|page| page.blocks("sh")).collect();
    assert!(blocks.len() > 5);
    let mut commands = BTreeSet::new();
    for block in blocks {
        cmd!(sh, "sh -n").stdin(&block.code).run().unwrap();
        for line in block.code.lines() {
            if let Some(rest) = line.trim().strip_prefix("cargo xtask ") {
                commands.insert(rest.split([' ', '#']).next().unwrap().to_owned());
            }
        }
    }
    let source = sh.read_file("crates/xtask/src/main.rs").unwrap();
    let variants = source.split("enum Command {").nth(1).unwrap().split("\n}").next().unwrap();
    for command in commands {
        let mut name = command.clone();
        name[..1].make_ascii_uppercase();
        let is_known = variants.lines().any(|line| {
            line.strip_prefix("    ").is_some_and(|line| {
                line.trim_end_matches([' ', '{', ',']).split('(').next() == Some(&name)
            })
        });
        assert!(is_known, "there is no cargo xtask {command}");
    }
}

/// Returns the words in backticks that look like paths of the repository.
fn paths(page: &Page) -> Vec<String> {
    let folders =
        ["crates/", "sql/", "tests/", "docs/", "examples/", "bench/", "pg_test/", "fuzz/"];
    let prose = page.prose().join("\n");
    let words = prose.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        folders.iter().any(|folder| word.starts_with(folder)) && !word.contains([' ', '*', '<'])
    };
    words.filter(is_path).map(ToOwned::to_owned).collect()
}

#[test]
fn every_file_that_a_page_names_exists() {
    let top = shell().current_dir();
    let mut count = 0;
    for page in pages().iter().filter(|page| page.path != "CHANGELOG.md") {
        for path in paths(page) {
            count += 1;
            assert!(top.join(&path).exists(), "{}: `{path}`", page.path);
        }
    }
    assert!(count > 20, "only {count} paths were found");
}

#[test]
fn the_summary_of_the_benchmarks_matches_their_details() {
    let sh = shell();
    cmd!(sh, "python3 bench/summary.py --check").run().unwrap();
}
