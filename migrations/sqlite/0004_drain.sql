-- Of a peer that the operator drains: since when, and from when on no call is left to it. Milliseconds since 1970.
ALTER TABLE peer_state ADD COLUMN drain_since_unix_ms INTEGER;
ALTER TABLE peer_state ADD COLUMN drain_deadline_unix_ms INTEGER;
-- 1: the peer says that it drains itself.
ALTER TABLE peer_state ADD COLUMN said_draining INTEGER NOT NULL DEFAULT 0;
