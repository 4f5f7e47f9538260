-- Why a virtual network is in ERROR; empty: it is READY.
ALTER TABLE networks ADD COLUMN error TEXT NOT NULL DEFAULT '';
