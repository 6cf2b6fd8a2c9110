"""The store's schema, step by step (Alembic). Run by :mod:`cordboard.config.database`, never by hand."""
