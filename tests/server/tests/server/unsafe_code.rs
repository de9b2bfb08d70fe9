//! How much of our code is unsafe: a golden file, so that more of it is seen when it comes. That each block
//! says why it is sound is clippy's to see to, which the workspace denies otherwise.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use syn::visit::{self, Visit};
use vetassist_server_tests::{compare_with_golden, repository};

#[derive(Default)]
struct Counts {
    blocks: usize,
    functions: usize,
    implementations: usize,
}

impl<'ast> Visit<'ast> for Counts {
    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.blocks += 1;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.functions += usize::from(signature.unsafety.is_some());
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.implementations += usize::from(item.unsafety.is_some());
        visit::visit_item_impl(self, item);
    }
}

/// Every file of Rust below a folder, but for what is built there.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules"].contains(&&*name) && !name.starts_with('.')
        {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn unsafe_code_is_counted() {
    let mut files = Vec::new();
    sources(&repository(), &mut files);
    files.sort();
    let mut text = String::new();
    for file in &files {
        let source = fs::read_to_string(file).unwrap();
        let mut counts = Counts::default();
        counts.visit_file(&syn::parse_file(&source).unwrap());
        let Counts { blocks, functions, implementations } = counts;
        if blocks + functions + implementations > 0 {
            let name = file.strip_prefix(repository()).unwrap().display();
            writeln!(
                text,
                "{name}: {blocks} blocks, {functions} functions, {implementations} implementations"
            )
            .unwrap();
        }
    }
    assert!(files.len() > 100 && !text.contains("vetassist-core/src"), "{text}");
    compare_with_golden("unsafe.txt", &text);
    // Who forbids it, and who has it only under the rule that each block says why.
    let core = fs::read_to_string(repository().join("crates/vetassist-core/src/lib.rs")).unwrap();
    assert!(core.contains("#![forbid(unsafe_code)]"));
    let workspace = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("undocumented_unsafe_blocks = \"deny\""));
}
