fn main() {
    println!("cargo:rerun-if-changed=src/ffi/variadic.c");
    cc::Build::new()
        .file("src/ffi/variadic.c")
        .warnings(true)
        .extra_warnings(true)
        .compile("ferrows_variadic");
}
