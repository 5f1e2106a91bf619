from __future__ import annotations

import pytest

from api_gateway.settings import GatewaySettings
from order_processor.settings import ProcessorSettings
from orders.settings import SettingsError

VARIABLES = {
    "ECHOBASE_ENV": "test",
    "ECHOBASE_COLOUR": "blue",
    "ECHOBASE_RELEASE": "0.1.0-abc",
    "ECHOBASE_VERSION": "0.1.0",
    "DB_HOST": "mariadb",
    "DB_PORT": "3306",
    "DB_NAME": "orders_db",
    "DB_USER": "app_user",
    "DB_PASSWORD_FILE": "/run/secrets/db_password",
    "DB_CA_FILE": "/run/tls-ca/ca.crt",
    "DB_SECRET_ID": "echobase/test/database",
    "JWT_SECRET_ID": "echobase/test/jwt",
    "JWT_KEY_FILE": "/run/secrets/token_key",
    "KMS_KEY_ID": "alias/echobase-test",
    "ORDERS_QUEUE": "echobase-test-blue-orders",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "TLS_CERT_FILE": "/run/tls/tls.crt",
    "TLS_KEY_FILE": "/run/tls/tls.key",
}


def test_limits_are_on_by_default() -> None:
    settings = GatewaySettings.from_environment(VARIABLES)
    assert settings.login_attempts_per_minute > 0
    assert settings.registrations_per_minute > 0
    assert settings.requests_per_minute > 0
    assert settings.bcrypt_cost == 12


def test_without_an_endpoint_it_is_aws_itself() -> None:
    assert ProcessorSettings.from_environment(VARIABLES).cloud.endpoint_url == ""
    with_emulator = VARIABLES | {"AWS_ENDPOINT_URL": "http://blue-localstack:4566"}
    assert ProcessorSettings.from_environment(with_emulator).cloud.endpoint_url == "http://blue-localstack:4566"


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_missing_variable_is_named(name: str) -> None:
    without = {key: value for key, value in VARIABLES.items() if key != name}
    with pytest.raises(SettingsError, match=name):
        GatewaySettings.from_environment(without)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DB_PORT", "high", "DB_PORT is 'high': a whole number is needed"),
        ("REQUESTS_PER_MINUTE", "-1", "REQUESTS_PER_MINUTE is -1: at least 0 is needed"),
        ("BCRYPT_COST", "3", "BCRYPT_COST is 3: at least 4 is needed"),
        ("ECHOBASE_TRUSTED_PROXIES", "10.0.0.1/8", "ECHOBASE_TRUSTED_PROXIES: .*host bits"),
    ],
)
def test_a_bad_value_is_explained(name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        GatewaySettings.from_environment(VARIABLES | {name: value})


def test_only_devlocal_is_called_without_tls() -> None:
    with pytest.raises(SettingsError, match="PLAIN_PORT is 4000: only devlocal"):
        GatewaySettings.from_environment(VARIABLES | {"PLAIN_PORT": "4000"})
    assert GatewaySettings.from_environment(VARIABLES | {"PLAIN_PORT": "4000", "ECHOBASE_ENV": "devlocal"}).plain_port == 4000
    assert GatewaySettings.from_environment(VARIABLES).plain_port == 0


def test_without_a_host_there_is_no_cache_and_with_one_all_of_it_is_told() -> None:
    assert GatewaySettings.from_environment(VARIABLES | {"CACHE_HOST": ""}).cache is None
    cache = {
        "CACHE_HOST": "redis",
        "CACHE_PORT": "6379",
        "CACHE_USER": "app_user",
        "CACHE_PASSWORD_FILE": "/run/secrets/cache_password",
        "CACHE_CA_FILE": "/run/tls-ca/ca.crt",
    }
    told = ProcessorSettings.from_environment(VARIABLES | cache).cache
    assert told is not None
    assert (told.host, told.port) == ("redis", 6379)
    for name in cache.keys() - {"CACHE_HOST"}:
        with pytest.raises(SettingsError, match=name):
            GatewaySettings.from_environment(VARIABLES | cache | {name: ""})
