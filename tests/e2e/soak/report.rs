//! What a soak has shown, as a table, and what of it must not be.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::life::{Crash, Life};
use super::{CALLER_PATIENCE, Plan};
use crate::harness::sipp::Count;

/// Memory may grow by this share and this many KiB beyond it; a heap breathes.
const GROWTH_SHARE: f64 = 0.10;
const GROWTH_KIB: f64 = 4096.0;
/// Fewer samples say nothing.
const SAMPLES_MIN: usize = 6;
/// What is compared: ten minutes at either end of the load.
const END: usize = 60;
/// A caller may find out so long after its patience.
const LATE_S: f64 = 2.0;

/// Everything that was seen.
pub struct Report {
    pub plan: Plan,
    pub loaded: Duration,
    pub count: Count,
    /// Seconds since 1970 in which calls failed, and how many.
    pub failures: Vec<(f64, u64)>,
    pub lives: Vec<Life>,
    pub crashes: Vec<Crash>,
    /// Slots of each peer.
    pub left: [(&'static str, u64); 3],
    /// Calls in `/v1/calls`.
    pub listed: usize,
    /// Rows in the table `calls`.
    pub rows: usize,
    /// Slots dropped and invariants violated.
    pub dropped: f64,
    pub forgotten: [u64; 3],
    pub unacknowledged: u64,
}

impl Report {
    /// What is not as it must be.
    pub fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                found.push(what);
            }
        };
        for (peer, own) in self.left {
            must(own == 0, format!("{own} slots of {peer} are left"));
        }
        must(
            self.listed == 0,
            format!("{} calls are listed", self.listed),
        );
        must(self.rows == 0, format!("{} rows are left", self.rows));
        must(self.dropped == 0.0, "a slot was dropped".to_owned());
        let open = self.granted_less_released();
        must(open == 0.0, format!("granted - released = {open}"));
        for (n, life) in self.lives.iter().enumerate() {
            must(
                life.errors.is_empty(),
                format!("life {n}: {:?}", life.errors),
            );
        }
        let outside = self.failed_outside_restarts();
        must(outside == 0, format!("{outside} calls failed unexcused"));
        must(self.count.successful > 0, "no call succeeded".to_owned());
        let kills = self.plan.seconds.saturating_sub(1) / self.plan.kill_every.as_secs();
        must(
            self.crashes.len() as u64 == kills,
            format!("{} kills of {kills}", self.crashes.len()),
        );
        let forgotten = ["reconciled", "expired"].map(|cause| self.causes().contains_key(cause));
        must(forgotten == [true; 2], format!("released: {forgotten:?}"));
        for (what, [first, last]) in self.memory() {
            let most = first * (1.0 + GROWTH_SHARE) + GROWTH_KIB;
            must(last <= most, format!("{what}: from {first} to {last} KiB"));
        }
        found
    }

    fn granted_less_released(&self) -> f64 {
        self.lives
            .last()
            .map_or(0.0, |life| life.granted - life.released)
    }

    /// Calls that failed though no restart was near.
    fn failed_outside_restarts(&self) -> u64 {
        let excused = |at: f64| {
            self.crashes.iter().any(|crash| {
                let end = crash.ready + CALLER_PATIENCE.as_secs_f64() + LATE_S;
                (crash.at - 1.0..=end).contains(&at)
            })
        };
        let outside = self.failures.iter().filter(|(at, _)| !excused(*at));
        outside.map(|(_, failed)| failed).sum()
    }

    /// What slots came back for, over all lives.
    fn causes(&self) -> BTreeMap<&str, f64> {
        let mut causes = BTreeMap::new();
        for (cause, count) in self.lives.iter().flat_map(|life| &life.causes) {
            *causes.entry(cause.as_str()).or_insert(0.0) += count;
        }
        causes.retain(|_, count| *count > 0.0);
        causes
    }

    /// Medians in KiB at the beginning and at the end: of all lives that began with saved calls, which takes memory that a
    /// life without them does not need, and of each life once it has settled.
    fn memory(&self) -> Vec<(String, [f64; 2])> {
        let all: Vec<u64> = self
            .lives
            .iter()
            .skip(1)
            .flat_map(|life| &life.memory)
            .map(|(_, kib)| *kib)
            .collect();
        let end = END.min(all.len() / 2);
        let mut found = Vec::new();
        if all.len() >= 2 * SAMPLES_MIN {
            let ends = [&all[..end], &all[all.len() - end..]];
            found.push(("after the first restart".to_owned(), ends.map(median)));
        }
        for (n, life) in self.lives.iter().enumerate() {
            // From then on as many are found to be gone as are forgotten.
            let settled = self.plan.call_max + self.plan.hold;
            let samples = life.memory_between(settled, life.lasted);
            let third = samples.len() / 3;
            if third >= SAMPLES_MIN {
                let ends = [&samples[..third], &samples[samples.len() - third..]];
                found.push((format!("life {n}"), ends.map(median)));
            }
        }
        found
    }
}

fn median(samples: &[u64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(0.0, |kib| *kib as f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { successful, failed } = self.count;
        let cpu: f64 = self.lives.iter().map(|life| life.cpu_seconds).sum();
        let lasted: f64 = self
            .lives
            .iter()
            .map(|life| life.lasted.as_secs_f64())
            .sum();
        writeln!(f, "\n| soak | |\n|---|---|")?;
        let mut row = |name: &str, value: String| writeln!(f, "| {name} | {value} |");
        row(
            "load",
            format!("{} cps for {} s", self.plan.cps, self.loaded.as_secs()),
        )?;
        row("calls that went well", successful.to_string())?;
        row(
            "calls that failed",
            format!(
                "{failed}, {} of them outside of a restart",
                self.failed_outside_restarts()
            ),
        )?;
        let [a, b, c] = self.forgotten;
        row(
            "calls that PBXes gave up",
            format!("a (lists) {a}, b (sessions) {b}, c (waits for BYE) {c}"),
        )?;
        row(
            "answers that nobody acknowledged",
            self.unacknowledged.to_string(),
        )?;
        for (n, crash) in self.crashes.iter().enumerate() {
            let away = crash.away.as_secs_f64();
            row(
                &format!("kill -9, number {}", n + 1),
                format!(
                    "{} calls before, {} after, away {away:.2} s",
                    crash.before, crash.after
                ),
            )?;
        }
        for (cause, count) in self.causes() {
            row(&format!("slots released: {cause}"), count.to_string())?;
        }
        let left = self.left.map(|(peer, own)| format!("{peer} {own}"));
        row("slots left", left.join(", "))?;
        row(
            "granted - released",
            self.granted_less_released().to_string(),
        )?;
        row("calls in /v1/calls", self.listed.to_string())?;
        row("rows in calls", self.rows.to_string())?;
        for (what, [first, last]) in self.memory() {
            let growth = last - first;
            row(
                &format!("memory (PSS), {what}"),
                format!("{first} KiB at first, {last} KiB at last: {growth:+} KiB"),
            )?;
        }
        let refused: f64 = self.lives.iter().map(|life| life.store_failures).sum();
        row("writes that the store refused", refused.to_string())?;
        row(
            "CPU",
            format!(
                "{:.1} % of one core ({cpu:.0} s in {lasted:.0} s)",
                100.0 * cpu / lasted
            ),
        )
    }
}
