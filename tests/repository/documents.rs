//! Markdown pages: their blocks of code, headings and links.

use std::path::{Component, Path, PathBuf};

use xshell::cmd;

use crate::shell;

/// A Markdown page of the repository.
#[derive(Debug)]
pub struct Page {
    /// The path from the repository's top folder.
    pub path: String,
    /// The Markdown of the page.
    pub text: String,
}

/// A block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The words after the three backticks: the language, and the way of testing.
    pub info: String,
    /// The code.
    pub code: String,
}

/// Returns every Markdown page that git knows, except `bench/page.md`, which becomes a part of BENCHMARKS.md.
#[must_use]
pub fn pages() -> Vec<Page> {
    let sh = shell();
    let files = cmd!(sh, "git ls-files --cached --others --exclude-standard -- *.md")
        .quiet()
        .read()
        .unwrap();
    let is_there = |path: &&str| *path != "bench/page.md" && sh.current_dir().join(path).is_file();
    let read = |path: &str| Page { path: path.to_owned(), text: sh.read_file(path).unwrap() };
    files.lines().filter(is_there).map(read).collect()
}

/// Returns the pages that describe how to use vetassist: the front page, and those of docs/.
#[must_use]
pub fn documentation() -> Vec<Page> {
    let mut pages = pages();
    pages.retain(|page| page.path == "README.md" || page.path.starts_with("docs/"));
    assert!(pages.len() > 20, "only {} pages", pages.len());
    pages
}

/// Checks that each link of these pages, whose folder is `top`, leads to a file, and to a heading if it names one. Returns
/// the number of links, and the dead ones.
#[must_use]
pub fn check_links(pages: &[Page], top: &Path) -> (usize, Vec<String>) {
    let mut dead = Vec::new();
    let mut count = 0;
    for page in pages {
        for link in page.links() {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = page.target(file);
            let found = pages.iter().find(|page| page.path == target);
            let has_anchor = anchor.is_empty()
                || found.is_some_and(|page| page.anchors().iter().any(|a| a == anchor));
            if !top.join(&target).exists() || !has_anchor {
                dead.push(format!("{}: {link}", page.path));
            }
        }
    }
    (count, dead)
}

impl Page {
    /// Returns the blocks of code of a language, in order.
    #[must_use]
    pub fn blocks(&self, language: &str) -> Vec<Block> {
        let mut blocks = self.all_blocks();
        blocks.retain(|block| block.info.split(' ').next() == Some(language));
        blocks
    }

    /// Returns all blocks of code, in order.
    #[must_use]
    pub fn all_blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_open = false;
        for line in self.text.lines() {
            match (line.strip_prefix("```"), is_open) {
                (Some(info), false) => {
                    blocks.push(Block { info: info.to_owned(), code: String::new() });
                    is_open = true;
                }
                (Some(_), true) => is_open = false,
                (None, true) => {
                    let code = &mut blocks.last_mut().unwrap().code;
                    code.push_str(line);
                    code.push('\n');
                }
                (None, false) => {}
            }
        }
        assert!(!is_open, "{}: a block of code is not closed", self.path);
        blocks
    }

    /// Returns the lines that are outside blocks of code.
    #[must_use]
    pub fn prose(&self) -> Vec<&str> {
        let mut is_open = false;
        let outside = |line: &&str| {
            let is_fence = line.starts_with("```");
            is_open ^= is_fence;
            !is_open && !is_fence
        };
        self.text.lines().filter(outside).collect()
    }

    /// Returns the anchors of the headings, as forges make them.
    #[must_use]
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// Returns the targets of the links that stay in the repository.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let prose = self.prose().join("\n");
        let in_text = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let in_pictures = ["src=\"", "srcset=\""].into_iter();
        let in_pictures = in_pictures.flat_map(|before| prose.split(before).skip(1));
        let in_pictures = in_pictures.filter_map(|rest| rest.split('"').next());
        let all = in_text.chain(in_pictures).filter(|target| !target.contains("://"));
        all.map(ToOwned::to_owned).collect()
    }

    /// Returns the path, from the top folder, of the target of a link of this page.
    #[must_use]
    pub fn target(&self, link: &str) -> String {
        if link.is_empty() {
            return self.path.clone();
        }
        let mut path = PathBuf::new();
        let joined = Path::new(&self.path).parent().unwrap().join(link);
        for part in joined.components() {
            match part {
                Component::ParentDir => {
                    assert!(path.pop(), "{}: {link} leaves the repository", self.path);
                }
                part => path.push(part),
            }
        }
        path.to_str().unwrap().to_owned()
    }
}

/// Returns the anchor of a heading: lower case, blanks as hyphens, without punctuation.
fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
