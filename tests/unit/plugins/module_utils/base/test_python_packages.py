from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base import python_packages
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import needed, refuse_without_needed


@pytest.fixture(autouse=True)
def nothing_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_packages, "_missing", [])


def test_what_is_there_is_imported() -> None:
    with needed("json"):
        import json  # noqa: PLC0415 - stands for the imports at the top of a file
    assert json.loads("1") == 1
    refuse_without_needed()


def test_a_package_that_is_missing_is_named_before_a_module_begins() -> None:
    with needed("cryptography"):
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    with pytest.raises(
        Refusal,
        match=r"has no Python package cryptography - let `playbooks/setup_durable.yml` make a Python that has it",
    ):
        refuse_without_needed()


def test_another_error_in_such_an_import_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), needed("cryptography"):
        raise ZeroDivisionError
