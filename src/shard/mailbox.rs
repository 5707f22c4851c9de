//! How threads reach a shard: a bounded mailbox for datagrams, another for orders, and a bell.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;

use super::questions::Waiting;
use crate::base::limits::{MAILBOX_LETTERS_MAX, MAILBOX_ORDERS_MAX};
use crate::base::transmit::ListenerId;
use crate::base::transport::Transport;
use crate::io::udp::Flow;
use crate::proxy::{Command, Setup, ShardId};

/// A datagram that came.
#[derive(Debug)]
pub(super) struct Arrival<B> {
    pub(super) listener: ListenerId,
    pub(super) source: SocketAddr,
    /// Which of our addresses it was sent to, where the socket asks for that.
    pub(super) local: Option<IpAddr>,
    pub(super) arrived: Instant,
    /// For how long it had lain in the socket then.
    pub(super) waited: Duration,
    /// What follows from it may leave together with others.
    pub(super) flow: Option<Flow>,
    pub(super) bytes: B,
}

/// What one shard hands to another.
#[derive(Debug)]
pub(super) enum Letter {
    /// A datagram that belongs there.
    Datagram(Arrival<Bytes>),
    /// A datagram of ours that came back.
    Unreachable {
        destination: SocketAddr,
        bytes: Bytes,
    },
}

/// What the rest of the process wants of a shard.
#[derive(Debug)]
pub(super) enum Order {
    /// A question to the core.
    Ask(Command, Waiting),
    /// The answer to a [`ResolveAsk`].
    Resolved {
        token: u64,
        addresses: Vec<SocketAddr>,
    },
}

/// A name that a core wants resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveAsk {
    /// Who asks.
    pub shard: ShardId,
    /// Comes back with the answer.
    pub token: u64,
    /// The name.
    pub host: String,
    /// The port beside it, if any.
    pub port: Option<u16>,
    /// The transport to be used.
    pub transport: Transport,
}

/// The side of a mailbox that everybody may hold.
pub(super) struct Mailbox {
    letters: Sender<Letter>,
    orders: Sender<Order>,
    setup: Mutex<Option<Arc<Setup>>>,
    ended: AtomicBool,
    bell: EventFd,
    rung: AtomicBool,
}

/// The side that the shard holds.
pub(super) struct Inbox {
    pub(super) letters: Receiver<Letter>,
    pub(super) orders: Receiver<Order>,
    shared: Arc<Mailbox>,
}

/// A mailbox, empty.
pub(super) fn mailbox() -> io::Result<(Arc<Mailbox>, Inbox)> {
    let (letters, letters_out) = bounded(MAILBOX_LETTERS_MAX);
    let (orders, orders_out) = bounded(MAILBOX_ORDERS_MAX);
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    let shared = Arc::new(Mailbox {
        letters,
        orders,
        setup: Mutex::new(None),
        ended: AtomicBool::new(false),
        bell,
        rung: AtomicBool::new(false),
    });
    let inbox = Inbox {
        letters: letters_out,
        orders: orders_out,
        shared: Arc::clone(&shared),
    };
    Ok((shared, inbox))
}

impl Mailbox {
    /// Leaves a letter without ringing; false when there is no room. The last quarter is closed to what may
    /// give way.
    pub(super) fn leave(&self, letter: Letter, may_give_way: bool) -> bool {
        let open = if may_give_way {
            MAILBOX_LETTERS_MAX / 4 * 3
        } else {
            MAILBOX_LETTERS_MAX
        };
        self.letters.len() < open && self.letters.try_send(letter).is_ok()
    }

    /// Gives an order, and rings. Gives it back when there is no room or nobody there.
    pub(super) fn order(&self, order: Order) -> Result<(), TrySendError<Order>> {
        self.orders.try_send(order)?;
        self.ring();
        Ok(())
    }

    /// Lays down the newest configuration in place of any that still lies there, and rings.
    pub(super) fn set_up(&self, setup: Arc<Setup>) {
        *self.setup.lock() = Some(setup);
        self.ring();
    }

    /// Ends the shard's thread with its next turn.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ring();
    }

    /// Wakes the shard if it sleeps; costs a system call only when it was not rung since it last looked.
    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // The counter has room for a million rings a second over half a million years.
            let _ = self.bell.write(1);
        }
    }
}

impl Inbox {
    /// Whether it was rung since the last call. To be asked before looking into the inbox: what is left in it afterwards rings
    /// again. A bell that is heard is not read back: each time it is rung the kernel tells of it anew.
    pub(super) fn silence(&self) -> bool {
        let rung = &self.shared.rung;
        rung.load(Ordering::Acquire) && rung.swap(false, Ordering::AcqRel)
    }

    /// The newest configuration, if one came since the last call.
    pub(super) fn setup(&self) -> Option<Arc<Setup>> {
        self.shared.setup.lock().take()
    }

    /// Whether the thread is to end.
    pub(super) fn ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter::Unreachable {
            destination: SocketAddr::from(([127, 0, 0, 1], 1)),
            bytes: Bytes::new(),
        }
    }

    #[test]
    fn the_last_quarter_of_a_mailbox_is_closed_to_what_may_give_way() {
        let (mailbox, inbox) = mailbox().expect("an eventfd");
        let mut taken = 0;
        while mailbox.leave(letter(), true) {
            taken += 1;
        }
        assert_eq!(taken, MAILBOX_LETTERS_MAX / 4 * 3);
        while mailbox.leave(letter(), false) {
            taken += 1;
        }
        assert_eq!(taken, MAILBOX_LETTERS_MAX);
        assert_eq!(inbox.letters.len(), MAILBOX_LETTERS_MAX);
    }

    #[test]
    fn a_mailbox_rings_again_for_what_comes_after_it_was_silenced() {
        let (mailbox, inbox) = mailbox().expect("an eventfd");
        assert!(!inbox.silence(), "nobody has rung");
        for _ in 0..3 {
            mailbox.ring();
            mailbox.ring();
            assert_eq!(mailbox.bell.read(), Ok(1), "rung once");
            assert!(inbox.silence() && !inbox.silence());
        }
    }
}
