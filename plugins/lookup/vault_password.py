# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup vault_password: the password that an environment's secrets are encrypted with, read on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vault_password
short_description: The password that an environment's secrets are encrypted with, read on the controller
description:
  - Reads the file that the variable C(secrets_vault_password_file) names on the controller, such as that of an AWX credential. Where
    none is named, it is the environment variable C(ECHOBASE_VAULT_PASSWORD).
  - Empty where neither says anything, for secrets that are kept in the clear in a file that only root can read.
options:
  _terms:
    description: None are taken.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Keep the secrets encrypted
  echobase.platform.environment_secrets:
    environment: devlocal
    vault_password: "{{ lookup('echobase.platform.vault_password') }}"
"""

RETURN = r"""
_raw:
  description: The password.
  type: list
  elements: str
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

VARIABLE = "ECHOBASE_VAULT_PASSWORD"


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible comes without types
    def run(self, terms: Sequence[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        named = self._templar.template((variables or {}).get("secrets_vault_password_file") or "")
        try:
            return [password_in(str(named)) if named else os.environ.get(VARIABLE, "").strip()]
        except Refusal as refusal:
            raise AnsibleLookupError(str(refusal)) from refusal


def password_in(file: str) -> str:
    try:
        password = Path(file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Refusal(f"the vault password file {file} cannot be read: {reason}", "check secrets_vault_password_file") from error
    if not password:
        raise Refusal(f"the vault password file {file} is empty", "write the password into it")
    return password
