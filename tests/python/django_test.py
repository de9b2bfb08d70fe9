"""Runs Django's migrations beside vetassist, with a model of its own and one of a table of vetassist.

Arguments: the folder of the server's socket, the line that docs/beside-other-tools.md has for such a model.
"""

import io
import pathlib
import sys
import tempfile

import django
from django.conf import settings
from django.core.management import call_command

MODELS = """
from django.db import models

class Note(models.Model):
    text = models.TextField()

class Account(models.Model):
    id = models.UUIDField(primary_key=True)
    va_icn = models.CharField(max_length=50, null=True)

    {meta}
        db_table = "vetassist_users"
"""


def main() -> None:
    socket, meta = sys.argv[1:]
    line, _, option = meta.partition(": ")
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "notes" / "migrations").mkdir(parents=True)
    (folder / "notes" / "__init__.py").touch()
    (folder / "notes" / "migrations" / "__init__.py").touch()
    (folder / "notes" / "models.py").write_text(MODELS.format(meta=f"{line}:\n        {option}"))
    sys.path.insert(0, str(folder))
    settings.configure(
        INSTALLED_APPS=["notes"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": socket,
                "NAME": "postgres",
                "USER": "migrator",
                "OPTIONS": {"options": "-c search_path=app,public"},
            }
        },
    )
    django.setup()
    call_command("makemigrations", "notes", verbosity=0)
    written = io.StringIO()
    call_command("sqlmigrate", "notes", "0001", stdout=written)
    statements = written.getvalue()
    assert "-- (no-op)" in statements, statements
    assert "vetassist_users" not in statements, statements
    call_command("migrate", verbosity=0)
    from notes.models import Note

    Note.objects.create(text="a note")
    print("Django changed only its own tables")


main()
