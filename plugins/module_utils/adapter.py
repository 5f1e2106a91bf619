"""The only file below `module_utils` that knows Ansible: it turns an Outcome or a Refusal into a module's answer."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.errors import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.outcome import Outcome


def run(module: AnsibleModule, operation: Callable[[], Outcome]) -> None:
    try:
        outcome = operation()
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), cause=refusal.cause, remedy=refusal.remedy)
    except OSError as error:
        # Disk full, permission, read-only file system: the operating system's own words name the file.
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    else:
        for warning in outcome.warnings:
            module.warn(warning)
        module.exit_json(changed=outcome.changed, diff={"before": outcome.before, "after": outcome.after}, **outcome.facts)
