-- role seatledger_analyst
-- role seatledger_auditor
-- role seatledger_writer
-- member of seatledger_writer
-- schema analytics
-- schema analytics_store
-- schema ledger
-- schema views
-- index analytics_store.builds_live
-- index analytics_store.builds_pkey
-- index ledger.audited_ranges_pkey
-- index ledger.audited_seats_pkey
-- index ledger.checkpoint_refusals_pkey
-- index ledger.checkpoints_pkey
-- index ledger.commands_first_position
-- index ledger.commands_pkey
-- index ledger.commands_refused
-- index ledger.events_actor_operation_causation_id_ordinal_key
-- index ledger.events_originator_id_originator_version_key
-- index ledger.events_pkey
-- index ledger.forgotten_pkey
-- index ledger.heartbeats_pkey
-- index ledger.job_runs_pkey
-- index ledger.jobs_pkey
-- index ledger.migrations_pkey
-- index ledger.people_lookup_key
-- index ledger.people_pkey
-- index ledger.published_pkey
-- index ledger.seats_pkey
-- index ledger.secrets_pkey
-- index ledger.self_audit_pkey
-- index ledger.task_failures_pkey
-- index ledger.tiles_pkey
-- index views.bookings_by_flight
-- index views.bookings_by_user
-- index views.bookings_pending
-- index views.bookings_pkey
-- index views.flights_by_currency
-- index views.flights_by_departure
-- index views.flights_by_route
-- index views.flights_number_origin_departure_day_key
-- index views.flights_pkey
-- index views.gateway_tasks
-- index views.holds_by_expiry
-- index views.holds_by_flight
-- index views.refunds_by_booking
-- index views.refunds_open
-- index views.refunds_pkey
-- index views.unpaid_holds_by_user
-- index views.waiting_by_flight
-- index views.waiting_by_joining
-- index views.waiting_by_user
-- index views.waiting_line
-- index views.waiting_once
-- index views.waiting_pkey
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
-- constraint checkpoints_position_check of ledger.checkpoints
-- constraint events_ordinal_check of ledger.events
-- constraint events_originator_version_check of ledger.events
-- constraint head_one_check of ledger.head
-- constraint people_check of ledger.people
-- constraint people_check1 of ledger.people
-- constraint people_check2 of ledger.people
-- constraint seats_booked_check of ledger.seats
-- constraint seats_check of ledger.seats
-- constraint seats_held_check of ledger.seats
-- constraint seats_seats_check of ledger.seats
-- constraint self_audit_one_check of ledger.self_audit
-- constraint tiles_hashes_check of ledger.tiles
-- constraint tiles_index_check of ledger.tiles
-- constraint tiles_level_check of ledger.tiles
-- constraint tiles_root_check of ledger.tiles
-- function ledger.refuse_change
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
