"""Run by Alembic: applies the migrations over the connection of `migrating.upgrade`."""

from __future__ import annotations

from alembic import context

from personalrm.store.schema_base import metadata


def _run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=False,  # the caller's transaction contains all migrations
    )
    context.run_migrations()


_run()
