//! What goes wrong, and what operators do.

use tandem::balance::{Admin, Capacity};
use tandem::proxy::Command;

use crate::clock::{MS, Micros, SECOND};
use crate::plan::{Fault, room};
use crate::sim::{Event, Sim};

impl Sim {
    pub fn fault(&mut self, fault: Fault) {
        let now = self.now;
        self.trace.say(now, || format!("*** {fault:?}"));
        match fault {
            Fault::Crash(down) => self.crash(down),
            Fault::Start => self.start(),
            Fault::PowerOff(phone, down) => self.power_off(phone, down),
            Fault::PowerOn(phone) => self.phones[phone].on = true,
            Fault::Apart(phone, while_) => {
                let address = self.phones[phone].address;
                self.net.apart.push((address, now + while_));
            }
            Fault::Clog(phone, while_) => {
                let address = self.phones[phone].address;
                self.net.clogged.push((address, now + while_));
            }
            Fault::WrongList(pbx) => self.wrong_list(pbx),
            Fault::WrongReport(pbx) if self.process.runs() => self.wrong_report(pbx),
            Fault::Reload(name) => self.reload(&name),
            Fault::Admin(name, word) => self.set_admin(&name, word),
            Fault::Resize(name, calls) => self.resize(&name, calls),
            Fault::EndCall(number) => self.end_call(number),
            Fault::WrongReport(_) => {}
            Fault::Quiet => self.compare(),
        }
    }

    fn crash(&mut self, down: Micros) {
        if !self.process.runs() {
            return;
        }
        self.count_releases();
        self.crashes += 1;
        let saved = self.process.crash();
        self.oracle.crashed(self.now, &saved);
        self.books.forget();
        self.clock.at(self.now + down, Event::Fault(Fault::Start));
    }

    fn start(&mut self) {
        self.started = self.now;
        // Calls of a peer that the configuration knows no more are nobody's after a restart.
        for (number, (_, peer)) in self.scenario.settings.peers.iter().enumerate() {
            if !peer.configured {
                let address = self.phones[self.scenario.callers + number].address;
                self.oracle.excuse_phone(address);
            }
        }
        let restored = self.process.start(self.now, &self.scenario.settings);
        self.trace
            .say(self.now, || format!("*** {restored} calls restored"));
    }

    fn power_off(&mut self, phone: usize, down: Micros) {
        if !self.phones[phone].on {
            return;
        }
        self.phones[phone].forget();
        self.phones[phone].on = false;
        let address = self.phones[phone].address;
        self.oracle.power_off(address);
        if let Some(pbx) = phone.checked_sub(self.scenario.callers) {
            self.reporters[pbx].seq = 0;
        }
        self.clock
            .at(self.now + down, Event::Fault(Fault::PowerOn(phone)));
    }

    /// The peer goes, or comes back, or has another capacity.
    fn reload(&mut self, name: &str) {
        let others = self.scenario.settings.peers.iter();
        let alone = others
            .filter(|(other, peer)| *other != name && peer.configured)
            .count()
            == 0;
        let grown = room(&mut self.rng);
        let number = self
            .scenario
            .settings
            .peers
            .keys()
            .position(|known| known == name);
        let Some(peer) = self.scenario.settings.peers.get_mut(name) else {
            return;
        };
        if peer.configured && (alone || self.rng.bool()) {
            peer.calls = grown;
        } else {
            peer.configured = !peer.configured;
            if let Some(number) = number {
                // What it has placed and that has not arrived is counted by what holds when it does.
                let address = self.phones[self.scenario.callers + number].address;
                self.oracle.excuse_begun(address);
            }
        }
        if self.process.runs() {
            self.tally.reloads += 1;
            self.process.reload(self.now, &self.scenario.settings);
        }
    }

    fn set_admin(&mut self, name: &str, word: u8) {
        let admin = [Admin::Enabled, Admin::Disabled, Admin::Draining][usize::from(word) % 3];
        if let Some(peer) = self.process.ledger().directory().peer_named(name) {
            self.process.ledger().set_admin(peer, admin);
        }
    }

    fn resize(&mut self, name: &str, calls: u32) {
        let capacity = [("calls".into(), Capacity::Limited(calls))];
        if let Some(peer) = self.process.ledger().directory().peer_named(name) {
            let resized = self.process.ledger().resize(peer, &capacity);
            resized.expect("a resource that is known");
        }
    }

    fn end_call(&mut self, number: usize) {
        let calls = self.process.calls(self.now);
        if let Some(call) = calls.get(number) {
            self.oracle.excuse(&call.call_id);
            self.process.command(self.now, || Command::EndCall(call.id));
        } else if self.now + 4 * SECOND < self.scenario.quiet_from {
            let later = self.now + 500 * MS;
            self.clock.at(later, Event::Fault(Fault::EndCall(number)));
        }
    }
}
