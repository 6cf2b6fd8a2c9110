"""Runs the steps on the connection it is given, within that connection's transaction."""

from alembic import context
from sqlalchemy import Connection

connection = context.config.attributes["connection"]
if not isinstance(connection, Connection):
    raise TypeError(connection)
context.configure(connection=connection, transactional_ddl=True, version_table="config_version")
with context.begin_transaction():
    context.run_migrations()
