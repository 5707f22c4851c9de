//! Every command that README and the pages show is executed. Those that cannot be, for they change the machine or take
//! hours, stand in `commands/elsewhere.rs`, each with what is checked of it instead.

#[path = "commands/elsewhere.rs"]
mod elsewhere;
#[path = "commands/pages.rs"]
mod pages;
#[path = "commands/scene.rs"]
mod scene;
#[path = "shared/server.rs"]
mod server;

use std::path::Path;
use std::process::Command;

use pages::{Shown, shown};
use scene::Scene;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_command_of_the_program_that_a_page_shows_works() {
    let scene = Scene::start();
    let mut count = 0;
    for command in shown() {
        if let Some(words) = command.of_the_program() {
            scene.run(&command, &words);
            count += 1;
        }
    }
    assert!(count >= 40, "only {count} were found");
}

#[test]
fn every_request_that_a_page_shows_is_answered() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("there is no curl here: requests are not sent");
        return;
    }
    let scene = Scene::start();
    let mut count = 0;
    for command in shown() {
        if command.text.starts_with("curl ") {
            scene.request(&command);
            count += 1;
        }
    }
    assert!(count >= 4, "only {count} were found");
}

#[test]
fn every_other_command_is_known_and_checked() {
    let mut count = 0;
    for command in shown() {
        if command.of_the_program().is_none() && !command.text.starts_with("curl ") {
            elsewhere::check(&command);
            count += 1;
        }
    }
    assert!(count >= 30, "only {count} were found");
}

#[test]
fn every_block_of_commands_is_one_that_a_shell_reads() {
    let mut count = 0;
    for (path, block) in pages::blocks() {
        let read = Command::new("bash")
            .args(["-n", "-c", &block])
            .output()
            .expect("bash runs");
        assert!(
            read.status.success(),
            "{path}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
        count += 1;
    }
    assert!(count >= 10, "only {count} were found");
}

/// The codes that a text tells behind `Exit codes:`.
fn codes(help: &str) -> Vec<u8> {
    let (_, told) = help.split_once("Exit codes:").expect("it tells them");
    let starts = told.split(['\n', ' ']).filter(|word| word.len() == 1);
    starts.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_exit_codes_of_the_page_are_those_of_the_help() {
    let page = std::fs::read_to_string(root().join("docs/OPERATING.md")).expect("it is there");
    let (_, after) = page
        .split_once("| exit code | means |\n|---|---|\n")
        .expect("it has the table");
    let rows = after.lines().take_while(|line| line.starts_with('|'));
    let told: Vec<u8> = rows
        .map(|row| {
            row.split('|')
                .nth(1)
                .and_then(|code| code.trim().parse().ok())
                .expect("a code")
        })
        .collect();
    for command in ["peers", "calls", "explain", "top"] {
        let help = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args([command, "--help"])
            .output()
            .expect("it runs");
        assert_eq!(
            codes(&String::from_utf8_lossy(&help.stdout)),
            told,
            "{command}"
        );
    }
}

#[test]
fn check_ends_with_0_1_and_2_as_its_help_says() {
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        let status = command
            .args(words)
            .current_dir(root())
            .output()
            .expect("it runs")
            .status;
        status.code()
    };
    assert_eq!(run(&["check"]), Some(0));
    assert_eq!(run(&["check", "--config", "README.md"]), Some(1));
    assert_eq!(run(&["check", "--confg", "README.md"]), Some(2));
    assert_eq!(run(&["serve", "--config", "README.md"]), Some(1));
    assert_eq!(run(&[]), Some(2));
    assert_eq!(run(&["--version"]), Some(0));
}

#[test]
fn a_page_s_commands_are_found_whole() {
    let page = "a `tandem peers` b\n```sh\nx \\\n  y   # why\n\nfor a\n```\n`cargo x`\n";
    let found: Vec<String> = pages::of_page("p", page)
        .into_iter()
        .map(|shown: Shown| shown.text)
        .collect();
    assert_eq!(found, ["x y", "for a", "tandem peers", "cargo x"]);
}
