//! What lies in the store's files gives no one a token, and is for its owner alone.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;

use crate::agent::pbx::Pbx;
use crate::harness::lock;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Name, mode and bytes of everything that the store has made.
fn files(tandem: &Tandem) -> Vec<(String, u32, Vec<u8>)> {
    let folder = std::fs::read_dir(tandem.folder()).expect("our own folder");
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name of ours");
        let mode = entry.metadata().expect("it is there").permissions().mode();
        let bytes = std::fs::read(entry.path()).expect("it can be read");
        (name, mode & 0o777, bytes)
    };
    let all = folder.flatten().map(file);
    all.filter(|(name, ..)| name.starts_with("tandem.db"))
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn the_token_of_a_peer_that_was_put_is_checked_after_a_crash_and_lies_nowhere_in_clear() {
    let _turn = lock::shared();
    let pbx = Pbx::start("a");
    let config = format!("[[group]]\nname = \"pbx\"\n{}", pbx.config(""));
    let tandem = Tandem::start_kept(&config, "sqlite://tandem.db");
    let put =
        json!({ "uri": "sip:127.0.0.1:9", "groups": ["pbx"], "feedback": { "token": TOKEN } });
    let answer = tandem.admin("PUT", "/v1/peers/c", &put);
    assert_eq!(answer.status, 201, "{}", answer.text);
    let report = |tandem: &Tandem, token| {
        let report = json!({ "cpu_idle": 0.5 });
        tandem.feedback("c", token, &report).status
    };
    assert_eq!(report(&tandem, TOKEN), 200);
    let soon = Duration::from_secs(3);
    let seal = wait::until("the seal is written", soon, || {
        let (_, _, bytes) = files(&tandem)
            .into_iter()
            .find(|(_, _, bytes)| holds(bytes, "sha256:"))?;
        let at = bytes.windows(7).position(|part| part == b"sha256:")?;
        String::from_utf8(bytes[at..at + 104].to_vec()).ok()
    });
    let tandem = Tandem::start_again(tandem.crash());
    assert_eq!(report(&tandem, TOKEN), 200);
    assert_eq!(
        report(&tandem, &seal),
        403,
        "who has read the store has no token"
    );
    assert_eq!(report(&tandem, "another"), 403);
    let files = files(&tandem);
    assert!(files.len() >= 2, "the file and its log");
    for (name, mode, bytes) in files {
        assert_eq!(mode, 0o600, "{name}");
        assert!(!holds(&bytes, TOKEN), "{name}");
    }
    tandem.finish();
}
