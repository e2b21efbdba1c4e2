-- role seatledger_analyst
-- role seatledger_auditor
-- role seatledger_writer
-- member of seatledger_writer
-- schema ledger
-- facts table ledger.facts_bookings
-- facts table ledger.facts_flights
-- facts table ledger.facts_payments
-- facts table ledger.facts_refunds
-- facts table ledger.facts_seat_changes
-- facts view ledger.analytics_bookings
-- facts view ledger.analytics_checkpoints
-- facts view ledger.analytics_daily_sales
-- facts view ledger.analytics_expiry_rates
-- facts view ledger.analytics_flights
-- facts view ledger.analytics_funnel
-- facts view ledger.analytics_load_factor
-- facts view ledger.analytics_payment_outcomes
-- facts view ledger.analytics_payments
-- facts view ledger.analytics_refund_ageing
-- facts view ledger.analytics_refunds
-- facts view ledger.analytics_refusal_rates
-- facts view ledger.analytics_refusals
-- facts view ledger.analytics_seat_changes
-- facts view ledger.analytics_seats_over_time
-- index ledger.audited_ranges_pkey: UNIQUE USING btree (first)
-- index ledger.audited_seats_pkey: UNIQUE USING btree (flight_id)
-- index ledger.bookings_by_change: USING btree (updated_at, id)
-- index ledger.bookings_by_flight: USING btree (flight_id, id)
-- index ledger.bookings_by_itinerary: USING btree (itinerary_id, id) WHERE (itinerary_id IS NOT NULL)
-- index ledger.bookings_by_payment: USING btree (payment_id) WHERE (payment_id IS NOT NULL)
-- index ledger.bookings_by_user: USING btree (user_id, id)
-- index ledger.bookings_pending: USING btree (id) WHERE (status = 'pending'::text)
-- index ledger.bookings_pkey: UNIQUE USING btree (id)
-- index ledger.checkpoint_refusals_pkey: UNIQUE USING btree (at)
-- index ledger.checkpoints_pkey: UNIQUE USING btree ("position", key)
-- index ledger.commands_first_position: USING btree (first_position) WHERE (first_position IS NOT NULL)
-- index ledger.commands_pkey: UNIQUE USING btree (actor, operation, key)
-- index ledger.commands_refused: USING btree (recorded_at) WHERE (first_position IS NULL)
-- index ledger.events_actor_operation_causation_id_ordinal_key: UNIQUE USING btree (actor, operation, causation_id, ordinal)
-- index ledger.events_originator_id_originator_version_key: UNIQUE USING btree (originator_id, originator_version)
-- index ledger.events_pkey: UNIQUE USING btree ("position")
-- index ledger.facts_builds_live: UNIQUE USING btree (projection) WHERE live
-- index ledger.facts_builds_pkey: UNIQUE USING btree (projection, build)
-- index ledger.flights_by_currency: USING btree (price_currency, price_amount, id)
-- index ledger.flights_by_departure: USING btree (departs_at, id)
-- index ledger.flights_by_route: USING btree (origin, destination, departure_day)
-- index ledger.flights_number_origin_departure_day_key: UNIQUE USING btree (number, origin, departure_day)
-- index ledger.flights_pkey: UNIQUE USING btree (id)
-- index ledger.forgotten_pkey: UNIQUE USING btree (person)
-- index ledger.gateway_tasks: USING btree (id) WHERE (gateway_task IS NOT NULL)
-- index ledger.head_pkey: UNIQUE USING btree (one)
-- index ledger.heartbeats_pkey: UNIQUE USING btree (name)
-- index ledger.holds_by_expiry: USING btree (held_until, id) WHERE (held_until IS NOT NULL)
-- index ledger.holds_by_flight: USING btree (flight_id, held_until) WHERE (held_until IS NOT NULL)
-- index ledger.itineraries_by_user: USING btree (user_id, itinerary_id) WHERE (itinerary_id IS NOT NULL)
-- index ledger.job_runs_pkey: UNIQUE USING btree (job, slot)
-- index ledger.jobs_pkey: UNIQUE USING btree (job)
-- index ledger.migrations_pkey: UNIQUE USING btree (version)
-- index ledger.moves_by_flight: USING btree (((((state)::jsonb ->> 'from_flight_id'::text))::uuid)) WHERE (topic = 'booking.moved'::text)
-- index ledger.passenger_names_by_booking: USING btree (booking_id)
-- index ledger.passenger_names_pkey: UNIQUE USING btree (lookup, booking_id)
-- index ledger.people_lookup_key: UNIQUE USING btree (lookup)
-- index ledger.people_pkey: UNIQUE USING btree (person)
-- index ledger.published_pkey: UNIQUE USING btree (sink, "position")
-- index ledger.refunds_by_booking: USING btree (booking_id)
-- index ledger.refunds_open: USING btree (status, id) WHERE (settled_at IS NULL)
-- index ledger.refunds_pkey: UNIQUE USING btree (id)
-- index ledger.sandbox_pkey: UNIQUE USING btree (one)
-- index ledger.seats_pkey: UNIQUE USING btree (flight_id)
-- index ledger.secrets_pkey: UNIQUE USING btree (name)
-- index ledger.self_audit_pkey: UNIQUE USING btree (one)
-- index ledger.task_failures_pkey: UNIQUE USING btree (task)
-- index ledger.tiles_pkey: UNIQUE USING btree (level, index)
-- index ledger.unpaid_holds_by_user: USING btree (user_id, held_until) WHERE (status = 'initiated'::text)
-- index ledger.waiting_by_flight: USING btree (flight_id, joined_at, id)
-- index ledger.waiting_by_joining: USING btree (joined_at, id)
-- index ledger.waiting_by_user: USING btree (user_id, joined_at, id)
-- index ledger.waiting_line: USING btree (flight_id, joined_at, id) WHERE (status = 'waiting'::text)
-- index ledger.waiting_once: UNIQUE USING btree (flight_id, user_id) WHERE (status = 'waiting'::text)
-- index ledger.waiting_pkey: UNIQUE USING btree (id)
-- index ledger.webhook_deliveries_due: USING btree (webhook_id, due_at) WHERE is_first
-- index ledger.webhook_deliveries_log: USING btree (webhook_id, created_at, "position")
-- index ledger.webhook_deliveries_parked: USING btree (webhook_id, "position") WHERE (state = 'parked'::text)
-- index ledger.webhook_deliveries_pkey: UNIQUE USING btree (webhook_id, "position")
-- index ledger.webhook_deliveries_waiting: USING btree (webhook_id, stream_id, "position") WHERE (state = 'waiting'::text)
-- index ledger.webhook_outcomes_pkey: UNIQUE USING btree (caller, operation, key)
-- index ledger.webhook_progress_pkey: UNIQUE USING btree (one)
-- index ledger.webhooks_by_user: USING btree (user_lookup) WHERE (user_lookup IS NOT NULL)
-- index ledger.webhooks_pkey: UNIQUE USING btree (id)
-- table ledger.audited_ranges
-- table ledger.audited_seats
-- table ledger.bookings
-- table ledger.checkpoint_refusals
-- table ledger.checkpoints
-- table ledger.commands
-- table ledger.events
-- table ledger.facts_builds
-- table ledger.flights
-- table ledger.forgotten
-- table ledger.head
-- table ledger.heartbeats
-- table ledger.job_runs
-- table ledger.jobs
-- table ledger.migrations
-- table ledger.passenger_names
-- table ledger.people
-- table ledger.published
-- table ledger.refunds
-- table ledger.sandbox
-- table ledger.seats
-- table ledger.secrets
-- table ledger.self_audit
-- table ledger.task_failures
-- table ledger.tiles
-- table ledger.waiting
-- table ledger.webhook_deliveries
-- table ledger.webhook_outcomes
-- table ledger.webhook_progress
-- table ledger.webhooks
-- column ledger.audited_ranges.digest: numeric not null
-- column ledger.audited_ranges.first: uuid not null
-- column ledger.audited_ranges.last: uuid not null
-- column ledger.audited_ranges.renewed_at: timestamp with time zone not null
-- column ledger.audited_ranges.rows: bigint not null
-- column ledger.audited_seats."position": bigint not null
-- column ledger.audited_seats.booked: integer not null
-- column ledger.audited_seats.flight_id: uuid not null
-- column ledger.audited_seats.held: integer not null
-- column ledger.audited_seats.overbooking: integer not null
-- column ledger.audited_seats.seats: integer not null
-- column ledger.bookings.cancel_reason: text
-- column ledger.bookings.cancellation_policy: text
-- column ledger.bookings.cost_amount: bigint not null
-- column ledger.bookings.cost_currency: text not null
-- column ledger.bookings.cost_parts: text
-- column ledger.bookings.created_at: timestamp with time zone not null
-- column ledger.bookings.expires_at: timestamp with time zone not null
-- column ledger.bookings.flight_id: uuid not null
-- column ledger.bookings.gateway_task: text
-- column ledger.bookings.held_until: timestamp with time zone
-- column ledger.bookings.id: uuid not null
-- column ledger.bookings.itinerary_id: uuid
-- column ledger.bookings.passengers: text
-- column ledger.bookings.payment_id: uuid
-- column ledger.bookings.payment_status: text
-- column ledger.bookings.schedule_change: text
-- column ledger.bookings.seats: smallint not null
-- column ledger.bookings.split_from: uuid
-- column ledger.bookings.status: text not null
-- column ledger.bookings.travel: text
-- column ledger.bookings.updated_at: timestamp with time zone not null
-- column ledger.bookings.user_id: text not null
-- column ledger.bookings.version: integer not null
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
-- column ledger.facts_builds."position": bigint not null
-- column ledger.facts_builds.build: integer not null
-- column ledger.facts_builds.error: text
-- column ledger.facts_builds.hash: bytea
-- column ledger.facts_builds.live: boolean not null
-- column ledger.facts_builds.parked_at: timestamp with time zone
-- column ledger.facts_builds.parked_position: bigint
-- column ledger.facts_builds.projection: text not null
-- column ledger.facts_builds.recorded_at: timestamp with time zone
-- column ledger.facts_builds.version: integer not null
-- column ledger.facts_builds.written_at: timestamp with time zone
-- column ledger.flights.arrives_at: timestamp with time zone not null
-- column ledger.flights.cancellation_policy: text
-- column ledger.flights.cancelled: boolean not null
-- column ledger.flights.departed_at: timestamp with time zone
-- column ledger.flights.departs_at: timestamp with time zone not null
-- column ledger.flights.departure_day: date not null
-- column ledger.flights.destination: text not null
-- column ledger.flights.id: uuid not null
-- column ledger.flights.number: text not null
-- column ledger.flights.origin: text not null
-- column ledger.flights.overbooking: integer not null
-- column ledger.flights.price_amount: bigint not null
-- column ledger.flights.price_currency: text not null
-- column ledger.flights.price_parts: text
-- column ledger.flights.seats: integer not null
-- column ledger.flights.version: integer not null
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
-- column ledger.passenger_names.booking_id: uuid not null
-- column ledger.passenger_names.lookup: bytea not null
-- column ledger.people.first_seen_at: timestamp with time zone not null
-- column ledger.people.forgotten_at: timestamp with time zone
-- column ledger.people.lookup: bytea
-- column ledger.people.person: text not null
-- column ledger.people.sealed_name: text
-- column ledger.people.wrapped_key: text
-- column ledger.published."position": bigint not null
-- column ledger.published.sink: text not null
-- column ledger.refunds.amount: bigint not null
-- column ledger.refunds.booking_id: uuid not null
-- column ledger.refunds.charge: text
-- column ledger.refunds.currency: text not null
-- column ledger.refunds.due_at: timestamp with time zone not null
-- column ledger.refunds.flight_id: uuid not null
-- column ledger.refunds.gateway: text
-- column ledger.refunds.id: uuid not null
-- column ledger.refunds.parts: text
-- column ledger.refunds.payment_id: uuid not null
-- column ledger.refunds.reason: text not null
-- column ledger.refunds.reference: text
-- column ledger.refunds.refusal: text
-- column ledger.refunds.requested_at: timestamp with time zone
-- column ledger.refunds.settled_at: timestamp with time zone
-- column ledger.refunds.status: text not null generated  CASE WHEN (settled_at IS NOT NULL) THEN 'settled'::text WHEN ((requested_at IS NOT NULL) AND (refusal IS NULL)) THEN 'requested'::text ELSE 'due'::text END
-- column ledger.refunds.user_id: text not null
-- column ledger.sandbox.ahead: interval not null
-- column ledger.sandbox.one: boolean not null
-- column ledger.seats.booked: integer not null
-- column ledger.seats.flight_id: uuid not null
-- column ledger.seats.held: integer not null
-- column ledger.seats.overbooking: integer not null
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
-- column ledger.waiting.booking_id: uuid
-- column ledger.waiting.flight_id: uuid not null
-- column ledger.waiting.id: uuid not null
-- column ledger.waiting.joined_at: timestamp with time zone not null
-- column ledger.waiting.offer_expires_at: timestamp with time zone
-- column ledger.waiting.seats: smallint not null
-- column ledger.waiting.status: text not null
-- column ledger.waiting.user_id: text not null
-- column ledger.waiting.version: integer not null
-- column ledger.webhook_deliveries."position": bigint not null
-- column ledger.webhook_deliveries.answer: text
-- column ledger.webhook_deliveries.answered_at: timestamp with time zone
-- column ledger.webhook_deliveries.attempts: integer not null
-- column ledger.webhook_deliveries.created_at: timestamp with time zone not null
-- column ledger.webhook_deliveries.due_at: timestamp with time zone not null
-- column ledger.webhook_deliveries.error: text
-- column ledger.webhook_deliveries.is_first: boolean not null
-- column ledger.webhook_deliveries.state: text not null
-- column ledger.webhook_deliveries.status: smallint
-- column ledger.webhook_deliveries.stream_id: uuid not null
-- column ledger.webhook_deliveries.took_ms: integer
-- column ledger.webhook_deliveries.topic: text not null
-- column ledger.webhook_deliveries.webhook_id: uuid not null
-- column ledger.webhook_outcomes.caller: bytea not null
-- column ledger.webhook_outcomes.created_at: timestamp with time zone not null
-- column ledger.webhook_outcomes.fingerprint: bytea not null
-- column ledger.webhook_outcomes.key: text not null
-- column ledger.webhook_outcomes.operation: text not null
-- column ledger.webhook_outcomes.sealed_body: text not null
-- column ledger.webhook_outcomes.status: smallint not null
-- column ledger.webhook_progress."position": bigint not null
-- column ledger.webhook_progress.delivered: bigint not null
-- column ledger.webhook_progress.failed: bigint not null
-- column ledger.webhook_progress.hash: bytea
-- column ledger.webhook_progress.one: boolean not null
-- column ledger.webhook_progress.parked: bigint not null
-- column ledger.webhook_progress.sender: uuid
-- column ledger.webhook_progress.sender_until: timestamp with time zone
-- column ledger.webhooks."position": bigint
-- column ledger.webhooks.created_at: timestamp with time zone not null
-- column ledger.webhooks.deleted_at: timestamp with time zone
-- column ledger.webhooks.event_types: text[]
-- column ledger.webhooks.gone_at: timestamp with time zone
-- column ledger.webhooks.id: uuid not null
-- column ledger.webhooks.is_enabled: boolean not null
-- column ledger.webhooks.payload: text not null
-- column ledger.webhooks.sealed_secrets: text not null
-- column ledger.webhooks.sealed_user: text
-- column ledger.webhooks.updated_at: timestamp with time zone not null
-- column ledger.webhooks.url: text not null
-- column ledger.webhooks.user_lookup: bytea
-- column ledger.webhooks.version: integer not null
-- constraint audited_ranges_pkey of ledger.audited_ranges: PRIMARY KEY (first)
-- constraint audited_seats_pkey of ledger.audited_seats: PRIMARY KEY (flight_id)
-- constraint bookings_pkey of ledger.bookings: PRIMARY KEY (id)
-- constraint checkpoint_refusals_pkey of ledger.checkpoint_refusals: PRIMARY KEY (at)
-- constraint checkpoints_pkey of ledger.checkpoints: PRIMARY KEY ("position", key)
-- constraint checkpoints_position_check of ledger.checkpoints: CHECK (("position" > 0))
-- constraint commands_pkey of ledger.commands: PRIMARY KEY (actor, operation, key)
-- constraint events_actor_operation_causation_id_ordinal_key of ledger.events: UNIQUE (actor, operation, causation_id, ordinal)
-- constraint events_ordinal_check of ledger.events: CHECK ((ordinal > 0))
-- constraint events_originator_id_originator_version_key of ledger.events: UNIQUE (originator_id, originator_version)
-- constraint events_originator_version_check of ledger.events: CHECK ((originator_version > 0))
-- constraint events_pkey of ledger.events: PRIMARY KEY ("position")
-- constraint facts_builds_pkey of ledger.facts_builds: PRIMARY KEY (projection, build)
-- constraint flights_number_origin_departure_day_key of ledger.flights: UNIQUE (number, origin, departure_day)
-- constraint flights_pkey of ledger.flights: PRIMARY KEY (id)
-- constraint forgotten_pkey of ledger.forgotten: PRIMARY KEY (person)
-- constraint head_one_check of ledger.head: CHECK (one)
-- constraint head_pkey of ledger.head: PRIMARY KEY (one)
-- constraint heartbeats_pkey of ledger.heartbeats: PRIMARY KEY (name)
-- constraint job_runs_pkey of ledger.job_runs: PRIMARY KEY (job, slot)
-- constraint jobs_pkey of ledger.jobs: PRIMARY KEY (job)
-- constraint migrations_pkey of ledger.migrations: PRIMARY KEY (version)
-- constraint passenger_names_pkey of ledger.passenger_names: PRIMARY KEY (lookup, booking_id)
-- constraint people_check of ledger.people: CHECK (((forgotten_at IS NULL) = (lookup IS NOT NULL)))
-- constraint people_check1 of ledger.people: CHECK (((forgotten_at IS NULL) = (wrapped_key IS NOT NULL)))
-- constraint people_check2 of ledger.people: CHECK (((forgotten_at IS NULL) = (sealed_name IS NOT NULL)))
-- constraint people_lookup_key of ledger.people: UNIQUE (lookup)
-- constraint people_pkey of ledger.people: PRIMARY KEY (person)
-- constraint published_pkey of ledger.published: PRIMARY KEY (sink, "position")
-- constraint refunds_pkey of ledger.refunds: PRIMARY KEY (id)
-- constraint sandbox_ahead_check of ledger.sandbox: CHECK ((ahead >= '00:00:00'::interval))
-- constraint sandbox_one_check of ledger.sandbox: CHECK (one)
-- constraint sandbox_pkey of ledger.sandbox: PRIMARY KEY (one)
-- constraint seats_booked_check of ledger.seats: CHECK ((booked >= 0))
-- constraint seats_check of ledger.seats: CHECK (((held + booked) <= (seats + overbooking)))
-- constraint seats_held_check of ledger.seats: CHECK ((held >= 0))
-- constraint seats_overbooking_check of ledger.seats: CHECK ((overbooking >= 0))
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
-- constraint waiting_pkey of ledger.waiting: PRIMARY KEY (id)
-- constraint webhook_deliveries_check of ledger.webhook_deliveries: CHECK (((state = 'waiting'::text) OR (NOT is_first)))
-- constraint webhook_deliveries_pkey of ledger.webhook_deliveries: PRIMARY KEY (webhook_id, "position")
-- constraint webhook_deliveries_state_check of ledger.webhook_deliveries: CHECK ((state = ANY (ARRAY['waiting'::text, 'delivered'::text, 'parked'::text, 'failed'::text])))
-- constraint webhook_outcomes_pkey of ledger.webhook_outcomes: PRIMARY KEY (caller, operation, key)
-- constraint webhook_progress_one_check of ledger.webhook_progress: CHECK (one)
-- constraint webhook_progress_pkey of ledger.webhook_progress: PRIMARY KEY (one)
-- constraint webhooks_payload_check of ledger.webhooks: CHECK ((payload = ANY (ARRAY['thin'::text, 'full'::text])))
-- constraint webhooks_pkey of ledger.webhooks: PRIMARY KEY (id)
-- function ledger.keep_the_kind: 33de02364d2c46fbb1690ce03a72d7dd0db3f740e2fe343592e493a7e860c042
-- function ledger.refuse_change: 07fbf502ef298a47a256b2d29d539240229322e1cf6da86388d873ba8079086d
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON ledger.people FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.checkpoint_refusals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.commands FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.forgotten FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.published FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.tiles FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE OR REPLACE TRIGGER keep_the_kind BEFORE INSERT OR DELETE OR UPDATE ON ledger.sandbox FOR EACH ROW EXECUTE FUNCTION keep_the_kind()
CREATE OR REPLACE TRIGGER keep_the_kind_whole BEFORE TRUNCATE ON ledger.sandbox FOR EACH STATEMENT EXECUTE FUNCTION keep_the_kind()
grant usage on schema ledger to seatledger_analyst
grant usage on schema ledger to seatledger_auditor
grant usage on schema ledger to seatledger_writer
-- facts grant insert on ledger.facts_bookings to seatledger_writer
-- facts grant insert on ledger.facts_flights to seatledger_writer
-- facts grant insert on ledger.facts_payments to seatledger_writer
-- facts grant insert on ledger.facts_refunds to seatledger_writer
-- facts grant insert on ledger.facts_seat_changes to seatledger_writer
-- facts grant select on ledger.analytics_bookings to seatledger_analyst
-- facts grant select on ledger.analytics_bookings to seatledger_writer
-- facts grant select on ledger.analytics_checkpoints to seatledger_analyst
-- facts grant select on ledger.analytics_checkpoints to seatledger_writer
-- facts grant select on ledger.analytics_daily_sales to seatledger_analyst
-- facts grant select on ledger.analytics_daily_sales to seatledger_writer
-- facts grant select on ledger.analytics_expiry_rates to seatledger_analyst
-- facts grant select on ledger.analytics_expiry_rates to seatledger_writer
-- facts grant select on ledger.analytics_flights to seatledger_analyst
-- facts grant select on ledger.analytics_flights to seatledger_writer
-- facts grant select on ledger.analytics_funnel to seatledger_analyst
-- facts grant select on ledger.analytics_funnel to seatledger_writer
-- facts grant select on ledger.analytics_load_factor to seatledger_analyst
-- facts grant select on ledger.analytics_load_factor to seatledger_writer
-- facts grant select on ledger.analytics_payment_outcomes to seatledger_analyst
-- facts grant select on ledger.analytics_payment_outcomes to seatledger_writer
-- facts grant select on ledger.analytics_payments to seatledger_analyst
-- facts grant select on ledger.analytics_payments to seatledger_writer
-- facts grant select on ledger.analytics_refund_ageing to seatledger_analyst
-- facts grant select on ledger.analytics_refund_ageing to seatledger_writer
-- facts grant select on ledger.analytics_refunds to seatledger_analyst
-- facts grant select on ledger.analytics_refunds to seatledger_writer
-- facts grant select on ledger.analytics_refusal_rates to seatledger_analyst
-- facts grant select on ledger.analytics_refusal_rates to seatledger_writer
-- facts grant select on ledger.analytics_refusals to seatledger_analyst
-- facts grant select on ledger.analytics_refusals to seatledger_writer
-- facts grant select on ledger.analytics_seat_changes to seatledger_analyst
-- facts grant select on ledger.analytics_seat_changes to seatledger_writer
-- facts grant select on ledger.analytics_seats_over_time to seatledger_analyst
-- facts grant select on ledger.analytics_seats_over_time to seatledger_writer
-- facts grant select on ledger.facts_bookings to seatledger_writer
-- facts grant select on ledger.facts_flights to seatledger_writer
-- facts grant select on ledger.facts_payments to seatledger_writer
-- facts grant select on ledger.facts_refunds to seatledger_writer
-- facts grant select on ledger.facts_seat_changes to seatledger_writer
-- facts grant update on ledger.facts_bookings to seatledger_writer
-- facts grant update on ledger.facts_flights to seatledger_writer
-- facts grant update on ledger.facts_payments to seatledger_writer
-- facts grant update on ledger.facts_refunds to seatledger_writer
-- facts grant update on ledger.facts_seat_changes to seatledger_writer
grant delete on ledger.audited_ranges to seatledger_writer
grant delete on ledger.audited_seats to seatledger_writer
grant delete on ledger.passenger_names to seatledger_writer
grant delete on ledger.webhook_deliveries to seatledger_writer
grant delete on ledger.webhook_outcomes to seatledger_writer
grant delete on ledger.webhook_progress to seatledger_writer
grant delete on ledger.webhooks to seatledger_writer
grant insert on ledger.audited_ranges to seatledger_writer
grant insert on ledger.audited_seats to seatledger_writer
grant insert on ledger.bookings to seatledger_writer
grant insert on ledger.checkpoint_refusals to seatledger_writer
grant insert on ledger.checkpoints to seatledger_writer
grant insert on ledger.commands to seatledger_writer
grant insert on ledger.events to seatledger_writer
grant insert on ledger.flights to seatledger_writer
grant insert on ledger.forgotten to seatledger_writer
grant insert on ledger.heartbeats to seatledger_writer
grant insert on ledger.job_runs to seatledger_writer
grant insert on ledger.jobs to seatledger_writer
grant insert on ledger.passenger_names to seatledger_writer
grant insert on ledger.people to seatledger_writer
grant insert on ledger.published to seatledger_writer
grant insert on ledger.refunds to seatledger_writer
grant insert on ledger.seats to seatledger_writer
grant insert on ledger.self_audit to seatledger_writer
grant insert on ledger.task_failures to seatledger_writer
grant insert on ledger.tiles to seatledger_writer
grant insert on ledger.waiting to seatledger_writer
grant insert on ledger.webhook_deliveries to seatledger_writer
grant insert on ledger.webhook_outcomes to seatledger_writer
grant insert on ledger.webhook_progress to seatledger_writer
grant insert on ledger.webhooks to seatledger_writer
grant select on ledger.audited_ranges to seatledger_auditor
grant select on ledger.audited_ranges to seatledger_writer
grant select on ledger.audited_seats to seatledger_auditor
grant select on ledger.audited_seats to seatledger_writer
grant select on ledger.bookings to seatledger_auditor
grant select on ledger.bookings to seatledger_writer
grant select on ledger.checkpoint_refusals to seatledger_writer
grant select on ledger.checkpoints to seatledger_writer
grant select on ledger.commands to seatledger_auditor
grant select on ledger.commands to seatledger_writer
grant select on ledger.events to seatledger_auditor
grant select on ledger.events to seatledger_writer
grant select on ledger.facts_builds to seatledger_writer
grant select on ledger.flights to seatledger_auditor
grant select on ledger.flights to seatledger_writer
grant select on ledger.forgotten to seatledger_auditor
grant select on ledger.forgotten to seatledger_writer
grant select on ledger.head to seatledger_writer
grant select on ledger.heartbeats to seatledger_writer
grant select on ledger.job_runs to seatledger_writer
grant select on ledger.jobs to seatledger_writer
grant select on ledger.migrations to seatledger_writer
grant select on ledger.passenger_names to seatledger_writer
grant select on ledger.people to seatledger_writer
grant select on ledger.published to seatledger_writer
grant select on ledger.refunds to seatledger_auditor
grant select on ledger.refunds to seatledger_writer
grant select on ledger.sandbox to seatledger_writer
grant select on ledger.seats to seatledger_writer
grant select on ledger.secrets to seatledger_writer
grant select on ledger.self_audit to seatledger_auditor
grant select on ledger.self_audit to seatledger_writer
grant select on ledger.task_failures to seatledger_auditor
grant select on ledger.task_failures to seatledger_writer
grant select on ledger.tiles to seatledger_writer
grant select on ledger.waiting to seatledger_auditor
grant select on ledger.waiting to seatledger_writer
grant select on ledger.webhook_deliveries to seatledger_writer
grant select on ledger.webhook_outcomes to seatledger_writer
grant select on ledger.webhook_progress to seatledger_writer
grant select on ledger.webhooks to seatledger_writer
grant update on ledger.audited_ranges to seatledger_writer
grant update on ledger.audited_seats to seatledger_writer
grant update on ledger.bookings to seatledger_writer
grant update on ledger.facts_builds to seatledger_writer
grant update on ledger.flights to seatledger_writer
grant update on ledger.head to seatledger_writer
grant update on ledger.heartbeats to seatledger_writer
grant update on ledger.jobs to seatledger_writer
grant update on ledger.people to seatledger_writer
grant update on ledger.refunds to seatledger_writer
grant update on ledger.sandbox to seatledger_writer
grant update on ledger.seats to seatledger_writer
grant update on ledger.self_audit to seatledger_writer
grant update on ledger.task_failures to seatledger_writer
grant update on ledger.waiting to seatledger_writer
grant update on ledger.webhook_deliveries to seatledger_writer
grant update on ledger.webhook_outcomes to seatledger_writer
grant update on ledger.webhook_progress to seatledger_writer
grant update on ledger.webhooks to seatledger_writer
