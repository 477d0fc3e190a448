"""Raw SQL inside a migration."""

from collections.abc import Sequence

from alembic import op


def run_sql(statements: str, rows: Sequence[tuple[object, ...]] | None = None) -> None:
    """Run `statements` as they stand, or one statement with %s places for each of `rows`."""
    connection = op.get_bind()
    if rows is None:
        connection.exec_driver_sql(statements, execution_options={"no_parameters": True})
    else:
        connection.exec_driver_sql(statements, list(rows))
