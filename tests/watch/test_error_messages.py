"""What is told of a connection that fails: the texts of redis-py, OpenSSL and the servers, as they
were seen with real servers over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from cachedesk.core.watched_server import ServerRefused, ServerUnreachable
from cachedesk.stores.watched_redis.address import parsed
from cachedesk.stores.watched_redis.error_messages import told

_FAILED = "Error 1 connecting to h:1. [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
_MISMATCH = f"{_FAILED}Hostname mismatch, certificate is not valid for 'h'. (_ssl.c:1006)."
_SELF_SIGNED = f"{_FAILED}self-signed certificate in certificate chain (_ssl.c:1006)."
_REQUIRED = (
    "Error while reading from h:1 : (1, '[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert"
    " certificate required (_ssl.c:2580)')"
)
_EOF = "Error 8 while writing to socket. EOF occurred in violation of protocol (_ssl.c:2427)."
_NO_FILE = "Error 2 connecting to h:1. No such file or directory."


@pytest.mark.parametrize(
    ("options", "text", "says"),
    [
        ("", _SELF_SIGNED, "its certificate cannot be verified; name ssl_ca_certs in the URL"),
        (
            "?ssl_ca_certs=/",
            _SELF_SIGNED,
            "its certificate is not signed by an authority of ssl_ca_certs",
        ),
        (
            "?ssl_ca_certs=/",
            _MISMATCH,
            "its certificate is for another host name; use a name that is in it,"
            " or ssl_check_hostname=false",
        ),
        (
            "?ssl_ca_certs=/",
            f"{_FAILED}certificate has expired (_ssl.c:1006).",
            "its certificate has expired",
        ),
        (
            "",
            _REQUIRED,
            "it asks for a certificate; name ssl_certfile and ssl_keyfile in the URL",
        ),
        ("?ssl_certfile=/", _REQUIRED, "it does not accept the certificate of ssl_certfile"),
        (
            "",
            _EOF,
            "connection closed; if it asks for a certificate,"
            " name ssl_certfile and ssl_keyfile in the URL",
        ),
        ("?ssl_ca_certs=/no/ca", _NO_FILE, "there is no file /no/ca, which ssl_ca_certs names"),
        (
            "?ssl_ca_certs=/&ssl_keyfile=/no/key",
            _NO_FILE,
            "there is no file /no/key, which ssl_keyfile names",
        ),
        (
            "",
            "Error 116 connecting to h:1. [X509: KEY_VALUES_MISMATCH] key values mismatch"
            " (_ssl.c:3926).",
            "ssl_keyfile is not the key of ssl_certfile",
        ),
        (
            "",
            "Error 113 connecting to h:1. No route to host.",
            "No route to host.",
        ),
    ],
)
def test_a_failure_of_tls_says_what_to_change(options: str, text: str, says: str) -> None:
    found = told(redis.ConnectionError(text), parsed(f"rediss://h:1{options}"), "")
    assert isinstance(found, ServerUnreachable)
    assert str(found) == f"cannot connect to rediss://h:1: {says}"


def test_a_server_that_does_not_answer_to_tls_may_be_without() -> None:
    late = redis.TimeoutError("Timeout connecting to server")
    assert str(told(late, parsed("rediss://h"), "")).endswith("does not speak TLS, use redis://")
    assert str(told(late, parsed("redis://h"), "")) == "no answer from redis://h:6379"
    while_asked = redis.TimeoutError("Timeout reading from socket")
    assert str(told(while_asked, parsed("rediss://h"), "")) == "no answer from rediss://h:6379"


@pytest.mark.parametrize(
    "text",
    [
        "No permissions to access a key",
        "this user has no permissions to access one of the keys used as arguments",
    ],
)
def test_keys_that_are_denied_are_allowed_by_one_rule(text: str) -> None:
    found = told(redis.exceptions.NoPermissionError(text), parsed("redis://ann:x@h"), "MEMORY")
    assert isinstance(found, ServerRefused)
    assert str(found).endswith("may not look at every key; allow: ACL SETUSER ann ~*")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h", "write redis://USER:PASSWORD@HOST"),
        ("valkeys://h", "write valkeys://USER:PASSWORD@HOST"),
        ("unix:///s", "write unix://USER:PASSWORD@/path.sock"),
    ],
)
def test_a_password_goes_into_a_url_of_the_same_kind(url: str, shown: str) -> None:
    wanted = redis.AuthenticationError("NOAUTH Authentication required.")
    assert str(told(wanted, parsed(url), "")).endswith(shown)


def test_a_socket_file_that_is_not_there_is_no_certificate(tmp_path: Path) -> None:
    error = redis.ConnectionError(f"Error 2 connecting to {tmp_path}/s. No such file or directory.")
    said = str(told(error, parsed(f"unix://{tmp_path}/s"), ""))
    assert said.endswith("there is no such socket")
