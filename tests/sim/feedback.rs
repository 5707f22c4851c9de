//! What the PBXes report of themselves: true, late, doubled, lost, and wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem::balance::{Acceptance, Report, ResourceReport};

use crate::checkers::Violation;
use crate::clock::{MS, Micros, SECOND};
use crate::sim::{Event, Sim};

/// A report on its way.
#[derive(Clone, Debug)]
pub struct Letter {
    pub report: Report,
    pub list: Option<BTreeSet<String>>,
}

/// One PBX's place in its reports.
#[derive(Default)]
pub struct Reporter {
    pub seq: u64,
    pub written: Micros,
}

impl Sim {
    /// A PBX writes a report, and goes on until faults end.
    pub fn write_report(&mut self, pbx: usize) {
        let phone = &self.phones[self.scenario.callers + pbx];
        if self.now >= self.scenario.quiet_from {
            return;
        }
        let next = self.now + 2 * SECOND + self.rng.u64(..2000) * MS;
        self.clock.at(next, Event::Report(pbx));
        if !phone.on {
            return;
        }
        let (calls, run) = (phone.calls(), phone.run);
        self.reporters[pbx].seq += 1;
        let foreign = self.rng.u64(..2);
        let used = calls.len() as u64 + foreign;
        let state = match self.rng.u8(..20) {
            0 => Acceptance::Paused,
            1 => Acceptance::Draining,
            _ => Acceptance::Accepting,
        };
        let resource = ResourceReport {
            used: Some(used),
            max: None,
        };
        let report = Report {
            seq: Some(self.reporters[pbx].seq),
            state: Some(state),
            cpu_idle: self.rng.bool().then(|| self.rng.f64()),
            ttl_seconds: Some(6.0),
            boot_id: Some(Arc::from(format!("run{run}"))),
            resources: vec![("calls".into(), resource)],
            calls: Some(u32::try_from(calls.len()).unwrap_or(0)),
        };
        let letter = Letter {
            report,
            list: Some(calls),
        };
        self.post(pbx, letter);
    }

    /// HTTP: late, now and then twice, now and then never.
    fn post(&mut self, pbx: usize, letter: Letter) {
        let copies = match self.rng.u8(..12) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let at = self.now + self.rng.u64(1..1500) * MS;
            self.clock
                .at(at, Event::Reported(pbx, Box::new(letter.clone())));
        }
    }

    pub fn take_report(&mut self, pbx: usize, letter: &Letter) {
        let name = crate::plan::pbx_name(pbx);
        let address = self.phones[self.scenario.callers + pbx].address;
        if !self.process.runs() {
            return;
        }
        let now = self.now;
        self.trace.say(now, || {
            format!("{name} reports {:?} {:?}", letter.report, letter.list)
        });
        let taken = self
            .process
            .report(now, &name, &letter.report, letter.list.as_ref());
        let Some(answer) = taken else { return };
        if answer.restarted {
            // It says that its calls are over; one that began since is believed to be among them.
            self.oracle.excuse_phone(address);
        }
        let said = letter.report.resources.first();
        let calls = answer.resources.iter().find(|it| &*it.name == "calls");
        if let (Some(used), Some(calls)) = (said.and_then(|(_, said)| said.used), calls) {
            // Our own calls are in what the peer counts, once.
            let foreign = used.saturating_sub(calls.own);
            if calls.foreign != foreign {
                let detail = format!("{name}: {used} reported, {calls:?}");
                self.found = Some(Violation {
                    checker: "foreign = reported - own",
                    detail,
                });
            }
        }
    }

    /// A list that lacks what it should have, twice, so that it is believed.
    pub fn wrong_list(&mut self, pbx: usize) {
        let phone = &self.phones[self.scenario.callers + pbx];
        let address = phone.address;
        for turn in 0..2 {
            self.reporters[pbx].seq += 1;
            let report = Report {
                seq: Some(self.reporters[pbx].seq),
                calls: Some(0),
                ..Report::default()
            };
            let letter = Letter {
                report,
                list: Some(BTreeSet::new()),
            };
            let at = self.now + turn * MS;
            self.clock.at(at, Event::Reported(pbx, Box::new(letter)));
        }
        self.oracle.excuse_phone(address);
    }

    /// Old, of an earlier run, or impossible: refused, and nothing changes.
    pub fn wrong_report(&mut self, pbx: usize) {
        let resource = ResourceReport {
            used: Some(1 << 40),
            max: None,
        };
        let impossible = Report {
            resources: vec![("calls".into(), resource)],
            ..Report::default()
        };
        let nothing = Report::default();
        for report in [impossible, nothing] {
            let letter = Letter {
                report,
                list: Some(BTreeSet::new()),
            };
            self.take_report(pbx, &letter);
        }
    }
}
