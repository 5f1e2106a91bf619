"""The application's password changes under load, in the order of playbooks/rotate_secrets.yml, and no request fails."""

from __future__ import annotations

import threading

from ansible_collections.echobase.platform.plugins.module_utils.environment_secrets import EnvironmentSecrets
from integration.backend_fixtures import Backend, ColourUnderTest, Customer, backend, blue, docker, empty_backend, eventually

__all__ = ["backend", "blue", "empty_backend"]

# As module durable_db applies the accounts; the connections that are open are ended, so that everybody logs in again.
APPLY = {
    "mariadb": (
        'exec mariadb --defaults-extra-file=<(printf "[client]\\npassword=%s\\n" "$(cat /run/secrets/root_password)") --user=root orders_db'
        ' --execute "source /run/secrets/init.sql; KILL USER app_user"'
    ),
    "postgresql": (
        "exec psql --username=postgres --dbname=orders_db --set=ON_ERROR_STOP=1 --file=/run/secrets/init-postgresql.sql"
        " --command=\"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_user'\""
    ),
}


def test_the_applications_password_changes_and_no_request_fails(backend: Backend, blue: ColourUnderTest) -> None:
    customer = Customer.new(blue)
    answers: list[int] = []
    enough = threading.Event()

    def order() -> None:
        while not enough.is_set():
            answers.append(customer.post().status_code)

    before = backend.secret("app", "db_password")
    writer = threading.Thread(target=order)
    writer.start()
    try:
        eventually(lambda: len(answers) > 20, "orders before the change")
        EnvironmentSecrets(backend.env, None, data=lambda: ["volume"]).present(check=False, renew=["db_app_password"])
        assert backend.secret("app", "db_password") != before
        docker("restart", blue.emulator.name)
        done = backend.database.execute("bash", "-c", APPLY[backend.engine])
        assert done.returncode == 0, done.stderr
        so_far = len(answers)
        eventually(lambda: len(answers) > so_far + 50, "orders after the change")
    finally:
        enough.set()
        writer.join()
    assert set(answers) == {202}
    assert before not in done.stdout
