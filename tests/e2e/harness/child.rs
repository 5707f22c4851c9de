//! A process that this test started, its output in files, killed by its own id when the test is over.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::wait;

/// A running program.
pub struct Running {
    child: Child,
    /// It leads a process group of its own, which ends with it.
    leads: bool,
    name: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts `command`; its output goes to `<name>.out` and `<name>.err` in `folder`.
    #[track_caller]
    pub fn start(command: Command, name: &str, folder: &Path) -> Self {
        Self::spawn(command, name, folder, false)
    }

    /// Like `start`, for a program that has children of its own.
    #[track_caller]
    pub fn start_family(mut command: Command, name: &str, folder: &Path) -> Self {
        command.process_group(0);
        Self::spawn(command, name, folder, true)
    }

    #[track_caller]
    fn spawn(mut command: Command, name: &str, folder: &Path, leads: bool) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let stdout = folder.join(format!("{name}.out"));
        let stderr = folder.join(format!("{name}.err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("output file"))
            .stderr(File::create(&stderr).expect("error file"))
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot start `{program}`: {error}; scripts/test installs what these tests need"
                )
            });
        Self {
            child,
            leads,
            name: name.to_owned(),
            stdout,
            stderr,
        }
    }

    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait for a child")
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let name = self.name.clone();
        wait::until(&format!("{name} has ended"), within, || self.ended())
    }

    /// Sends a signal to this very process.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, signal).expect("signal a child");
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill a child");
        self.child.wait().expect("wait for a child");
    }

    /// Output of both kinds, its last lines, for a failure's message.
    pub fn tail(&self) -> String {
        format!(
            "--- {} stdout\n{}\n--- {} stderr\n{}",
            self.name,
            last_lines(&self.stdout()),
            self.name,
            last_lines(&self.stderr())
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ended = self.child.try_wait().ok().flatten();
            let ended = ended.map_or("it still ran".into(), |status| format!("it had {status}"));
            eprintln!("{}\n--- {ended}", self.tail());
        }
        // Asked first, for Kamailio must end its own children.
        if self.child.try_wait().ok().flatten().is_none() {
            self.signal(nix::sys::signal::Signal::SIGTERM);
        }
        let end = Instant::now() + Duration::from_secs(3);
        while self.child.try_wait().ok().flatten().is_none() {
            if Instant::now() > end {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.leads {
            let group = nix::unistd::Pid::from_raw(self.child.id() as i32);
            // Mostly nobody is left; Kamailio at times leaves one of its own behind.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Waits until something is bound to a UDP address, as the kernel's own table says.
#[track_caller]
pub fn wait_for_udp(address: std::net::SocketAddr, within: Duration) {
    let std::net::IpAddr::V4(ip) = address.ip() else {
        panic!("only IPv4 is asked for here")
    };
    let wanted = format!(
        "{:08X}:{:04X}",
        u32::from_ne_bytes(ip.octets()),
        address.port()
    );
    wait::until(&format!("{address} is bound"), within, || {
        let table = std::fs::read_to_string("/proc/net/udp").expect("/proc/net/udp");
        table
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(wanted.as_str()))
            .then_some(())
    });
}
