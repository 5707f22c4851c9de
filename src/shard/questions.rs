//! Who waits for the core's answers.

use hashbrown::HashMap;
use tokio::sync::oneshot;

use super::handles::Report;
use crate::proxy::{Answer, Stats};

/// One who waits.
#[derive(Debug)]
pub(super) enum Waiting {
    /// For the answer as it is.
    Answer(oneshot::Sender<Answer>),
    /// For the counters of core and shard.
    Report(oneshot::Sender<Report>),
}

/// All who wait, by the token that the core got. Askers are bounded by the mailbox, and each has left after
/// [`crate::base::limits::ASK_TIMEOUT`].
#[derive(Default)]
pub(super) struct Questions {
    waiting: HashMap<u64, Waiting>,
    asked: u64,
}

impl Questions {
    /// A token for a new question.
    pub(super) fn open(&mut self, waiting: Waiting) -> u64 {
        self.asked += 1;
        self.waiting.insert(self.asked, waiting);
        self.asked
    }

    /// Passes an answer on. `report` makes a whole report of the core's part.
    pub(super) fn close(
        &mut self,
        token: u64,
        answer: Answer,
        report: impl FnOnce(Box<Stats>) -> Report,
    ) {
        // A receiver that is gone has stopped waiting.
        match (self.waiting.remove(&token), answer) {
            (Some(Waiting::Answer(reply)), answer) => {
                let _ = reply.send(answer);
            }
            (Some(Waiting::Report(reply)), Answer::Stats(core)) => {
                let _ = reply.send(report(core));
            }
            (Some(Waiting::Report(_)) | None, _) => {}
        }
    }
}
