//! What happened, in words; kept only when a seed is run to be looked at.

use crate::clock::Micros;

/// The story of one run.
#[derive(Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub fn new(kept: bool) -> Self {
        Self {
            lines: kept.then(Vec::new),
        }
    }

    /// Adds a line; `words` is not called when nothing is kept.
    pub fn say(&mut self, now: Micros, words: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>12.6} {}", now as f64 / 1e6, words()));
        }
    }

    /// Of a long story the end; of one call all that names it.
    pub fn tell(&self) -> String {
        let Some(lines) = &self.lines else {
            return String::new();
        };
        let only = std::env::var("SIM_CALL").ok();
        let wanted = |line: &&String| match &only {
            Some(call) => line.contains(call.as_str()) || line.contains("***"),
            None => true,
        };
        let told: Vec<&str> = lines.iter().filter(wanted).map(String::as_str).collect();
        let from = told.len().saturating_sub(400);
        told[from..].join("\n")
    }
}
