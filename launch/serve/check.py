"""Whether a studio works from end to end: python launch/serve/check.py URL

Waits until the server is healthy, then uploads a picture of a letter and looks at the
answer. The token comes from STROKEJAX_TOKEN. Exit code 1 where the answer is wrong.
Needs nothing but Python.
"""

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

# A `w`, 28 pixels a side, dark on white.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAABnklEQVR42qWSv2vTYRDGn3utSbEg"
    "lQpNoIMIRZQWwV+gUERRHERwcxMF/QNEEVy0OkpxcHAT7V6hpeggSrbStUski+AQKCrWRiim7/ve"
    "x+GbpKXaQXrLHfc57uCex9D2EbQTyD9WgyTb9iamICkt/wX045dJSv5m9MAKDoAXiexXq5MkZZak"
    "GqnoFkPOypBeEIVz2h4QAYgJBxLvbO8yHpQ1wVzcJeHrZ099wSVphvH9biKxGMICicS0dJ2E83NE"
    "U0QE3h7TEyK+dijsLtc9J2rqb5AJUi5dsg8ektUa5PZLc/Tejo4SJEjMq9wgciGcvGaV757Xj+g+"
    "EQROa0RP8Y+mZ0vSI1gIYZEEAhK37CJctspXzlt1NU9qrO104ZwGVz8P6B7+VnrFGbtL7ECnOajZ"
    "O+qve147bMc+lTRP6kAyV+xEVTdIkWmVJ1Rp0V1L5LWkvrpn/PdBk90sfq3i0c2BvnDOM0Qea4/N"
    "boLkdLwjjfu3fSo1C3UKmJgZvl00Es+HH5LZgECLnqK9sushzIO2lj2DYZuttQX+t6n/AAo8eEKg"
    "Rvm6AAAAAElFTkSuQmCC"
)
PATIENCE = 60.0


def ask(url: str, data: bytes | None = None) -> dict:
    """The JSON that a server answers."""
    headers = {"Content-Type": "image/png"} if data else {}
    if token := os.environ.get("STROKEJAX_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def healthy(url: str) -> dict:
    """What /health says, once it says anything."""
    started = time.monotonic()
    while True:
        try:
            return ask(f"{url}/health")
        except (OSError, ValueError) as error:
            if time.monotonic() > started + PATIENCE:
                sys.exit(f"{url} is not healthy after {PATIENCE:g} s: {error}")
            time.sleep(1)


def main() -> int:
    """Prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    url = parser.parse_args().url.rstrip("/")
    print(json.dumps(healthy(url)))
    try:
        found = ask(f"{url}/predict", base64.b64decode(PICTURE))
    except urllib.error.HTTPError as error:
        sys.exit(f"{url}/predict answered {error.code}: {error.read().decode()}")
    print(found["symbols"][:3], f"in {found['inference_ms']} ms")
    return 0 if {"w", "W"} & set(found["symbols"][:3]) else 1


if __name__ == "__main__":
    sys.exit(main())
