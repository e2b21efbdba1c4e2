"""Rights of PUBLIC that no role needs and that could stop the ledger; migrating revokes them."""

from typing import Any

import psycopg


def are_revoked(connection: psycopg.Connection[Any]) -> bool:
    """Return whether nothing is left that the current role can revoke."""
    return not _revocations(connection)


def revoke(connection: psycopg.Connection[Any]) -> None:
    """Revoke the rights that the current role can revoke: those of a superuser are more than the owner's.

    Rights on a database are not part of its dump, so this is repeated and no migration.
    """
    for statement in _revocations(connection):
        connection.execute(statement.encode())


def _revocations(connection: psycopg.Connection[Any]) -> list[str]:
    return [statement for (statement,) in connection.execute(_REVOCATIONS).fetchall()]


# Temporary tables, large objects and messages in the WAL fill the disk. Advisory locks, and messages in
# subtransactions, fill the lock table of the server, and then no block can be written.
_REVOCATIONS = """
    select format('revoke temporary on database %I from public', datname) from pg_database
    where datname = current_database() and pg_has_role(datdba, 'usage')
        and has_database_privilege('public', oid, 'temporary')
    union all
    select 'revoke create on schema public from public' from pg_namespace
    where nspname = 'public' and pg_has_role(nspowner, 'usage')
        and has_schema_privilege('public', oid, 'create')
    union all
    select format('revoke execute on function %s from public', oid::regprocedure) from pg_proc
    where pronamespace = 'pg_catalog'::regnamespace and pg_has_role(proowner, 'usage')
        and (proname ~ '^(lo_|pg_advisory_|pg_try_advisory_)'
            or proname in ('loread', 'lowrite', 'pg_logical_emit_message'))
        and has_function_privilege('public', oid, 'execute')
"""
