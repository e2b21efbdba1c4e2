-- role seatledger_analyst
-- role seatledger_auditor
-- role seatledger_writer
-- member of seatledger_writer
-- schema analytics
-- schema analytics_store
-- schema ledger
-- schema views
-- facts table analytics_store.bookings
-- facts table analytics_store.flights
-- facts table analytics_store.payments
-- facts table analytics_store.refunds
-- facts table analytics_store.seat_changes
-- facts view analytics.bookings
-- facts view analytics.checkpoints
-- facts view analytics.daily_sales
-- facts view analytics.expiry_rates
-- facts view analytics.flights
-- facts view analytics.funnel
-- facts view analytics.load_factor
-- facts view analytics.payment_outcomes
-- facts view analytics.payments
-- facts view analytics.refund_ageing
-- facts view analytics.refunds
-- facts view analytics.refusal_rates
-- facts view analytics.refusals
-- facts view analytics.seat_changes
-- facts view analytics.seats_over_time
-- index analytics_store.builds_live: UNIQUE USING btree (projection) WHERE live
-- index analytics_store.builds_pkey: UNIQUE USING btree (projection, build)
-- index ledger.audited_ranges_pkey: UNIQUE USING btree (first)
-- index ledger.audited_seats_pkey: UNIQUE USING btree (flight_id)
-- index ledger.checkpoint_refusals_pkey: UNIQUE USING btree (at)
-- index ledger.checkpoints_pkey: UNIQUE USING btree ("position", key)
-- index ledger.commands_first_position: USING btree (first_position) WHERE (first_position IS NOT NULL)
-- index ledger.commands_pkey: UNIQUE USING btree (actor, operation, key)
-- index ledger.commands_refused: USING btree (recorded_at) WHERE (first_position IS NULL)
-- index ledger.events_actor_operation_causation_id_ordinal_key: UNIQUE USING btree (actor, operation, causation_id, ordinal)
-- index ledger.events_originator_id_originator_version_key: UNIQUE USING btree (originator_id, originator_version)
-- index ledger.events_pkey: UNIQUE USING btree ("position")
-- index ledger.forgotten_pkey: UNIQUE USING btree (person)
-- index ledger.heartbeats_pkey: UNIQUE USING btree (name)
-- index ledger.job_runs_pkey: UNIQUE USING btree (job, slot)
-- index ledger.jobs_pkey: UNIQUE USING btree (job)
-- index ledger.migrations_pkey: UNIQUE USING btree (version)
-- index ledger.people_lookup_key: UNIQUE USING btree (lookup)
-- index ledger.people_pkey: UNIQUE USING btree (person)
-- index ledger.published_pkey: UNIQUE USING btree (sink, "position")
-- index ledger.seats_pkey: UNIQUE USING btree (flight_id)
-- index ledger.secrets_pkey: UNIQUE USING btree (name)
-- index ledger.self_audit_pkey: UNIQUE USING btree (one)
-- index ledger.task_failures_pkey: UNIQUE USING btree (task)
-- index ledger.tiles_pkey: UNIQUE USING btree (level, index)
-- index views.bookings_by_flight: USING btree (flight_id, id)
-- index views.bookings_by_user: USING btree (user_id, id)
-- index views.bookings_pending: USING btree (id) WHERE (status = 'pending'::text)
-- index views.bookings_pkey: UNIQUE USING btree (id)
-- index views.flights_by_currency: USING btree (price_currency, price_amount, id)
-- index views.flights_by_departure: USING btree (departs_at, id)
-- index views.flights_by_route: USING btree (origin, destination, departure_day)
-- index views.flights_number_origin_departure_day_key: UNIQUE USING btree (number, origin, departure_day)
-- index views.flights_pkey: UNIQUE USING btree (id)
-- index views.gateway_tasks: USING btree (id) WHERE (gateway_task IS NOT NULL)
-- index views.holds_by_expiry: USING btree (held_until, id) WHERE (held_until IS NOT NULL)
-- index views.holds_by_flight: USING btree (flight_id, held_until) WHERE (held_until IS NOT NULL)
-- index views.refunds_by_booking: USING btree (booking_id)
-- index views.refunds_open: USING btree (status, id) WHERE (settled_at IS NULL)
-- index views.refunds_pkey: UNIQUE USING btree (id)
-- index views.unpaid_holds_by_user: USING btree (user_id, held_until) WHERE (status = 'initiated'::text)
-- index views.waiting_by_flight: USING btree (flight_id, joined_at, id)
-- index views.waiting_by_joining: USING btree (joined_at, id)
-- index views.waiting_by_user: USING btree (user_id, joined_at, id)
-- index views.waiting_line: USING btree (flight_id, joined_at, id) WHERE (status = 'waiting'::text)
-- index views.waiting_once: UNIQUE USING btree (flight_id, user_id) WHERE (status = 'waiting'::text)
-- index views.waiting_pkey: UNIQUE USING btree (id)
-- table analytics_store.builds
-- table ledger.audited_ranges
-- table ledger.audited_seats
-- table ledger.checkpoint_refusals
-- table ledger.checkpoints
-- table ledger.commands
-- table ledger.events
-- table ledger.forgotten
-- table ledger.head
-- table ledger.heartbeats
-- table ledger.job_runs
-- table ledger.jobs
-- table ledger.migrations
-- table ledger.people
-- table ledger.published
-- table ledger.seats
-- table ledger.secrets
-- table ledger.self_audit
-- table ledger.task_failures
-- table ledger.tiles
-- table views.bookings
-- table views.flights
-- table views.refunds
-- table views.waiting
-- column analytics_store.builds."position": bigint not null
-- column analytics_store.builds.build: integer not null
-- column analytics_store.builds.error: text
-- column analytics_store.builds.hash: bytea
-- column analytics_store.builds.live: boolean not null
-- column analytics_store.builds.parked_at: timestamp with time zone
-- column analytics_store.builds.parked_position: bigint
-- column analytics_store.builds.projection: text not null
-- column analytics_store.builds.recorded_at: timestamp with time zone
-- column analytics_store.builds.version: integer not null
-- column analytics_store.builds.written_at: timestamp with time zone
-- column ledger.audited_ranges.digest: numeric not null
-- column ledger.audited_ranges.first: uuid not null
-- column ledger.audited_ranges.last: uuid not null
-- column ledger.audited_ranges.renewed_at: timestamp with time zone not null
-- column ledger.audited_ranges.rows: bigint not null
-- column ledger.audited_seats."position": bigint not null
-- column ledger.audited_seats.booked: integer not null
-- column ledger.audited_seats.flight_id: uuid not null
-- column ledger.audited_seats.held: integer not null
-- column ledger.audited_seats.seats: integer not null
-- column ledger.checkpoint_refusals.at: timestamp with time zone not null
-- column ledger.checkpoint_refusals.reason: text
-- column ledger.checkpoints."position": bigint not null
-- column ledger.checkpoints."time": timestamp with time zone not null
-- column ledger.checkpoints.hash: bytea not null
-- column ledger.checkpoints.key: text not null
-- column ledger.checkpoints.root: bytea not null
-- column ledger.checkpoints.signature: bytea not null
-- column ledger.commands.actor: text not null
-- column ledger.commands.body: text not null
-- column ledger.commands.correlation_id: text not null
-- column ledger.commands.fingerprint: bytea not null
-- column ledger.commands.first_position: bigint
-- column ledger.commands.key: text not null
-- column ledger.commands.last_position: bigint not null
-- column ledger.commands.operation: text not null
-- column ledger.commands.recorded_at: timestamp with time zone not null
-- column ledger.commands.status: smallint not null
-- column ledger.commands.subject_id: uuid
-- column ledger.commands.version: integer not null
-- column ledger.events."position": bigint not null
-- column ledger.events.actor: text not null
-- column ledger.events.causation_id: text not null
-- column ledger.events.command_hash: bytea not null
-- column ledger.events.correlation_id: text not null
-- column ledger.events.hash: bytea not null
-- column ledger.events.operation: text not null
-- column ledger.events.ordinal: smallint not null
-- column ledger.events.originator_id: uuid not null
-- column ledger.events.originator_version: integer not null
-- column ledger.events.recorded_at: timestamp with time zone not null
-- column ledger.events.state: text not null
-- column ledger.events.topic: text not null
-- column ledger.events.traceparent: text not null
-- column ledger.forgotten.forgotten_at: timestamp with time zone not null
-- column ledger.forgotten.forgotten_by: text not null
-- column ledger.forgotten.person: text not null
-- column ledger.head.one: boolean not null
-- column ledger.heartbeats.at: timestamp with time zone not null
-- column ledger.heartbeats.name: text not null
-- column ledger.job_runs.done: integer not null
-- column ledger.job_runs.finished_at: timestamp with time zone not null
-- column ledger.job_runs.job: text not null
-- column ledger.job_runs.slot: timestamp with time zone not null
-- column ledger.jobs.job: text not null
-- column ledger.migrations.applied_at: timestamp with time zone not null
-- column ledger.migrations.name: text not null
-- column ledger.migrations.sha256: text not null
-- column ledger.migrations.version: integer not null
-- column ledger.people.first_seen_at: timestamp with time zone not null
-- column ledger.people.forgotten_at: timestamp with time zone
-- column ledger.people.lookup: bytea
-- column ledger.people.person: text not null
-- column ledger.people.sealed_name: text
-- column ledger.people.wrapped_key: text
-- column ledger.published."position": bigint not null
-- column ledger.published.sink: text not null
-- column ledger.seats.booked: integer not null
-- column ledger.seats.flight_id: uuid not null
-- column ledger.seats.held: integer not null
-- column ledger.seats.seats: integer not null
-- column ledger.secrets.name: text not null
-- column ledger.secrets.value: text not null
-- column ledger.self_audit."position": bigint not null
-- column ledger.self_audit.bad_since: timestamp with time zone
-- column ledger.self_audit.began_at: timestamp with time zone
-- column ledger.self_audit.began_position: bigint
-- column ledger.self_audit.finished_at: timestamp with time zone
-- column ledger.self_audit.finished_position: bigint
-- column ledger.self_audit.first_bad_position: bigint
-- column ledger.self_audit.hash: bytea
-- column ledger.self_audit.newest: uuid not null
-- column ledger.self_audit.next: uuid
-- column ledger.self_audit.one: boolean not null
-- column ledger.self_audit.reason: text
-- column ledger.self_audit.renewed_at: timestamp with time zone
-- column ledger.self_audit.round_bad_position: bigint
-- column ledger.self_audit.round_reason: text
-- column ledger.self_audit.round_rows: bigint not null
-- column ledger.self_audit.round_seconds: real not null
-- column ledger.self_audit.rows: bigint
-- column ledger.self_audit.seconds: real
-- column ledger.task_failures.error: text
-- column ledger.task_failures.failed_at: timestamp with time zone not null
-- column ledger.task_failures.failures: bigint not null
-- column ledger.task_failures.task: text not null
-- column ledger.tiles.hashes: bytea not null
-- column ledger.tiles.index: bigint not null
-- column ledger.tiles.level: smallint not null
-- column ledger.tiles.root: bytea not null
-- column views.bookings.cancel_reason: text
-- column views.bookings.cost_amount: bigint not null
-- column views.bookings.cost_currency: text not null
-- column views.bookings.created_at: timestamp with time zone not null
-- column views.bookings.expires_at: timestamp with time zone not null
-- column views.bookings.flight_id: uuid not null
-- column views.bookings.gateway_task: text
-- column views.bookings.held_until: timestamp with time zone
-- column views.bookings.id: uuid not null
-- column views.bookings.payment_id: uuid
-- column views.bookings.payment_status: text
-- column views.bookings.seats: smallint not null
-- column views.bookings.status: text not null
-- column views.bookings.updated_at: timestamp with time zone not null
-- column views.bookings.user_id: text not null
-- column views.bookings.version: integer not null
-- column views.flights.arrives_at: timestamp with time zone not null
-- column views.flights.cancelled: boolean not null
-- column views.flights.departs_at: timestamp with time zone not null
-- column views.flights.departure_day: date not null
-- column views.flights.destination: text not null
-- column views.flights.id: uuid not null
-- column views.flights.number: text not null
-- column views.flights.origin: text not null
-- column views.flights.price_amount: bigint not null
-- column views.flights.price_currency: text not null
-- column views.flights.seats: integer not null
-- column views.flights.version: integer not null
-- column views.refunds.amount: bigint not null
-- column views.refunds.booking_id: uuid not null
-- column views.refunds.charge: text
-- column views.refunds.currency: text not null
-- column views.refunds.due_at: timestamp with time zone not null
-- column views.refunds.flight_id: uuid not null
-- column views.refunds.gateway: text
-- column views.refunds.id: uuid not null
-- column views.refunds.payment_id: uuid not null
-- column views.refunds.reason: text not null
-- column views.refunds.reference: text
-- column views.refunds.refusal: text
-- column views.refunds.requested_at: timestamp with time zone
-- column views.refunds.settled_at: timestamp with time zone
-- column views.refunds.status: text not null generated  CASE WHEN (settled_at IS NOT NULL) THEN 'settled'::text WHEN ((requested_at IS NOT NULL) AND (refusal IS NULL)) THEN 'requested'::text ELSE 'due'::text END
-- column views.refunds.user_id: text not null
-- column views.waiting.booking_id: uuid
-- column views.waiting.flight_id: uuid not null
-- column views.waiting.id: uuid not null
-- column views.waiting.joined_at: timestamp with time zone not null
-- column views.waiting.offer_expires_at: timestamp with time zone
-- column views.waiting.seats: smallint not null
-- column views.waiting.status: text not null
-- column views.waiting.user_id: text not null
-- column views.waiting.version: integer not null
-- constraint audited_ranges_pkey of ledger.audited_ranges: PRIMARY KEY (first)
-- constraint audited_seats_pkey of ledger.audited_seats: PRIMARY KEY (flight_id)
-- constraint bookings_pkey of views.bookings: PRIMARY KEY (id)
-- constraint builds_pkey of analytics_store.builds: PRIMARY KEY (projection, build)
-- constraint checkpoint_refusals_pkey of ledger.checkpoint_refusals: PRIMARY KEY (at)
-- constraint checkpoints_pkey of ledger.checkpoints: PRIMARY KEY ("position", key)
-- constraint checkpoints_position_check of ledger.checkpoints: CHECK (("position" > 0))
-- constraint commands_pkey of ledger.commands: PRIMARY KEY (actor, operation, key)
-- constraint events_actor_operation_causation_id_ordinal_key of ledger.events: UNIQUE (actor, operation, causation_id, ordinal)
-- constraint events_ordinal_check of ledger.events: CHECK ((ordinal > 0))
-- constraint events_originator_id_originator_version_key of ledger.events: UNIQUE (originator_id, originator_version)
-- constraint events_originator_version_check of ledger.events: CHECK ((originator_version > 0))
-- constraint events_pkey of ledger.events: PRIMARY KEY ("position")
-- constraint flights_number_origin_departure_day_key of views.flights: UNIQUE (number, origin, departure_day)
-- constraint flights_pkey of views.flights: PRIMARY KEY (id)
-- constraint forgotten_pkey of ledger.forgotten: PRIMARY KEY (person)
-- constraint head_one_check of ledger.head: CHECK (one)
-- constraint heartbeats_pkey of ledger.heartbeats: PRIMARY KEY (name)
-- constraint job_runs_pkey of ledger.job_runs: PRIMARY KEY (job, slot)
-- constraint jobs_pkey of ledger.jobs: PRIMARY KEY (job)
-- constraint migrations_pkey of ledger.migrations: PRIMARY KEY (version)
-- constraint people_check of ledger.people: CHECK (((forgotten_at IS NULL) = (lookup IS NOT NULL)))
-- constraint people_check1 of ledger.people: CHECK (((forgotten_at IS NULL) = (wrapped_key IS NOT NULL)))
-- constraint people_check2 of ledger.people: CHECK (((forgotten_at IS NULL) = (sealed_name IS NOT NULL)))
-- constraint people_lookup_key of ledger.people: UNIQUE (lookup)
-- constraint people_pkey of ledger.people: PRIMARY KEY (person)
-- constraint published_pkey of ledger.published: PRIMARY KEY (sink, "position")
-- constraint refunds_pkey of views.refunds: PRIMARY KEY (id)
-- constraint seats_booked_check of ledger.seats: CHECK ((booked >= 0))
-- constraint seats_check of ledger.seats: CHECK (((held + booked) <= seats))
-- constraint seats_held_check of ledger.seats: CHECK ((held >= 0))
-- constraint seats_pkey of ledger.seats: PRIMARY KEY (flight_id)
-- constraint seats_seats_check of ledger.seats: CHECK ((seats >= 0))
-- constraint secrets_pkey of ledger.secrets: PRIMARY KEY (name)
-- constraint self_audit_one_check of ledger.self_audit: CHECK (one)
-- constraint self_audit_pkey of ledger.self_audit: PRIMARY KEY (one)
-- constraint task_failures_pkey of ledger.task_failures: PRIMARY KEY (task)
-- constraint tiles_hashes_check of ledger.tiles: CHECK ((length(hashes) = 8192))
-- constraint tiles_index_check of ledger.tiles: CHECK ((index >= 0))
-- constraint tiles_level_check of ledger.tiles: CHECK ((level >= 0))
-- constraint tiles_pkey of ledger.tiles: PRIMARY KEY (level, index)
-- constraint tiles_root_check of ledger.tiles: CHECK ((length(root) = 32))
-- constraint waiting_pkey of views.waiting: PRIMARY KEY (id)
-- function ledger.refuse_change: 07fbf502ef298a47a256b2d29d539240229322e1cf6da86388d873ba8079086d
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON ledger.people FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.checkpoint_refusals FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.commands FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.events FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.forgotten FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.head FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.published FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.tiles FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()
grant usage on schema analytics to seatledger_analyst
grant usage on schema analytics to seatledger_writer
grant usage on schema analytics_store to seatledger_writer
grant usage on schema ledger to seatledger_auditor
grant usage on schema ledger to seatledger_writer
grant usage on schema views to seatledger_auditor
grant usage on schema views to seatledger_writer
-- facts grant insert on analytics_store.bookings to seatledger_writer
-- facts grant insert on analytics_store.flights to seatledger_writer
-- facts grant insert on analytics_store.payments to seatledger_writer
-- facts grant insert on analytics_store.refunds to seatledger_writer
-- facts grant insert on analytics_store.seat_changes to seatledger_writer
-- facts grant select on analytics.bookings to seatledger_analyst
-- facts grant select on analytics.bookings to seatledger_writer
-- facts grant select on analytics.checkpoints to seatledger_analyst
-- facts grant select on analytics.checkpoints to seatledger_writer
-- facts grant select on analytics.daily_sales to seatledger_analyst
-- facts grant select on analytics.daily_sales to seatledger_writer
-- facts grant select on analytics.expiry_rates to seatledger_analyst
-- facts grant select on analytics.expiry_rates to seatledger_writer
-- facts grant select on analytics.flights to seatledger_analyst
-- facts grant select on analytics.flights to seatledger_writer
-- facts grant select on analytics.funnel to seatledger_analyst
-- facts grant select on analytics.funnel to seatledger_writer
-- facts grant select on analytics.load_factor to seatledger_analyst
-- facts grant select on analytics.load_factor to seatledger_writer
-- facts grant select on analytics.payment_outcomes to seatledger_analyst
-- facts grant select on analytics.payment_outcomes to seatledger_writer
-- facts grant select on analytics.payments to seatledger_analyst
-- facts grant select on analytics.payments to seatledger_writer
-- facts grant select on analytics.refund_ageing to seatledger_analyst
-- facts grant select on analytics.refund_ageing to seatledger_writer
-- facts grant select on analytics.refunds to seatledger_analyst
-- facts grant select on analytics.refunds to seatledger_writer
-- facts grant select on analytics.refusal_rates to seatledger_analyst
-- facts grant select on analytics.refusal_rates to seatledger_writer
-- facts grant select on analytics.refusals to seatledger_analyst
-- facts grant select on analytics.refusals to seatledger_writer
-- facts grant select on analytics.seat_changes to seatledger_analyst
-- facts grant select on analytics.seat_changes to seatledger_writer
-- facts grant select on analytics.seats_over_time to seatledger_analyst
-- facts grant select on analytics.seats_over_time to seatledger_writer
-- facts grant select on analytics_store.bookings to seatledger_writer
-- facts grant select on analytics_store.flights to seatledger_writer
-- facts grant select on analytics_store.payments to seatledger_writer
-- facts grant select on analytics_store.refunds to seatledger_writer
-- facts grant select on analytics_store.seat_changes to seatledger_writer
-- facts grant update on analytics_store.bookings to seatledger_writer
-- facts grant update on analytics_store.flights to seatledger_writer
-- facts grant update on analytics_store.payments to seatledger_writer
-- facts grant update on analytics_store.refunds to seatledger_writer
-- facts grant update on analytics_store.seat_changes to seatledger_writer
grant delete on ledger.audited_ranges to seatledger_writer
grant delete on ledger.audited_seats to seatledger_writer
grant insert on ledger.audited_ranges to seatledger_writer
grant insert on ledger.audited_seats to seatledger_writer
grant insert on ledger.checkpoint_refusals to seatledger_writer
grant insert on ledger.checkpoints to seatledger_writer
grant insert on ledger.commands to seatledger_writer
grant insert on ledger.events to seatledger_writer
grant insert on ledger.forgotten to seatledger_writer
grant insert on ledger.heartbeats to seatledger_writer
grant insert on ledger.job_runs to seatledger_writer
grant insert on ledger.jobs to seatledger_writer
grant insert on ledger.people to seatledger_writer
grant insert on ledger.published to seatledger_writer
grant insert on ledger.seats to seatledger_writer
grant insert on ledger.self_audit to seatledger_writer
grant insert on ledger.task_failures to seatledger_writer
grant insert on ledger.tiles to seatledger_writer
grant insert on views.bookings to seatledger_writer
grant insert on views.flights to seatledger_writer
grant insert on views.refunds to seatledger_writer
grant insert on views.waiting to seatledger_writer
grant select on analytics_store.builds to seatledger_writer
grant select on ledger.audited_ranges to seatledger_auditor
grant select on ledger.audited_ranges to seatledger_writer
grant select on ledger.audited_seats to seatledger_auditor
grant select on ledger.audited_seats to seatledger_writer
grant select on ledger.checkpoint_refusals to seatledger_writer
grant select on ledger.checkpoints to seatledger_writer
grant select on ledger.commands to seatledger_auditor
grant select on ledger.commands to seatledger_writer
grant select on ledger.events to seatledger_auditor
grant select on ledger.events to seatledger_writer
grant select on ledger.forgotten to seatledger_auditor
grant select on ledger.forgotten to seatledger_writer
grant select on ledger.head to seatledger_writer
grant select on ledger.heartbeats to seatledger_writer
grant select on ledger.job_runs to seatledger_writer
grant select on ledger.jobs to seatledger_writer
grant select on ledger.migrations to seatledger_writer
grant select on ledger.people to seatledger_writer
grant select on ledger.published to seatledger_writer
grant select on ledger.seats to seatledger_writer
grant select on ledger.secrets to seatledger_writer
grant select on ledger.self_audit to seatledger_auditor
grant select on ledger.self_audit to seatledger_writer
grant select on ledger.task_failures to seatledger_auditor
grant select on ledger.task_failures to seatledger_writer
grant select on ledger.tiles to seatledger_writer
grant select on views.bookings to seatledger_auditor
grant select on views.bookings to seatledger_writer
grant select on views.flights to seatledger_auditor
grant select on views.flights to seatledger_writer
grant select on views.refunds to seatledger_auditor
grant select on views.refunds to seatledger_writer
grant select on views.waiting to seatledger_auditor
grant select on views.waiting to seatledger_writer
grant update on analytics_store.builds to seatledger_writer
grant update on ledger.audited_ranges to seatledger_writer
grant update on ledger.audited_seats to seatledger_writer
grant update on ledger.head to seatledger_writer
grant update on ledger.heartbeats to seatledger_writer
grant update on ledger.jobs to seatledger_writer
grant update on ledger.people to seatledger_writer
grant update on ledger.seats to seatledger_writer
grant update on ledger.self_audit to seatledger_writer
grant update on ledger.task_failures to seatledger_writer
grant update on views.bookings to seatledger_writer
grant update on views.flights to seatledger_writer
grant update on views.refunds to seatledger_writer
grant update on views.waiting to seatledger_writer
