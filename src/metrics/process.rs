//! What the operating system says of this process, read from `/proc` when somebody looks.

use std::fs;
use std::sync::OnceLock;

use super::names;
use super::text::Encoder;

/// Ticks of `/proc` in a second. Linux fixes it at 100 for user space, whatever the kernel's own rate.
const TICKS: f64 = 100.0;

/// Writes what can be read; on a system without `/proc` that is nothing.
pub fn encode(encoder: &mut Encoder) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref() {
        if let Some(ticks) = cpu_ticks(stat) {
            encoder.single(names::PROCESS_CPU, ticks as f64 / TICKS);
        }
        // It does not change, and the file is long where there are many interrupts.
        static START: OnceLock<Option<f64>> = OnceLock::new();
        let start = START.get_or_init(|| start_time(stat, &fs::read_to_string("/proc/stat").ok()?));
        if let Some(start) = start {
            encoder.single(names::PROCESS_START, *start);
        }
    }
    if let Some(bytes) = resident_bytes() {
        encoder.single(names::PROCESS_RESIDENT, bytes as f64);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Reading the directory opens one more.
        encoder.single(
            names::PROCESS_OPEN_FDS,
            open.count().saturating_sub(1) as f64,
        );
    }
    let limits = fs::read_to_string("/proc/self/limits").ok();
    if let Some(most) = limits.as_deref().and_then(open_files_limit) {
        encoder.single(names::PROCESS_MAX_FDS, most);
    }
}

/// The fields after the command's name, which may itself have spaces and brackets.
fn fields(stat: &str) -> Option<Vec<&str>> {
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().collect())
}

/// User and system time: fields 14 and 15 of proc(5), the third being the first after the name.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let fields = fields(stat)?;
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some(user + system)
}

/// Field 22 counts from the boot, whose time `/proc/stat` has.
fn start_time(stat: &str, boot: &str) -> Option<f64> {
    let since_boot: u64 = fields(stat)?.get(19)?.parse().ok()?;
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let boot: f64 = boot.trim().parse().ok()?;
    Some(boot + since_boot as f64 / TICKS)
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn open_files_limit(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "42 (a) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 5 0 1000 1 2";

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        assert_eq!(cpu_ticks(STAT), Some(400));
        assert_eq!(start_time(STAT, "cpu 1\nbtime 1000\n"), Some(1010.0));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(cpu_ticks("42 (name) S 1"), None);
        assert_eq!(cpu_ticks(""), None);
        assert_eq!(start_time(STAT, "cpu 1"), None);
        assert_eq!(open_files_limit("Max processes 5"), None);
    }

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let text = "Max open files            1024                 4096                 files\n";
        assert_eq!(open_files_limit(text), Some(1024.0));
        let text = "Max open files            unlimited            unlimited            files\n";
        assert_eq!(open_files_limit(text), Some(f64::INFINITY));
    }
}
