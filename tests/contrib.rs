//! The feedback agents for Asterisk and FreeSWITCH pass their own tests, a running Tandem included.

use std::path::Path;
use std::process::Command;

#[test]
fn the_feedback_agents_speak_with_scripted_pbxes_and_with_this_tandem() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/tests");
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "-v"])
        .current_dir(tests)
        .env("TANDEM_BIN", env!("CARGO_BIN_EXE_tandem"))
        .output()
        .expect("python3 starts; scripts/test installs what these tests need");
    // What unittest says goes to stderr: a line for each test, then how many ran.
    let words = String::from_utf8_lossy(&output.stderr);
    println!("{words}");
    assert!(output.status.success(), "{words}");
    let ran = words.lines().find_map(|line| line.strip_prefix("Ran "));
    let ran = ran.and_then(|rest| rest.split(' ').next()?.parse().ok());
    assert!(ran >= Some(25), "{ran:?} tests ran\n{words}");
    assert!(!words.contains("skipped"), "{words}");
}
