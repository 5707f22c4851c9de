//! Callers by the thousand on one socket, with the timers that RFC 3261 gives a user agent.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::caller::Engine;
use super::wire::Wire;
use crate::harness::net::fresh_ip;

/// How a call attempt went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The Call-ID.
    pub id: String,
    /// The final response's status; 0 when none came.
    pub status: u16,
    /// The PBX that says it answered.
    pub by: Option<String>,
    pub retry_after: Option<u32>,
    /// Where a redirect points.
    pub contact: Option<String>,
    /// INVITE to final response.
    pub time: Duration,
}

/// How a hang-up went: the status of the BYE, 0 when none came.
pub type Ended = u16;

/// Orders that may wait for the phone's thread.
const COMMANDS: usize = 4096;

pub(super) enum Command {
    Call {
        user: String,
        extra: Vec<String>,
        hold: Option<Duration>,
        outcome: SyncSender<Outcome>,
        ended: SyncSender<Ended>,
    },
    HangUp(String),
}

/// A caller.
pub struct Phone {
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// A call that is being placed, or has been.
pub struct Placed {
    outcome: Receiver<Outcome>,
    ended: Receiver<Ended>,
}

impl Placed {
    #[track_caller]
    pub fn outcome(&self, within: Duration) -> Outcome {
        self.outcome
            .recv_timeout(within)
            .unwrap_or_else(|_| panic!("no outcome of a call within {within:?}"))
    }

    #[track_caller]
    pub fn ended(&self, within: Duration) -> Ended {
        self.ended
            .recv_timeout(within)
            .unwrap_or_else(|_| panic!("a call has not ended within {within:?}"))
    }
}

/// An answered call that is up.
pub struct Live {
    pub outcome: Outcome,
    placed: Placed,
}

impl Phone {
    pub fn start(server: SocketAddr) -> Self {
        Self::on(Wire::bind(fresh_ip(), 5060), server)
    }

    pub fn on(wire: Wire, server: SocketAddr) -> Self {
        let (commands, inbox) = sync_channel(COMMANDS);
        let engine = Engine::new(wire, server);
        Self {
            commands: Some(commands),
            thread: Some(std::thread::spawn(move || engine.run(&inbox))),
        }
    }

    fn tell(&self, command: Command) {
        let commands = self.commands.as_ref().expect("not dropped yet");
        commands.send(command).expect("the phone's thread is well");
    }

    /// Starts a call; with `hold` it hangs up by itself.
    pub fn place(&self, user: &str, hold: Option<Duration>, extra: &[&str]) -> Placed {
        let ((outcome, outcomes), (ended, ends)) = (sync_channel(1), sync_channel(1));
        self.tell(Command::Call {
            user: user.to_owned(),
            extra: extra.iter().map(|&line| line.to_owned()).collect(),
            hold,
            outcome,
            ended,
        });
        Placed {
            outcome: outcomes,
            ended: ends,
        }
    }

    /// Places a call and waits for its final response.
    #[track_caller]
    pub fn try_call(&self, user: &str) -> Live {
        let placed = self.place(user, None, &[]);
        Live {
            outcome: placed.outcome(Duration::from_secs(40)),
            placed,
        }
    }

    /// Places a call that must be answered.
    #[track_caller]
    pub fn call(&self, user: &str) -> Live {
        let live = self.try_call(user);
        assert_eq!(live.outcome.status, 200, "{user}: {:?}", live.outcome);
        live
    }

    /// Places a call that must be refused.
    #[track_caller]
    pub fn refused(&self, user: &str, status: u16) -> Outcome {
        let live = self.try_call(user);
        assert_eq!(live.outcome.status, status, "{user}: {:?}", live.outcome);
        live.outcome
    }

    /// Hangs up and waits until the BYE is answered.
    #[track_caller]
    pub fn hang_up(&self, live: Live) {
        self.tell(Command::HangUp(live.outcome.id.clone()));
        let status = live.placed.ended(Duration::from_secs(35));
        assert_eq!(status, 200, "BYE of {}", live.outcome.id);
    }

    #[track_caller]
    pub fn hang_up_all(&self, calls: Vec<Live>) {
        for call in calls {
            self.hang_up(call);
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
