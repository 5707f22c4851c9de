-- By what a peer's reports are told apart over a restart of ours.
ALTER TABLE peer_state ADD COLUMN boot_id TEXT;
ALTER TABLE peer_state ADD COLUMN seq BIGINT;
