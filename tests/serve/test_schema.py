"""Every operation of the OpenAPI schema, asked with what fits it and what does not."""

from unittest.mock import Mock

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from strokejax.serve.app import create_app
from strokejax.serve.guard import Limits
from strokejax.serve.studio import Studio
from strokejax.tasks import pages

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
OPERATIONS = [
    (method.upper(), path)
    for path, item in create_app(Mock(), Limits(), pages()).openapi()["paths"].items()
    for method in item
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("schema")


@pytest.fixture(autouse=True)
def own_home(home, monkeypatch):
    """All examples share one server and one model."""
    monkeypatch.setenv("STROKEJAX_HOME", str(home))
    return home


@pytest.fixture(scope="module")
def api(home):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STROKEJAX_HOME", str(home))
        collected = home / "collected"
        collected.mkdir()
        studio = Studio(None, collected)
        app = create_app(
            studio, Limits(rate=0, hosts=frozenset({"testserver"})), pages()
        )
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
        studio.close()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.filterwarnings(  # schemathesis draws from `random` itself, now and then
    "ignore:Do not use the `random` module"
)
def test_no_request_meets_more_than_a_refusal(api, method, path):
    @given(case=api[path][method].as_strategy())
    @settings(max_examples=20, suppress_health_check=[*HealthCheck])
    def ask(case):
        case.call_and_validate(checks=CHECKS)

    ask()
