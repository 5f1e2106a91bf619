#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module application_key: another key for the application, while it works."""

from __future__ import annotations

DOCUMENTATION = r"""
module: application_key
short_description: Gives the application another key, while it serves customers
description:
  - Every service that keeps keys (C(x-echobase.keys) of the application) and runs accepts the new key of tokens before the first one signs
    with it, so no request fails.
  - Tokens of the key before stay valid for O(overlap) seconds. The services themselves refuse them afterwards, without any further run.
  - Of an application that does not say who keeps keys, nobody is waited for. Its files change, and it reads them when it reads them.
  - When it was cut off the same call goes on. While tokens of the key before are accepted it makes no further key, unless O(overlap=0).
options:
  name:
    description:
      - Which key, by its name in C(secrets.json). V(token_key) signs the tokens that the application gives its customers.
      - V(kms_key) wraps the keys of what the application encrypts. What the one before wrapped is wrapped anew by its job C(rewrap). It
        stays in C(secrets.json) all the same, under its number, since it opens older backups.
    type: str
    choices: [token_key, kms_key]
    required: true
  overlap:
    description:
      - For how many seconds tokens of the key before are accepted. The default is longer than any token lives.
      - It concerns V(token_key) alone.
      - V(0) is for a key that leaked. Every token but those of the new key is refused at once. Whoever has a refresh token gets
        another one; others log in again.
    type: int
    default: 28800
  vault_password:
    description: The password that C(secrets.json) is encrypted with, where it is.
    type: str
    default: ""
extends_documentation_fragment:
  - echobase.platform.environment
attributes:
  check_mode:
    support: full
    description: Refuses what it would refuse, and changes nothing.
  diff_mode:
    support: none
    description: A key is no thing to be shown.
  idempotent:
    support: none
    description: Each run gives another key, except while tokens of the key before are still accepted.
author:
  - The echobase.platform authors (@echobase)
"""

EXAMPLES = r"""
- name: Another key for the tokens of devlocal's customers
  echobase.platform.application_key:
    environment: devlocal
    name: token_key

- name: The key of the tokens leaked
  echobase.platform.application_key:
    environment: devlocal
    name: token_key
    overlap: 0
"""

RETURN = r"""
key_id:
  description: What the key is called in each token, or in what it wrapped. It gives nothing away.
  returned: when not in check mode
  type: str
  sample: 0123456789abcdef
accepted_until:
  description: Until when tokens of the key before are accepted, in seconds since 1970; V(0) if they are not, and for V(kms_key).
  returned: when not in check mode
  type: int
  sample: 1767225600
rewrapped:
  description: How much is now under the new key that was under another one.
  returned: when O(name=kms_key) and not in check mode
  type: int
  sample: 1200
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.colours.key_holders import rewrap, running_key_holders
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import vault_password
from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import FIRST
from ansible_collections.echobase.platform.plugins.module_utils.module.adapter import run
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import ENVIRONMENT_ARGUMENTS, environment_of
from ansible_collections.echobase.platform.plugins.module_utils.rotation.kinds import APPLICATION_KEYS
from ansible_collections.echobase.platform.plugins.module_utils.rotation.token_key import TokenKeyRotation
from ansible_collections.echobase.platform.plugins.module_utils.rotation.wrapping_key import WrappingKeyRotation


def operate(module: AnsibleModule) -> Outcome:
    params = module.params
    if params["overlap"] < 0:
        raise Refusal(f"tokens of the old key cannot stay valid for {params['overlap']} s", "set rotate_overlap to 0 or more")
    env = environment_of(params)
    secrets = EnvironmentSecrets(env, vault_password(params["vault_password"]), data=lambda: ())
    if params["name"] == FIRST:
        rotation = WrappingKeyRotation(env.name, secrets, lambda: running_key_holders(env), lambda: rewrap(env))
        return rotation.run(module.check_mode)
    return TokenKeyRotation(secrets, lambda: running_key_holders(env), params["overlap"]).run(module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ENVIRONMENT_ARGUMENTS,
            "name": {"type": "str", "choices": list(APPLICATION_KEYS), "required": True},
            "overlap": {"type": "int", "default": 28800},
            "vault_password": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    run(module, lambda: operate(module))


if __name__ == "__main__":
    main()
