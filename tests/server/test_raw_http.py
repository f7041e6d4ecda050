"""What no HTTP library would send: over a bare socket."""

import json
import socket
from http.client import HTTPResponse

import pytest

from tests.server.serving import Server

CHAT = json.dumps({"messages": [{"role": "user", "content": "Say the word banana."}], "reasoning_effort": "low"})


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def answer(connection: socket.socket) -> tuple[int, str]:
    """Status and text of the next answer."""
    found = HTTPResponse(connection)
    found.begin()
    return found.status, found.read().decode()


def post(body: str, *headers: str) -> bytes:
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        *headers,
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /v1/models HTTP/1.0", 403),
        ("GET /v1/models HTTP/1.1", 400),
        ("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
        ("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost", 403),
        ("GET /v1/models HTTP/1.1\r\nHost: localhost:80:80", 403),
        ("GET /v1/models HTTP/1.1\r\nHost: localhost@evil.example", 403),
        ("GET http://localhost/v1/models HTTP/1.1\r\nHost: evil.example", 403),
        ("GET /v1/models HTTP/1.0\r\nHost: 127.0.0.1", 200),
        ("GET /v1/models HTTP/1.1\r\nHost: [::1]", 200),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5", 400),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2", 400),
    ],
)
def test_a_host_is_named_once_and_is_ours(server: Server, head: str, status: int) -> None:
    with connect(server) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert answer(connection)[0] == status


def test_requests_that_are_sent_at_once_are_answered_one_after_the_other(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + post(CHAT) + post("{") + post(CHAT))
        pieces = b""
        while pieces.count(b"HTTP/1.1 ") < 4 or pieces.count(b'"banana"') < 2:
            received = connection.recv(65536)
            assert received, pieces
            pieces += received
    statuses = [int(piece[:3]) for piece in pieces.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 400, 200]


def test_a_body_without_a_length_is_cut_off_where_it_is_too_large(server: Server) -> None:
    piece = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    with connect(server) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(32):
            connection.sendall(piece)
        connection.sendall(b"1\r\nx\r\n")
        status, text = answer(connection)
    assert (status, json.loads(text)["error"]["code"]) == (413, "body_too_large")
    assert server.ask("GET", "/health")[0] == 200


def test_a_stream_goes_to_an_old_client_as_well(server: Server) -> None:
    body = json.dumps(json.loads(CHAT) | {"stream": True})
    with connect(server) as connection:
        connection.sendall(post(body).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        status, text = answer(connection)
    assert status == 200
    assert text.endswith("data: [DONE]\n\n")
