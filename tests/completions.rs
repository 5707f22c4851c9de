//! `tandem completions`, as the shells use it, by way of the files that the package installs.

use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tandem");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What Bash would offer behind these words, the last of which is being typed.
fn offered(words: &[&str]) -> Vec<String> {
    let file = root().join("packaging/completions/tandem.bash");
    let last = words.len() - 1;
    let script = format!(
        "source {}\nCOMP_WORDS=({})\nCOMP_CWORD={last}\nCOMPREPLY=()\n\
         _tandem tandem {:?} {:?}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        file.display(),
        words
            .iter()
            .map(|word| format!("{word:?}"))
            .collect::<Vec<_>>()
            .join(" "),
        words[last],
        words[last - 1],
    );
    let folder = Path::new(PROGRAM).parent().expect("it lies in a folder");
    let path = std::env::var("PATH").expect("it is set");
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .env("PATH", format!("{}:{path}", folder.display()))
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let offered = String::from_utf8(output.stdout).expect("UTF-8");
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_what_is_behind_them() {
    assert_eq!(offered(&["tandem", "pee"]), ["peers"]);
    assert_eq!(offered(&["tandem", "peers", "dr"]), ["drain"]);
    assert_eq!(
        offered(&["tandem", "peers", "drain", "pbx-a", "--wa"]),
        ["--wait"]
    );
    assert_eq!(offered(&["tandem", "import", "k"]), ["kamailio"]);
    assert_eq!(
        offered(&["tandem", "calls", "list", "--state", "r"]),
        ["ringing"]
    );
    assert_eq!(
        offered(&["tandem", "completions", ""])
            .last()
            .map(String::as_str),
        Some("fish")
    );
    let all = offered(&["tandem", ""]);
    for command in [
        "serve", "check", "demo", "peers", "calls", "explain", "top", "import",
    ] {
        assert!(
            all.iter().any(|offer| offer == command),
            "{command}: {all:?}"
        );
    }
}

#[test]
fn every_shell_gets_every_command() {
    for (shell, mark) in [
        ("bash", "complete -F _tandem"),
        ("zsh", "#compdef tandem"),
        ("fish", "complete -c tandem"),
    ] {
        let output = Command::new(PROGRAM)
            .args(["completions", shell])
            .output()
            .expect("it runs");
        let script = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(
            output.status.success() && script.contains(mark),
            "{shell}: {script}"
        );
        for command in [
            "serve", "check", "demo", "peers", "calls", "explain", "top", "import",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
        // Where there is such a shell, it reads the script; Bash is always there.
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &script).expect("written");
        let check = Command::new(shell).arg("-n").arg(file.path()).output();
        match check {
            Ok(check) => assert!(
                check.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&check.stderr)
            ),
            Err(_) => assert_ne!(shell, "bash"),
        }
    }
}

#[test]
fn the_package_installs_a_file_for_every_shell() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    for (file, place) in [
        (
            "tandem.bash",
            "usr/share/bash-completion/completions/tandem",
        ),
        ("_tandem", "usr/share/zsh/vendor-completions/_tandem"),
        (
            "tandem.fish",
            "usr/share/fish/vendor_completions.d/tandem.fish",
        ),
    ] {
        let asset = format!("[\"packaging/completions/{file}\", \"{place}\", \"644\"]");
        assert!(manifest.contains(&asset), "{asset}");
        assert!(
            root().join("packaging/completions").join(file).exists(),
            "{file}"
        );
    }
}

/// What a command's `--help` says, and its commands in turn.
fn help(words: &[String], seen: &mut Vec<String>) {
    let output = Command::new(PROGRAM).args(words).arg("--help").output();
    let text = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
    let command = format!("tandem {}", words.join(" "));
    let example = text.split("\nExample:\n").nth(1);
    let example = example.unwrap_or_else(|| panic!("{command} has no example:\n{text}"));
    assert!(example.contains(command.trim()), "{command}: {example}");
    seen.push(command);
    let Some((_, commands)) = text.split_once("\nCommands:\n") else {
        return;
    };
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().expect("a name");
        if name != "help" {
            help(&[words, &[name.to_owned()]].concat(), seen);
        }
    }
}

#[test]
fn every_command_s_help_has_an_example_of_that_command() {
    let mut seen = Vec::new();
    help(&[], &mut seen);
    for command in ["tandem top", "tandem peers drain", "tandem import kamailio"] {
        assert!(seen.iter().any(|one| one == command), "{command}: {seen:?}");
    }
}
