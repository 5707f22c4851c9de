//! What traffic and probes say, taken into an account.

use std::time::Instant;

use super::account::Account;
use super::ask::Observation;
use super::health::Turn;
use super::topology::Failure;
use super::view::ProbeOutcome;

impl Account {
    /// Takes one observation. False when nothing changed that others could see, as for most of a call's
    /// responses.
    pub(super) fn observe(&mut self, now: Instant, what: Observation) -> bool {
        let turn = match what {
            Observation::Answered(status) => self.vitals.answered(now, status, &self.rules),
            Observation::Alive => self.vitals.sign(now, &self.rules),
            Observation::Failed(Failure::Status(503)) => return self.busy(now, None),
            Observation::Busy503 { retry_after } => return self.busy(now, retry_after),
            Observation::Failed(failure) => {
                self.strikes.add(now);
                let turn = self.vitals.failed(now, failure, &self.rules);
                self.turned(now, turn);
                return true;
            }
            Observation::ProbeOk { rtt, status } => {
                self.tally.last_status = Some(status);
                self.tally.last_rtt = Some(rtt);
                self.tally.rtts.record(rtt.as_secs_f64());
                return self.probe_answered(now, status);
            }
            Observation::ProbeFailed { sent } => {
                let turn = self.vitals.probe_failed(now, Some(sent), &self.rules);
                self.count_probe(match turn {
                    Some(_) => ProbeOutcome::Failed,
                    None => ProbeOutcome::Excused,
                });
                turn.unwrap_or(Turn::Same)
            }
        };
        self.turned(now, turn)
    }

    /// A call was answered 503: alive, not accepting. It says nothing about life, and a trial is not
    /// decided by it.
    fn busy(&mut self, now: Instant, retry_after: Option<std::time::Duration>) -> bool {
        self.strikes.add(now);
        let turn = self.vitals.sign(now, &self.rules);
        self.turned(now, turn);
        self.vitals.trial_over();
        let cap = self.rules.disable.retry_after_cap;
        self.penalty.busy(now, retry_after, cap);
        true
    }

    fn probe_answered(&mut self, now: Instant, status: u16) -> bool {
        let rules = &self.rules;
        if status == 503 {
            // Until the next probe has had its time, jitter included.
            let patience = rules.probe.interval * 3 / 2 + rules.probe.timeout;
            self.penalty.probe_busy(now + patience);
            let turn = self.vitals.probe_answered(now, rules);
            self.turned(now, turn);
            self.count_probe(ProbeOutcome::Busy);
            return true;
        }
        if !rules.probe.accepts(status) {
            // It has answered, but not as one that could take a call: what else it said does not excuse it.
            let turn = self.vitals.probe_failed(now, None, rules);
            self.count_probe(ProbeOutcome::Refused);
            return self.turned(now, turn.unwrap_or(Turn::Same));
        }
        let turn = self.vitals.probe_answered(now, rules);
        let freed = self.penalty.probe_well();
        if freed {
            self.ramp_since = Some(now);
        }
        self.count_probe(ProbeOutcome::Ok);
        self.turned(now, turn) || freed
    }

    /// The trial call has ended; with BYE when it had been answered.
    pub(super) fn trial_over(&mut self, now: Instant, answered: bool) {
        if answered {
            let turn = self.vitals.completed();
            self.turned(now, turn);
        }
        self.vitals.trial_over();
    }

    fn turned(&mut self, now: Instant, turn: Turn) -> bool {
        match turn {
            Turn::Same => false,
            Turn::Changed => true,
            Turn::Recovered => {
                self.ramp_since = Some(now);
                true
            }
        }
    }

    fn count_probe(&mut self, outcome: ProbeOutcome) {
        self.tally.probes[outcome.index()] += 1;
    }
}
