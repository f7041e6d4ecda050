"""HTTP: large files, and services that stream their answers. Owns httpx2, which huggingface_hub brings."""

from oss_cli.http.files import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Answer,
    HttpClient,
    HttpTrouble,
    is_address,
    make_timeout,
    read_wait_s,
    translated_errors,
)
from oss_cli.http.service import ServiceAnswer, ServiceClient, Transport, unix_transport

__all__ = [
    "CONNECT_TIMEOUT_S",
    "READ_TIMEOUT_S",
    "Answer",
    "HttpClient",
    "HttpTrouble",
    "ServiceAnswer",
    "ServiceClient",
    "Transport",
    "is_address",
    "make_timeout",
    "read_wait_s",
    "translated_errors",
    "unix_transport",
]
