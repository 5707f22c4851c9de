//! What a shard leaves for the others.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::mailbox::{Arrival, Letter, Mailbox};
use crate::base::limits::HAND_OVER_CHUNK_BYTES;
use crate::proxy::ShardId;

/// All mailboxes, and which of them are to be rung once the batch is through.
pub(super) struct Post {
    mailboxes: Vec<Arc<Mailbox>>,
    chunk: BytesMut,
    /// One bit a shard; those above 63 share bits, and then one is rung for nothing.
    touched: u64,
    /// Letters that found no room.
    pub(super) refused: u64,
}

impl Post {
    pub(super) fn new(mailboxes: Vec<Arc<Mailbox>>) -> Self {
        Post {
            mailboxes,
            chunk: BytesMut::new(),
            touched: 0,
            refused: 0,
        }
    }

    pub(super) fn shards(&self) -> u16 {
        self.mailboxes.len() as u16
    }

    /// Leaves a copy of a datagram that has just arrived.
    pub(super) fn datagram(&mut self, to: ShardId, arrival: Arrival<&[u8]>, may_give_way: bool) {
        let bytes = self.copy(arrival.bytes);
        let letter = Letter::Datagram(Arrival {
            listener: arrival.listener,
            source: arrival.source,
            local: arrival.local,
            arrived: arrival.arrived,
            waited: arrival.waited,
            flow: arrival.flow,
            bytes,
        });
        self.leave(to, letter, may_give_way);
    }

    /// Leaves a datagram that came back.
    pub(super) fn unreachable(&mut self, to: ShardId, destination: SocketAddr, bytes: Bytes) {
        self.leave(to, Letter::Unreachable { destination, bytes }, false);
    }

    /// Rings where something was left since the last call.
    pub(super) fn ring(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        for (number, mailbox) in self.mailboxes.iter().enumerate() {
            if touched & (1 << (number % 64)) != 0 {
                mailbox.ring();
            }
        }
    }

    fn leave(&mut self, to: ShardId, letter: Letter, may_give_way: bool) {
        let Some(mailbox) = self.mailboxes.get(usize::from(to.0)) else {
            return;
        };
        if mailbox.leave(letter, may_give_way) {
            self.touched |= 1 << (to.0 % 64);
        } else {
            self.refused += 1;
        }
    }

    /// A copy that another thread may keep; many share one allocation.
    fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if self.chunk.capacity() < bytes.len() {
            self.chunk.reserve(HAND_OVER_CHUNK_BYTES);
        }
        self.chunk.extend_from_slice(bytes);
        self.chunk.split().freeze()
    }
}
