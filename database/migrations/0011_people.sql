-- Who is who. The log and the views hold pseudonyms; names stand here alone, each sealed with a key of the person's
-- own, which is wrapped by the master key. Wiping a row's keys is forgetting; see docs/erasure.md.
create table ledger.people (
    person        text        collate "C" primary key,
    lookup        bytea       unique,
    wrapped_key   text        collate "C",
    sealed_name   text        collate "C",
    first_seen_at timestamptz not null default clock_timestamp(),
    forgotten_at  timestamptz,
    check ((forgotten_at is null) = (lookup is not null)),
    check ((forgotten_at is null) = (wrapped_key is not null)),
    check ((forgotten_at is null) = (sealed_name is not null))
) with (fillfactor = 90);
-- Samples of what is wiped must not stay behind in the planner's statistics.
alter table ledger.people alter column lookup set statistics 0;
alter table ledger.people alter column wrapped_key set statistics 0;
alter table ledger.people alter column sealed_name set statistics 0;
comment on table ledger.people is 'Whom the pseudonyms of the log stand for; of who is forgotten nothing but that';
comment on column ledger.people.person is
    'The pseudonym; of who was there before pseudonyms were, the name itself, because the log has it';
comment on column ledger.people.lookup is 'HMAC-SHA256 of the name under a key derived from the master key';
comment on column ledger.people.wrapped_key is 'The person''s own key, AES-SIV under a key derived from the master key';
comment on column ledger.people.sealed_name is 'The name, AES-SIV under the person''s own key';

create table ledger.forgotten (
    person       text        collate "C" primary key,
    forgotten_at timestamptz not null default clock_timestamp(),
    forgotten_by text        collate "C" not null
);
comment on table ledger.forgotten is 'Who was forgotten, when, and by whom; pseudonyms only';
comment on column ledger.forgotten.forgotten_by is 'The account of the operating system that ran the command';

create trigger append_only before delete or truncate on ledger.people
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.forgotten
    for each statement execute function ledger.refuse_change();

-- Neither analysts nor auditors: whoever holds the master key, too, can put names to the log.
grant select, insert, update on ledger.people to seatledger_writer;
grant select, insert on ledger.forgotten to seatledger_writer;
grant select on ledger.forgotten to seatledger_auditor;
