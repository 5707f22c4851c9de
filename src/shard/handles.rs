//! The shards as the rest of the process sees them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::mailbox::{Mailbox, Order};
use super::questions::Waiting;
use super::stats::ShardStats;
use crate::base::limits::ASK_TIMEOUT;
use crate::proxy::{Answer, Command, Setup, ShardId, Stats};

/// Why a shard did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// It has ended, or there is none of that number.
    #[error("the shard has ended")]
    Ended,
    /// Too many questions wait for it already.
    #[error("the shard has too many questions waiting")]
    Busy,
    /// It did not answer in time.
    #[error("the shard did not answer in time")]
    TimedOut,
}

/// The counters of one shard.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose.
    pub shard: ShardId,
    /// What its core counts.
    pub core: Box<Stats>,
    /// What the shard itself counts.
    pub shard_stats: ShardStats,
}

/// Reaches every shard, from any thread or task.
#[derive(Clone)]
pub struct Handles {
    mailboxes: Arc<[Arc<Mailbox>]>,
}

impl Handles {
    pub(super) fn new(mailboxes: Vec<Arc<Mailbox>>) -> Self {
        Handles {
            mailboxes: mailboxes.into(),
        }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.mailboxes.len() as u16
    }

    /// Asks one shard's core, and waits for the answer for a bounded time.
    pub async fn ask(&self, shard: ShardId, command: Command) -> Result<Answer, Gone> {
        self.asked(shard, command).await
    }

    /// Asks every shard's core at once; the answers are in the order of the shards. One that fails fails all.
    pub async fn ask_all(&self, command: impl Fn(ShardId) -> Command) -> Result<Vec<Answer>, Gone> {
        let asked = self.ids().map(|shard| self.asked(shard, command(shard)));
        let asked: Vec<_> = asked.collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(answer.await?);
        }
        Ok(answers)
    }

    /// Asks every shard's core at once, and gives the answers of those that answer. Whoever does not is put into `late`; who is
    /// there already is asked too, and not waited for.
    pub async fn ask_each(
        &self,
        late: &mut BTreeMap<ShardId, Gone>,
        command: impl Fn(ShardId) -> Command,
    ) -> Vec<Answer> {
        let asked = self
            .ids()
            .map(|shard| (shard, self.asked(shard, command(shard))));
        let asked: Vec<_> = asked.collect();
        let mut answers = Vec::with_capacity(asked.len());
        for (shard, answer) in asked {
            if late.contains_key(&shard) {
                continue;
            }
            match answer.await {
                Ok(answer) => answers.push(answer),
                Err(gone) => {
                    late.insert(shard, gone);
                }
            }
        }
        answers
    }

    /// The counters of every shard that answers.
    pub async fn reports(&self) -> Vec<Report> {
        let asked = self.ids().map(|shard| {
            let (reply, answer) = oneshot::channel();
            self.order(
                shard,
                Order::Ask(Command::Stats, Waiting::Report(reply)),
                answer,
            )
        });
        let asked: Vec<_> = asked.collect();
        let mut reports = Vec::with_capacity(asked.len());
        for report in asked {
            reports.extend(report.await);
        }
        reports
    }

    /// Puts a configuration in force on every shard, each with its next turn.
    pub fn broadcast_setup(&self, setup: &Arc<Setup>) {
        for mailbox in self.mailboxes.iter() {
            mailbox.set_up(Arc::clone(setup));
        }
    }

    /// Answers a [`super::ResolveAsk`]; no addresses means that it failed.
    pub fn resolved(
        &self,
        shard: ShardId,
        token: u64,
        addresses: Vec<SocketAddr>,
    ) -> Result<(), Gone> {
        self.send(shard, Order::Resolved { token, addresses })
    }

    /// Ends every shard's thread with its next turn.
    pub fn exit(&self) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.end());
    }

    fn ids(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shards()).map(ShardId)
    }

    /// Asks a shard's core now; the future waits for its answer, for a bounded time from now.
    fn asked(
        &self,
        shard: ShardId,
        command: Command,
    ) -> impl Future<Output = Result<Answer, Gone>> + use<> {
        let (reply, answer) = oneshot::channel();
        self.order(shard, Order::Ask(command, Waiting::Answer(reply)), answer)
    }

    /// Gives an order now; the future waits for its answer, for a bounded time from now.
    fn order<T>(
        &self,
        shard: ShardId,
        order: Order,
        answer: oneshot::Receiver<T>,
    ) -> impl Future<Output = Result<T, Gone>> + use<T> {
        let sent = self.send(shard, order);
        let deadline = Instant::now() + ASK_TIMEOUT;
        async move {
            sent?;
            match timeout_at(deadline, answer).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_)) => Err(Gone::Ended),
                Err(_) => Err(Gone::TimedOut),
            }
        }
    }

    fn send(&self, shard: ShardId, order: Order) -> Result<(), Gone> {
        let mailbox = self
            .mailboxes
            .get(usize::from(shard.0))
            .ok_or(Gone::Ended)?;
        mailbox.order(order).map_err(|error| {
            if error.is_full() {
                Gone::Busy
            } else {
                Gone::Ended
            }
        })
    }
}
