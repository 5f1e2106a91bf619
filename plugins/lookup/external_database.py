# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup external_database: what the inventory says of a database that somebody else runs, with what is in files on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: external_database
short_description: The database that the inventory names in echobase_external_database, with its passwords and its authority
description:
  - Reads the inventory's variables C(echobase_external_database) and those of a database of one's own, and the files on the controller that
    hold passwords and the authority's certificate. Both may be encrypted with Ansible Vault.
  - A file with a password in clear is refused if others than its owner may read it.
options:
  _terms:
    description: None are taken.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Say where the database is
  ansible.builtin.debug:
    msg: "{{ lookup('echobase.platform.external_database').external.host }}"
"""

RETURN = r"""
_raw:
  description: C(external), without passwords; C(authority), C(app_password), C(migrate_password); and C(own_settings), the variables of a
    database of one's own that are set.
  type: list
  elements: dict
"""

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.echobase.platform.plugins.module_utils.environment.external_database import VARIABLE
from ansible_collections.echobase.platform.plugins.module_utils.environment.external_wishes import ACCOUNTS, OF_OUR_OWN

_VAULT = b"$ANSIBLE_VAULT"


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible comes without types
    def run(self, terms: Sequence[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        known = variables or {}
        given = dict(self._templar.template(known.get(VARIABLE) or {}))
        users: Mapping[str, Any] = given.pop("users", None) or {}
        passwords = {account: self._password(account, users.get(account) or {}, known) for account in ACCOUNTS}
        authority = str(given.pop("ca", "") or "")
        if not authority and given.get("ca_file"):
            authority = self._content(f"{VARIABLE}.ca_file", str(given["ca_file"]), known, secret=False)
        given.pop("ca_file", None)
        names = {account: {"name": (users.get(account) or {}).get("name", "")} for account in ACCOUNTS}
        return [
            {
                "external": {**given, "users": names},
                "authority": authority,
                **{f"{account}_password": password for account, password in passwords.items()},
                "own_settings": {name: self._templar.template(known[name]) for name in OF_OUR_OWN if name in known},
            }
        ]

    def _password(self, account: str, user: Mapping[str, Any], known: Mapping[str, Any]) -> str:
        if user.get("password"):
            return str(user["password"])
        file = user.get("password_file")
        return self._content(f"{VARIABLE}.users.{account}.password_file", str(file), known, secret=True).strip() if file else ""

    def _content(self, variable: str, name: str, known: Mapping[str, Any], *, secret: bool) -> str:
        found = self.find_file_in_search_path(known, "files", name, ignore_missing=True)
        if not found:
            raise AnsibleLookupError(f"{variable}: there is no file {name} on the controller - correct the path, or make the file")
        file = Path(found)
        try:
            encrypted = file.read_bytes().startswith(_VAULT)
            mode = stat.S_IMODE(file.stat().st_mode)
            if secret and not encrypted and mode & 0o077:
                raise AnsibleLookupError(f"{variable}: {file} can be read by others (mode {mode:04o}) - chmod 600 {file}")
            # It is what Ansible itself reads: in clear if it was encrypted with a vault whose password is known.
            return Path(self._loader.get_real_file(found)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise AnsibleLookupError(f"{variable}: {file} cannot be read: {error} - correct the file, or its path") from error
