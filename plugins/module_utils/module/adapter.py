"""The only file below `module_utils` that knows Ansible: it turns an Outcome or a Refusal into a module's answer."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.base.python_packages import refuse_without_needed
from ansible_collections.echobase.platform.plugins.module_utils.lease.release_lease import ReleaseLease
from ansible_collections.echobase.platform.plugins.module_utils.module.environment_arguments import environment_of


def run(module: AnsibleModule, operation: Callable[[], Outcome], asks_lease: bool = True) -> None:
    try:
        refuse_without_needed()
        with lease_of(module) if asks_lease else nullcontext():
            outcome = operation()
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), cause=refusal.cause, remedy=refusal.remedy, **refusal.facts)
    except OSError as error:
        # Disk full, permission, read-only file system: the operating system's own words name the file.
        module.fail_json(msg=str(error), exception=traceback.format_exc())
    else:
        for warning in outcome.warnings:
            module.warn(warning)
        module.exit_json(changed=outcome.changed, diff={"before": outcome.before, "after": outcome.after}, **outcome.facts)


def lease_of(module: AnsibleModule) -> AbstractContextManager[None]:
    """A module that comes with a lease does nothing once somebody else has taken it, and keeps it alive while it works."""
    number = module.params.get("lease")
    if not number:
        return nullcontext()
    lease = ReleaseLease(environment_of(module.params))
    lease.confirm(number)
    return nullcontext() if module.check_mode else lease.kept(number)
