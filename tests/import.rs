//! `tandem import`, run as a user runs it, on samples of both kinds and on what MIGRATING.md shows.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use std::io::Write;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tandem(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(words).current_dir(folder);
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What an import printed, once `check` has found it valid; and what `check` said.
#[track_caller]
fn checked(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("tandem.toml"), &output.stdout).expect("written");
    let check = tandem(folder.path(), &["check", "--config", "tandem.toml"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
    (text(&output.stdout), text(&check.stdout))
}

#[test]
fn every_sample_becomes_a_configuration_that_check_accepts() {
    let folder = root().join("tests/import");
    for (kind, file, has) in [
        (
            "opensips",
            "load_balancer.db_text",
            "2 groups, 3 peers, 1 route",
        ),
        ("opensips", "mysqldump.sql", "2 groups, 3 peers, 1 route"),
        ("opensips", "pg_dump.sql", "1 group, 2 peers, 0 routes"),
        ("opensips", "columns.csv", "1 group, 2 peers, 1 route"),
        ("opensips", "mysql.txt", "2 groups, 2 peers, 1 route"),
        ("opensips", "mysql-batch.tsv", "1 group, 1 peer, 1 route"),
        ("kamailio", "dispatcher.list", "5 groups, 6 peers, 1 route"),
    ] {
        let output = tandem(&folder, &["import", kind, file]);
        let (config, check) = checked(&output);
        assert!(check.contains(has), "{file}: {check}\n{config}");
        for note in text(&output.stderr).lines() {
            // Each stands in the configuration too.
            let words = note.strip_prefix(&format!("{file}:")).expect(note);
            let words = match words.split_once(' ') {
                Some(("", remark)) => format!("#  - {remark}"),
                Some((line, words)) => format!("# line {line} {words}"),
                None => panic!("{note}"),
            };
            assert!(config.lines().any(|line| line == words), "{words}");
        }
    }
}

#[test]
fn a_peer_of_two_sets_stands_once_with_what_it_can_keep_of_both() {
    let folder = root().join("tests/import");
    let output = tandem(&folder, &["import", "kamailio", "dispatcher.list"]);
    let (config, _) = checked(&output);
    let config: toml::Value = toml::from_str(&config).expect("TOML");
    let peer = &config["peer"][0];
    assert_eq!(peer["name"].as_str(), Some("pbx-a"));
    assert_eq!(peer["groups"].as_array().map(Vec::len), Some(2));
    assert_eq!(peer["capacity"]["calls"].as_integer(), Some(100));
    // The highest priority of set 2 was 20, this one's 5.
    assert_eq!(peer["priority"].as_integer(), Some(15));
    assert_eq!(config["group"][1]["select"].as_str(), Some("priority"));
    assert_eq!(config["group"][2]["probe"]["mode"].as_str(), Some("off"));
}

#[test]
fn a_list_may_come_by_the_standard_input() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(["import", "kamailio", "-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"1 sip:10.0.0.11:5060\n").expect("written");
    drop(stdin);
    let (_, check) = checked(&child.wait_with_output().expect("it ends"));
    assert!(check.contains("1 peer"), "{check}");
}

#[test]
fn a_bad_file_prints_nothing_and_ends_with_1_and_a_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = "1 sip:10.0.0.1\n2 nonsense 99 x\n";
    std::fs::write(folder.path().join("bad.list"), bad).expect("written");
    let output = tandem(folder.path(), &["import", "kamailio", "bad.list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    let places: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split(": ").next())
        .collect();
    assert_eq!(
        places,
        ["bad.list:2:3", "bad.list:2:12", "bad.list:2:15"],
        "{said}"
    );
    let none = tandem(folder.path(), &["import", "kamailio", "no-such-file"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).starts_with("no-such-file: cannot read it"));
    assert_eq!(
        tandem(folder.path(), &["import", "asterisk", "x"])
            .status
            .code(),
        Some(2)
    );
    // Nothing that could be carried over is left.
    std::fs::write(
        folder.path().join("tcp.list"),
        "1 sip:10.0.0.1;transport=tcp",
    )
    .expect("written");
    let output = tandem(folder.path(), &["import", "kamailio", "tcp.list"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("tcp.list:1: left out") && said.contains("there is no [[peer]]"),
        "{said}"
    );
}

/// The fenced blocks of a page: their language, and what they hold.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let inside = page.split("\n```").skip(1).step_by(2);
    inside.filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn what_migrating_shows_of_imports_is_what_they_say() {
    let page = std::fs::read_to_string(root().join("docs/MIGRATING.md")).expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = blocks(&page);
    let mut count = 0;
    for (at, (language, block)) in blocks.iter().enumerate() {
        let Some(import) = block
            .lines()
            .find(|line| line.starts_with("tandem import "))
        else {
            continue;
        };
        assert_eq!(*language, "sh");
        let words: Vec<&str> = import.split_whitespace().collect();
        let [_, _, kind, file, ">", to] = words[..] else {
            panic!("{import}")
        };
        // The table stands before, what is said of it behind.
        let wanted = if kind == "opensips" {
            "id | group_id"
        } else {
            "# setid"
        };
        let table = blocks.iter().find(|(_, block)| block.starts_with(wanted));
        std::fs::write(folder.path().join(file), table.expect(wanted).1).expect("written");
        let output = tandem(folder.path(), &words[1..4]);
        assert_eq!(
            text(&output.stderr).trim_end(),
            blocks[at + 1].1,
            "{import}"
        );
        assert_eq!(output.status.code(), Some(0));
        std::fs::write(folder.path().join(to), &output.stdout).expect("written");
        let check = block.lines().find(|line| line.starts_with("tandem check"));
        let words: Vec<&str> = check.expect("it is checked").split_whitespace().collect();
        let check = tandem(folder.path(), &words[1..]);
        assert!(check.status.success(), "{}", text(&check.stderr));
        count += 1;
    }
    assert_eq!(count, 2);
}
