//! Commands that no test executes, by how they begin: why not, and what is checked of them.

use std::path::Path;
use std::process::Command;

use crate::pages::Shown;
use crate::root;

enum Check {
    /// The file behind the command's first word lies in the repository; a script is one that bash reads.
    Script,
    /// `cargo test --test NAME`: there is such a test.
    Cargo,
    /// These files, which it works on, are there.
    Files(&'static [&'static str]),
    /// The unit of the service is one that systemd takes.
    Unit,
    /// The file that it copies lies beside the page.
    Beside,
    /// The settings are those of the file that is packaged.
    Sysctl,
    /// It prints the signature of a notice.
    Signature,
    /// Another program's, of which nothing here depends on more than its name.
    Foreign,
}

const ELSEWHERE: [(&str, Check); 22] = [
    // What tests/metrics.rs asks it.
    (
        "promtool check metrics",
        Check::Files(&["tests/metrics.rs"]),
    ),
    // It is, by a test of its own.
    (
        "source <(tandem completions",
        Check::Files(&["tests/completions.rs"]),
    ),
    // Long, or steps of scripts/test themselves.
    ("scripts/", Check::Script),
    ("cargo ", Check::Cargo),
    (
        "promtool test rules",
        Check::Files(&["dashboards/prometheus/tests"]),
    ),
    (
        "python3 -m unittest",
        Check::Files(&["contrib/tests/test_asterisk.py"]),
    ),
    // They change the machine.
    (
        "docker build",
        Check::Files(&["Dockerfile", ".dockerignore"]),
    ),
    (
        "docker compose -f dashboards/compose.yaml",
        Check::Files(&["dashboards/compose.yaml"]),
    ),
    (
        "kubectl apply",
        Check::Files(&["packaging/kubernetes.yaml"]),
    ),
    ("systemctl start tandem", Check::Unit),
    ("systemctl restart tandem", Check::Unit),
    ("systemctl reload tandem", Check::Unit),
    ("systemctl enable --now tandem-feedback-", Check::Beside),
    ("install -d", Check::Foreign),
    ("install -m", Check::Beside),
    ("printf %s", Check::Foreign),
    // With other values than the page can know.
    ("printf '%s.%s'", Check::Signature),
    ("sysctl -w", Check::Sysctl),
    // Other programs', named for what they show.
    ("sqlite3 tandem.db", Check::Foreign),
    ("ss -", Check::Foreign),
    ("kill -", Check::Foreign),
    ("journalctl -u tandem", Check::Unit),
];

#[track_caller]
pub fn check(command: &Shown) {
    let (path, text) = (command.path, command.text.as_str());
    let known = ELSEWHERE.iter().find(|(start, _)| text.starts_with(start));
    let Some((_, check)) = known else {
        panic!("{path}: `{text}` is executed by no test, and not among those that cannot be");
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    match check {
        Check::Foreign => {}
        Check::Script => script(path, words[0]),
        Check::Cargo => cargo(path, &words),
        Check::Files(files) => {
            for file in *files {
                assert!(root().join(file).exists(), "{path}: {file} is not there");
            }
        }
        Check::Signature => signature(path, text),
        Check::Unit => unit(&root().join("packaging/tandem.service")),
        Check::Beside => beside(path, &words),
        Check::Sysctl => {
            let packaged = std::fs::read_to_string(root().join("packaging/sysctl.conf"));
            let packaged = packaged.expect("it is there").replace(' ', "");
            for setting in &words[2..] {
                assert!(
                    packaged.contains(setting),
                    "{path}: {setting} is not in packaging/sysctl.conf"
                );
            }
        }
    }
}

/// What it prints for a notice whose signature is known.
fn signature(path: &str, line: &str) {
    let printed = Command::new("sh")
        .args(["-c", line])
        .env("SECONDS_SENT", "1767268800")
        .env("BODY", "{\"text\":\"x\"}")
        .env("TANDEM_NOTIFY_SECRET", "0123456789abcdef")
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&printed.stdout);
    let known = "88edcfdba827110c0b6f1da93508b50b8e267eb06e155a73047740a72e6aa1b3";
    assert_eq!(
        said.split_whitespace().last(),
        Some(known),
        "{path}: {line}"
    );
}

fn script(path: &str, name: &str) {
    let file = root().join(name);
    assert!(file.exists(), "{path}: {name} is not there");
    let text = std::fs::read_to_string(&file).expect("a script is text");
    if text
        .lines()
        .next()
        .is_some_and(|line| line.contains("bash"))
    {
        let read = Command::new("bash")
            .arg("-n")
            .arg(&file)
            .status()
            .expect("bash runs");
        assert!(read.success(), "{name}");
    }
}

fn cargo(path: &str, words: &[&str]) {
    match words[1] {
        "build" | "install" | "deb" | "fmt" | "clippy" | "doc" | "bench" => {}
        "test" => {
            for pair in words.windows(2).filter(|pair| pair[0] == "--test") {
                let name = pair[1];
                let files = [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")];
                let there = files.iter().any(|file| root().join(file).exists());
                assert!(there, "{path}: there is no test {name}");
            }
        }
        other => panic!("{path}: cargo {other}"),
    }
}

fn beside(path: &str, words: &[&str]) {
    let folder = Path::new(path).parent().expect("a page lies in a folder");
    let named = match words[0] {
        "install" => words[3].to_owned(),
        _ => format!("{}.service", words[words.len() - 1]),
    };
    let file = root().join(folder).join(&named);
    assert!(file.exists(), "{path}: {named} is not beside it");
    if named.ends_with(".service") {
        unit(&file);
    }
}

/// What systemd says of a unit, its program put where there is one; nothing is asked where there is no systemd.
fn unit(file: &Path) {
    let text = std::fs::read_to_string(file).expect("it is there");
    for section in ["[Unit]", "[Service]", "[Install]"] {
        assert!(text.lines().any(|line| line == section), "{section}");
    }
    let started: Vec<String> = text
        .lines()
        .map(|line| match line.split_once('=') {
            Some(("ExecStart" | "ExecStartPre" | "ExecReload", _)) => {
                let (key, _) = line.split_once('=').expect("it has one");
                format!("{key}=/bin/true")
            }
            _ => line.to_owned(),
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join(file.file_name().expect("it has a name"));
    std::fs::write(&copy, started.join("\n")).expect("written");
    let verify = Command::new("systemd-analyze")
        .arg("verify")
        .arg("--man=no")
        .arg(&copy)
        .output();
    if let Ok(verify) = verify {
        let said = String::from_utf8_lossy(&verify.stderr);
        let about: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("tandem"))
            .collect();
        assert!(about.is_empty(), "{about:?}");
    }
}
