//! The way of a C programmer who starts with the README: install, build its program, ask it for a page.

mod common;

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use common::Scratch;
use common::process::Program;
use common::wait;

/// The C program of the README.
fn readme_program() -> String {
    let readme = std::fs::read_to_string(common::root().join("README.md")).unwrap();
    let (_, program) = readme.split_once("```c\n").expect("the README has a C program");
    program.split_once("```").unwrap().0.to_owned()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn the_program_of_the_readme_serves_from_an_installed_library() {
    let place = Scratch::new();
    let prefix = place.path().join("usr");
    run(Command::new(common::root().join("scripts/install")).arg(&prefix).env("PROFILE", "debug"));

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let program = readme_program();
    assert_eq!(program.matches("7681").count(), 1, "the port stands in one place");
    let source = place.file("server.c", program.replace("7681", &port.to_string()));
    std::fs::create_dir(place.path().join("www")).unwrap();
    place.file("www/index.html", "<h1>from the README</h1>\n");
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", "localhost.key", "-out", "localhost.crt"])
        .current_dir(place.path()));

    let flags = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "libwebsockets"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    let binary = place.path().join("server");
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"])
        .args([&binary, &source])
        .args(flags.split_whitespace()));

    let _server =
        Program::new(&binary).env("LD_LIBRARY_PATH", prefix.join("lib")).in_dir(place.path()).start();
    wait::until("the server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    let page = run(Command::new("curl")
        .args(["-sS", "--http2", "--max-time", "60", "-w", "%{http_version}", "--cacert"])
        .arg(place.path().join("localhost.crt"))
        .arg(format!("https://localhost:{port}/")));
    assert_eq!(page, "<h1>from the README</h1>\n2");
}
