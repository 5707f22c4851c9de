//! `tandem demo`, run as a user runs it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn demo(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tandem"))
        .arg("demo")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the demo starts")
}

/// Standard output, once the demo has ended well. What it says on stderr is a fault.
fn said(output: &Output) -> String {
    let (out, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{}\n{out}\n{log}", output.status);
    assert_eq!(log, "", "{out}");
    out.into_owned()
}

/// The number behind a label of the last words.
fn number(said: &str, label: &str) -> u64 {
    let line = said
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(label));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no `{label}` in\n{said}"))
}

#[test]
fn a_pbx_dies_and_comes_back_and_the_ledger_ends_at_zero() {
    let said = said(
        &demo(&["--seconds", "12", "--rate", "20"])
            .wait_with_output()
            .expect("it ends"),
    );
    let first = said.lines().next().unwrap_or_default();
    assert!(first.contains("Status page: http://127.0.0.1:"), "{said}");
    for event in ["pbx-b dies", "pbx-b is back", "the ledger is at zero"] {
        assert!(said.contains(event), "no `{event}` in\n{said}");
    }
    let [placed, answered, cancelled, failed] =
        ["calls placed", "answered", "cancelled", "failed  "].map(|label| number(&said, label));
    assert!(placed > 150, "{said}");
    assert_eq!(answered + cancelled + failed, placed, "{said}");
    // Those that were ringing at the PBX that died: no other can know that they ring in vain.
    assert!(failed * 20 <= placed, "{said}");
    assert!(number(&said, "failed over") > 0, "{said}");
    assert_eq!(
        number(&said, "slots granted"),
        number(&said, "slots released"),
        "{said}"
    );
}

#[test]
fn ctrl_c_ends_it_in_order() {
    let mut child = demo(&["--rate", "20"]);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a first line").expect("text");
    assert!(first.contains("Ctrl-C ends it"), "{first}");
    sleep(Duration::from_secs(3));
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, Signal::SIGINT).expect("it runs");
    let rest: Vec<String> = lines.map(|line| line.expect("text")).collect();
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}\n{rest:#?}");
    assert!(
        rest.last()
            .is_some_and(|last| last.starts_with("the ledger is at zero")),
        "{rest:#?}"
    );
    assert!(number(&rest.join("\n"), "calls placed") > 20, "{rest:#?}");
}

#[test]
fn a_rate_that_one_process_cannot_play_is_refused() {
    for rate in ["0", "-1", "5000", "many"] {
        let output = demo(&[&format!("--rate={rate}")])
            .wait_with_output()
            .expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{rate}");
    }
}
