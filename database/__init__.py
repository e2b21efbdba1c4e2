"""PostgreSQL: connections, pipelines, migrations, and the embedded server."""
