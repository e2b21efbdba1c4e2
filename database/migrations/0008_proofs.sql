-- Tamper evidence: the Merkle tree over the log, in tiles of 256 hashes, and the checkpoints that were signed.
-- What the tree needs of its right edge, which fills no tile yet, is worked out from the log.
create table ledger.tiles (
    level  smallint not null check (level >= 0),
    index  bigint   not null check (index >= 0),
    root   bytea    not null check (length(root) = 32),
    hashes bytea    not null check (length(hashes) = 8192),
    primary key (level, index)
);
-- Hashes do not compress, and parts of them are read without the rest.
alter table ledger.tiles alter column hashes set storage external;
comment on table ledger.tiles is 'Complete tiles of the Merkle tree over the log (RFC 6962); see docs/proofs.md';
comment on column ledger.tiles.level is 'A hash of level n covers 256^n events';
comment on column ledger.tiles.index is 'Counts the tiles of a level from 0';
comment on column ledger.tiles.root is 'The root over the tile: one hash of the level above';
comment on column ledger.tiles.hashes is '256 hashes of 32 bytes; of leaves at level 0';

create table ledger.checkpoints (
    position  bigint      not null check (position > 0),
    hash      bytea       not null,
    root      bytea       not null,
    time      timestamptz not null,
    key       text        collate "C" not null,
    signature bytea       not null,
    primary key (position, key)
);
comment on table ledger.checkpoints is 'What was signed about the log, and when; copies belong outside the database';
comment on column ledger.checkpoints.hash is 'Of the event at the position, in the chain';
comment on column ledger.checkpoints.root is 'Of the Merkle tree over the events up to the position';
comment on column ledger.checkpoints.key is 'Which key signed: the first 16 hex digits of the SHA-256 of the public one';

create table ledger.published (
    sink     text   collate "C" not null,
    position bigint not null,
    primary key (sink, position)
);
comment on table ledger.published is 'Checkpoints that a URL has taken; a file says by itself which it has';
comment on column ledger.published.sink is 'SHA-256 of the URL, which may hold a secret';

create table ledger.checkpoint_refusals (
    at     timestamptz primary key default clock_timestamp(),
    reason text
);
comment on table ledger.checkpoint_refusals is 'Turns: no checkpoint is signed any more, or they are again';
comment on column ledger.checkpoint_refusals.reason is
    'How the log differs from what an earlier checkpoint saw; null: it no longer does';

create trigger append_only before update or delete or truncate on ledger.tiles
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.checkpoints
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.published
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.checkpoint_refusals
    for each statement execute function ledger.refuse_change();

grant select, insert on ledger.tiles, ledger.checkpoints, ledger.published, ledger.checkpoint_refusals
    to seatledger_writer;
