//! Threads that are cancelled (`pthread_cancel()`) while they service a context: nothing of ours is unwound, nothing is left.

mod common;

use common::process::Program;
use common::{compile, debian};

fn cancelled(how: &str, run: impl Fn(&std::path::Path) -> Program) {
    for more in [&[][..], &["--poll"]] {
        let said = run(&compile("cancelled")).arg(how).args(more).start().finish();
        assert_eq!(said, ["destroyed"], "{how} {more:?}");
    }
}

/// A C library older than Debian 13's does not interrupt the wait.
#[test]
fn while_the_library_waits() {
    cancelled("waiting", debian::program_on_13);
}

#[test]
fn inside_of_a_callback() {
    cancelled("callback", |program| Program::new(program));
}
