//! A scripted caller, Tandem, and a scripted PBX: the stage of the exact tests.

use std::time::Duration;

use crate::agent::leg::{Leg, fresh};
use crate::agent::pbx::peer_config;
use crate::agent::scripted::Agent;
use crate::agent::text::Msg;
use crate::harness::lock::{self, Turn};
use crate::harness::tandem::Tandem;

/// Long enough for a message that must not come, had it been sent.
pub const A_MOMENT: Duration = Duration::from_millis(150);

/// The stage.
pub struct Scene {
    pub tandem: Tandem,
    pub caller: Agent,
    pub pbx: Agent,
    _turn: Turn,
}

/// An established call: each side's dialog.
pub struct Up {
    pub near: Leg,
    pub far: Leg,
    /// The INVITE as the PBX got it.
    pub invite: Msg,
    pub tag: String,
}

impl Scene {
    /// One peer, `pbx`, with room for ten calls, not probed.
    pub fn set() -> Self {
        Self::set_with("")
    }

    /// The same with more config.
    pub fn set_with(more: &str) -> Self {
        let turn = lock::shared();
        let pbx = Agent::new("pbx");
        let peer = peer_config("pbx", pbx.address(), "capacity = { calls = 10 }");
        let tandem = Tandem::start(&format!(
            "{more}\n[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n{peer}"
        ));
        Self::of(tandem, pbx, turn)
    }

    /// Tandem as it was started, with the PBX that it knows as `pbx`.
    pub fn of(tandem: Tandem, pbx: Agent, turn: Turn) -> Self {
        Self {
            tandem,
            caller: Agent::new("caller"),
            pbx,
            _turn: turn,
        }
    }

    /// A call that has reached the PBX, which has not said anything yet.
    #[track_caller]
    pub fn invited(&mut self) -> (Leg, Msg) {
        let leg = Leg::calling(self.caller.address(), self.tandem.sip, "1001");
        self.caller.send(self.tandem.sip, &leg.invite(&[], ""));
        let invite = self.pbx.request("INVITE");
        self.tandem.holds("pbx", 1, "ringing");
        (leg, invite)
    }

    /// A call that rings; the PBX's tag comes with it.
    #[track_caller]
    pub fn ringing(&mut self) -> (Leg, Msg, String) {
        let (leg, invite) = self.invited();
        let tag = fresh("t");
        self.pbx.reply_invite(&invite, 180, &tag);
        self.caller.status(180, "INVITE");
        self.tandem.holds("pbx", 1, "ringing");
        (leg, invite, tag)
    }

    /// A call that is up on both sides.
    #[track_caller]
    pub fn up(&mut self) -> Up {
        let (leg, invite, tag) = self.ringing();
        self.pbx.reply_invite(&invite, 200, &tag);
        let near = self.answered(&leg);
        Up {
            near,
            far: Leg::called(self.pbx.address(), &invite, &tag),
            invite,
            tag,
        }
    }

    /// Takes a 200 at the caller and the ACK at the PBX.
    #[track_caller]
    pub fn answered(&mut self, leg: &Leg) -> Leg {
        let ok = self.caller.status(200, "INVITE");
        let near = leg.dialog(&ok);
        assert_eq!(
            near.next_hop(),
            self.tandem.sip,
            "a call stays on the route by Record-Route: {:?}",
            near.routes()
        );
        self.caller.send(near.next_hop(), &near.ack(1));
        self.pbx.request("ACK");
        self.tandem.holds("pbx", 1, "up");
        near
    }

    /// A request of the caller in its dialog, answered by the PBX with `status`.
    #[track_caller]
    pub fn near_asks(&mut self, leg: &mut Leg, method: &str, extra: &[&str], status: u16) -> Msg {
        let bytes = leg.request(method, extra, "");
        self.caller.send(leg.next_hop(), &bytes);
        let request = self.pbx.request(method);
        self.pbx.reply_invite(&request, status, "unused");
        self.caller.status(status, method)
    }

    /// A request of the PBX in its dialog, answered by the caller with `status`.
    #[track_caller]
    pub fn far_asks(&mut self, leg: &mut Leg, method: &str, extra: &[&str], status: u16) -> Msg {
        let bytes = leg.request(method, extra, "");
        self.pbx.send(leg.next_hop(), &bytes);
        let request = self.caller.request(method);
        self.caller.reply_invite(&request, status, "unused");
        self.pbx.status(status, method)
    }

    /// The caller hangs up; then no call is left.
    #[track_caller]
    pub fn near_hangs_up(&mut self, mut leg: Leg) {
        self.near_asks(&mut leg, "BYE", &[], 200);
        self.tandem.holds("pbx", 0, "up");
    }

    /// All calls are over and each was counted out once, with `cause`.
    #[track_caller]
    pub fn finish(self, cause: &str) {
        self.tandem.metric_is(
            "tandem_slots_released_total",
            &[("peer", "pbx"), ("cause", cause)],
            1.0,
        );
        self.tandem
            .metric_is("tandem_slots_granted_total", &[("peer", "pbx")], 1.0);
        self.tandem.finish();
    }
}
