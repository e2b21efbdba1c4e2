-- Comments only: the tables and columns of the earlier migrations, described in plain English.
comment on schema ledger is 'The log, the outcomes of commands, the seat counts, and the tables of background work';
comment on schema views is 'Current state by flight, booking, refund and waiting party, written in the transaction of each block';
comment on schema analytics is 'Facts and views over them, for analysts; the facts follow the log';
comment on schema analytics_store is 'Tables of facts behind schema analytics, one for each build of a projection';

comment on table ledger.events is 'The log: all events in order; the hash of each row covers the row before it';
comment on column ledger.events.position is 'Dense, from 1, in commit order';
comment on column ledger.events.originator_id is 'Id of the flight, booking or waiting party that the event belongs to';
comment on column ledger.events.originator_version is 'Dense for each originator, from 1';
comment on column ledger.events.topic is 'Type of the event';
comment on column ledger.events.state is 'Fields of the event, as JSON';
comment on column ledger.events.actor is 'Pseudonym of the caller, or the name of a system actor';
comment on column ledger.events.operation is 'Name of the command; with actor, the scope of the idempotency key';
comment on column ledger.events.ordinal is 'Number of the event among those of its command, from 1';
comment on column ledger.events.causation_id is 'Idempotency key of the command';
comment on column ledger.events.correlation_id is 'Request id';
comment on column ledger.events.traceparent is 'W3C trace context of the request; empty if there was none';
comment on column ledger.events.recorded_at is 'Time of the block by the database clock; never before the previous event';
comment on column ledger.events.command_hash is 'SHA-256 over fingerprint, status and body of the outcome of the command';
comment on column ledger.events.hash is 'SHA-256 over the previous hash and this row';

comment on table ledger.commands is 'The outcome of each command, accepted or refused; rows are never deleted';
comment on column ledger.commands.fingerprint is 'SHA-256 of the decoded command; a different command with the same key is refused';
comment on column ledger.commands.status is 'HTTP status of the answer';
comment on column ledger.commands.body is 'JSON body of the answer';
comment on column ledger.commands.subject_id is 'Id of the flight, booking or waiting party that the command was about';
comment on column ledger.commands.version is 'Version of that subject after the command';
comment on column ledger.commands.first_position is 'Position of its first event; null for a refusal';
comment on column ledger.commands.last_position is 'Position of its last event; for a refusal, the head of the log';

comment on table ledger.seats is 'Seat counts of each flight, changed only under the head lock; equal to the fold of the log';

comment on column views.flights.departure_day is 'Local date of departure, in the UTC offset in which the flight was scheduled';
comment on column views.flights.price_amount is 'In minor units of the currency';
comment on column views.bookings.cost_amount is 'In minor units of the currency';
comment on column views.bookings.expires_at is 'Time at which an unpaid hold runs out';
comment on column views.bookings.held_until is
    'Time at which the seats become free: expires_at, or capture_before of a pending payment; null: never';
comment on column views.bookings.gateway_task is
    'The next request to the gateway of the payment: authorise, capture or void; null: none';
comment on table views.refunds is 'One row per refund, as of the head of the log';
comment on column views.refunds.amount is 'In minor units of the currency';
comment on column views.refunds.gateway is 'Gateway that took the payment and can pay the refund; null: none, it is paid by hand';
comment on column views.refunds.charge is 'Id of the payment at the gateway';
comment on column views.refunds.requested_at is 'Time at which the gateway was requested to pay the refund';
comment on column views.refunds.refusal is 'Reason of the gateway for not paying; such a refund is due by hand';
comment on table views.waiting is 'One row per waiting party, past ones included, as of the head of the log';
comment on column views.waiting.status is
    'As recorded: waiting, offered, left or closed; the result of an offer is the status of its booking';
comment on column views.waiting.booking_id is 'Booking with the offered hold';
comment on column views.waiting.joined_at is 'Seats are offered in the order of joined_at and id';

comment on table ledger.job_runs is 'Finished runs of scheduled jobs; a run and its row are one transaction, so each slot runs once';
comment on column ledger.job_runs.slot is 'Scheduled time of the run';
comment on column ledger.job_runs.done is 'Number of items that the run processed, for example holds expired';
comment on table ledger.heartbeats is 'Latest sign of life of each kind of background process';
comment on table ledger.secrets is 'Random keys and check values that all processes of the ledger share';

