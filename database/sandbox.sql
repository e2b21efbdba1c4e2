-- What makes a new ledger a sandbox, in the transaction that makes the ledger. Its functions hide those of
-- PostgreSQL, because the sessions of a sandbox search its schema first. They run with the rights of the owner,
-- so that analysts need none to the table.
insert into sandbox default values;
create function clock_timestamp() returns timestamptz language sql volatile security definer
    return pg_catalog.clock_timestamp() + (select ahead from sandbox);
create function statement_timestamp() returns timestamptz language sql stable security definer
    return pg_catalog.statement_timestamp() + (select ahead from sandbox);
create function now() returns timestamptz language sql stable security definer
    return pg_catalog.now() + (select ahead from sandbox);
