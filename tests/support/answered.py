"""Answers of a server: of the expected status, errors in one sentence."""


def content(answer, status=200):
    """An answer's JSON, or its bytes where it is none."""
    assert answer.status_code == status, answer.text
    if answer.headers["content-type"] != "application/json":
        return answer.content
    found = answer.json()
    if status >= 400:
        assert set(found) == {"error"}
        assert found["error"].count(". ") == 0 and found["error"].endswith(".")
    return found