comment on column ledger.tiles.level is 'A hash of level n covers 256^n events';
comment on column ledger.tiles.index is 'Number of the tile within its level, from 0';
comment on column ledger.tiles.root is 'Root hash over the tile: one hash of the next level';
comment on column ledger.tiles.hashes is '256 hashes of 32 bytes; leaf hashes at level 0';
comment on table ledger.checkpoints is 'Signed checkpoints of the log; copies belong outside the database';
comment on column ledger.checkpoints.hash is 'Hash of the event at the position';
comment on column ledger.checkpoints.root is 'Root of the Merkle tree over the events up to the position';
comment on column ledger.checkpoints.key is 'Id of the signing key: the first 16 hex digits of the SHA-256 of the public key';
comment on table ledger.published is 'The last checkpoint delivered to each URL; a file as destination needs no row';
comment on column ledger.published.sink is 'SHA-256 of the URL, because the URL may contain a secret';
comment on table ledger.checkpoint_refusals is 'Times at which signing of checkpoints stopped or resumed';
comment on column ledger.checkpoint_refusals.reason is
    'Difference between the log and an earlier checkpoint; null: signing resumed';

comment on table analytics_store.builds is
    'One row per table of facts: its checkpoint, written with its rows; a lock on the row elects the follower';
comment on column analytics_store.builds.projection is 'Name of the projection';
comment on column analytics_store.builds.build is 'Number of its table: bookings_2 is the second table of bookings';
comment on column analytics_store.builds.version is 'Version of the projection that writes the table';
comment on column analytics_store.builds.live is 'Whether readers use this table; otherwise it is being rebuilt beside the live one';
comment on column analytics_store.builds.position is 'Position of the last event applied';
comment on column analytics_store.builds.hash is 'Hash of that event; another hash at its position means another log';
comment on column analytics_store.builds.recorded_at is 'Time of that event';
comment on column analytics_store.builds.written_at is 'Time at which that event was applied';
comment on column analytics_store.builds.parked_at is 'Time since which the projection is stopped by an event that it cannot apply';
comment on column analytics_store.builds.parked_position is 'Position of the event that it cannot apply';
comment on column analytics_store.builds.error is 'The error of that event';

comment on table ledger.self_audit is
    'One row: progress and result of comparing the views with the log; a lock on it elects the process that audits';
comment on column ledger.self_audit.position is 'Position of the log up to which the digests and counts are computed';
comment on column ledger.self_audit.hash is 'Hash of that event; another hash at its position means another log, and restarts the audit';
comment on column ledger.self_audit.newest is 'Greatest stream id up to that position';
comment on column ledger.self_audit.renewed_at is 'Time at which a range was last folded again';
comment on column ledger.self_audit.began_at is 'Start of the latest round';
comment on column ledger.self_audit.began_position is 'Head of the log at the start of the latest round, which covers at least all earlier events';
comment on column ledger.self_audit.next is 'First id of the next range of the latest round; null: the round is finished';
comment on column ledger.self_audit.round_rows is 'Rows compared in the latest round so far';
comment on column ledger.self_audit.round_seconds is 'Seconds of work in the latest round so far';
comment on column ledger.self_audit.round_bad_position is 'Lowest position of a divergence in the latest round so far';
comment on column ledger.self_audit.round_reason is 'Description of that divergence';
comment on column ledger.self_audit.finished_at is 'End of the last complete round; null: none is complete yet';
comment on column ledger.self_audit.finished_position is 'Head of the log at the start of that round';
comment on column ledger.self_audit.rows is 'Rows of views and of seat counts compared in that round';
comment on column ledger.self_audit.seconds is 'Seconds of work in that round';
comment on column ledger.self_audit.first_bad_position is
    'Lowest position at which views diverge from the log; past the head: a row without events; null: no divergence';
comment on column ledger.self_audit.reason is 'Description of that divergence';
comment on column ledger.self_audit.bad_since is 'Time at which a divergence was first found';

comment on table ledger.audited_ranges is
    'Digests of the view rows for ranges of stream ids, computed from the log and never from the views';
comment on column ledger.audited_ranges.first is 'Smallest id of the range';
comment on column ledger.audited_ranges.last is 'Greatest id of the range';
comment on column ledger.audited_ranges.rows is 'Number of rows';
comment on column ledger.audited_ranges.digest is 'Sum of the hashes of the rows';
comment on column ledger.audited_ranges.renewed_at is 'Time at which the streams of the range were last folded from their first events';
comment on table ledger.audited_seats is 'Seat counts computed from the log and never from ledger.seats';
comment on column ledger.audited_seats.position is 'Position of the last event of the flight or of its bookings';

comment on table ledger.people is 'Sealed names by pseudonym; for an erased person, only the pseudonym is left';
comment on column ledger.people.person is
    'Pseudonym; for a person from before pseudonyms, the name that the log contains';
comment on column ledger.people.lookup is 'HMAC-SHA256 of the name, under a key derived from the master key';
comment on column ledger.people.wrapped_key is 'Key of the person, encrypted by AES-SIV under a key derived from the master key';
comment on column ledger.people.sealed_name is 'Name, encrypted by AES-SIV under the key of the person';
comment on table ledger.forgotten is 'Erasures: pseudonym, time, and the account that ran the command';
comment on column ledger.forgotten.forgotten_by is 'Operating system account that ran the command';
