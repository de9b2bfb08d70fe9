//! Joins the files that make the extension's functions, for the library to know what they must be.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = "sql/functions";
    println!("cargo::rerun-if-changed={folder}");
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let mut text = String::new();
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        text += &fs::read_to_string(file)?;
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("functions.sql"), text)?;
    Ok(())
}
