//! A PostgreSQL of a test's own: a new cluster in a temporary folder, on a free port of loopback.
//!
//! PostgreSQL refuses to run as root; where the tests do, it runs as Debian's user `postgres`.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A cluster that runs, until it is stopped or dropped.
pub struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("permissions");
        let own = folder.path().join("own");
        std::fs::create_dir(&own).expect("a folder");
        if is_root(folder.path()) {
            let mut chown = Command::new("chown");
            chown.arg("postgres").arg(&own);
            run(chown);
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let cluster = Self { folder, port };
        let mut initdb = program("initdb", is_root(cluster.folder.path()));
        initdb.args([
            "-A",
            "trust",
            "-U",
            "tandem",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]);
        initdb.arg("-D").arg(cluster.data());
        run(initdb);
        cluster.start_again();
        cluster
    }

    /// Starts it after a stop, with all that it held.
    #[track_caller]
    pub fn start_again(&self) {
        let own = self.folder.path().join("own");
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c fsync=off -c unix_socket_directories={}",
            self.port,
            own.display()
        );
        let mut start = self.control(&["-w", "-t", "60", "-o", &options, "-l"]);
        start.arg(own.join("log")).arg("start");
        run(start);
    }

    /// Takes it away at once, under whoever is connected.
    #[track_caller]
    pub fn stop(&self) {
        run(self.control(&["-m", "immediate", "-w", "stop"]));
    }

    /// Has it say nothing more, though it is there.
    #[track_caller]
    pub fn freeze(&self) {
        // The first of them makes new ones, and stops first.
        for process in self.processes() {
            kill(process, Signal::SIGSTOP).expect("it runs");
        }
    }

    pub fn thaw(&self) {
        for process in self.processes() {
            let _ = kill(process, Signal::SIGCONT);
        }
    }

    /// The server's processes, the one that was started first.
    fn processes(&self) -> Vec<Pid> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid"));
        let first = file
            .ok()
            .and_then(|text| text.lines().next()?.parse::<i32>().ok());
        let Some(first) = first else {
            return Vec::new();
        };
        let all = std::fs::read_dir("/proc").expect("/proc").flatten();
        let child = |entry: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
            let own = entry.file_name().to_str()?.parse().ok()?;
            (parent == first.to_string()).then_some(own)
        };
        let children = all.filter_map(child);
        [first]
            .into_iter()
            .chain(children)
            .map(Pid::from_raw)
            .collect()
    }

    pub fn url(&self) -> String {
        format!("postgres://tandem@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("own").join("data")
    }

    fn control(&self, args: &[&str]) -> Command {
        let mut command = program("pg_ctl", is_root(self.folder.path()));
        command.arg("-D").arg(self.data()).args(args);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
        let mut stop = self.control(&["-m", "immediate", "-w", "stop"]);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Whether we are, as what we have made tells.
fn is_root(ours: &Path) -> bool {
    std::fs::metadata(ours).expect("our own folder").uid() == 0
}

/// One of PostgreSQL's own programs, which Debian keeps out of the path.
fn program(name: &str, root: bool) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let programs = versions
        .flatten()
        .map(|version| version.path().join("bin").join(name));
    let path = programs.filter(|path| path.exists()).max();
    let path = path.unwrap_or_else(|| Path::new(name).to_owned());
    if root {
        let mut command = Command::new("runuser");
        command
            .args(["-u", "postgres", "--"])
            .arg(path)
            .current_dir("/");
        command
    } else {
        let mut command = Command::new(path);
        command.current_dir("/");
        command
    }
}

#[track_caller]
fn run(mut command: Command) {
    // The server inherits no pipe that would be waited for.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| {
        panic!("cannot run {command:?}: {error}; scripts/test installs what these tests need")
    });
    assert!(status.success(), "{command:?}: {status}");
}
