"""Fixtures for the tests of the clients."""

from __future__ import annotations

import databases
import pytest


@pytest.fixture(scope="session", autouse=True)
def _roles() -> None:
    databases.make_roles()
