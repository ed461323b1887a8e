"""Runs the migrations on the connection that ``config.database.migrate`` hands over."""

from alembic import context

from config.migrations.target import target_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=list(target_metadata()),
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
