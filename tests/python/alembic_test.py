"""Runs Alembic beside vetassist, without a filter and with the one of docs/beside-other-tools.md.

Arguments: the folder of the server's socket, the number of tables, the filter.
"""

import pathlib
import sys
import tempfile

import sqlalchemy
from alembic import command
from alembic.config import Config

ENVIRONMENT = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

metadata = MetaData()
Table("notes", metadata, Column("id", Integer, primary_key=True), schema="app")
with create_engine({url!r}).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, version_table_schema="app", {filter})
    with context.begin_transaction():
        context.run_migrations()
"""
TEMPLATE = """
from alembic import op
import sqlalchemy as sa
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
def upgrade():
    ${upgrades if upgrades else "pass"}
"""


def migrate(url: str, filter_text: str) -> tuple[str, Config]:
    """Writes a revision, and returns its text and what `upgrade` needs."""
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "versions").mkdir()
    (folder / "env.py").write_text(ENVIRONMENT.format(url=url, filter=filter_text))
    (folder / "script.py.mako").write_text(TEMPLATE)
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    revision = command.revision(config, "notes", autogenerate=True)
    return pathlib.Path(revision.path).read_text(), config


def main() -> None:
    socket, tables, filter_text = sys.argv[1:]
    url = f"postgresql+psycopg://migrator@/postgres?host={socket}"
    revision, config = migrate(url, "")
    dropped = revision.count("op.drop_table(")
    assert dropped == int(tables), f"{dropped} tables dropped:\n{revision}"
    try:
        command.upgrade(config, "head")
    except sqlalchemy.exc.ProgrammingError as error:
        assert error.orig.sqlstate == "42501", error
    else:
        raise AssertionError("the tables were dropped")

    revision, config = migrate(url, filter_text)
    assert "vetassist" not in revision, revision
    assert "notes" in revision, revision
    command.upgrade(config, "head")
    print("Alembic changed only its own tables")


main()
