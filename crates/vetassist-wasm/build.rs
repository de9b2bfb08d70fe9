//! Sets the size of the module's stack.

fn main() {
    // Rust's default of 1 MiB is most of the memory of a fresh instance. The deepest call needs a few KiB.
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo:rustc-link-arg-cdylib=-zstack-size=131072");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
