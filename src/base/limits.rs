//! Every bound of the process, in one place, with what it protects.

/// Server transactions that one shard holds at once; a request beyond it is refused.
pub const SERVER_TRANSACTIONS_MAX: usize = 1 << 18;
/// Client transactions that one shard holds at once; a request beyond it is not forwarded.
pub const CLIENT_TRANSACTIONS_MAX: usize = 1 << 18;

const _: () = assert!(SERVER_TRANSACTIONS_MAX < u32::MAX as usize);
const _: () = assert!(CLIENT_TRANSACTIONS_MAX < u32::MAX as usize);
