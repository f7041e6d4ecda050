"""[servers.NAME] of config.toml: what each of its fields may be, and what it says. Reads no file and no variable."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from oss_cli.errors import BadSettings, BadUsage, UnknownServer, quoted
from oss_cli.setting_rules import SettingRule, read_switch

LOCAL = "local"
"""The name that stands for no server: this computer."""
TABLE = "servers"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What is decided of a server. A field that is None is undecided."""

    url: str
    """Where it answers: with its path (mostly /v1)."""
    name: str = ""
    """As config.toml calls it; empty: it has an address alone."""
    model: str | None = None
    """The model to use there when none is named."""
    api_key_env: str | None = None
    """Name of the variable that holds its key: keys stand in no file of ours."""
    timeout_s: float | None = None
    """After so long without a byte a reply is given up."""
    allow_plain_http: bool | None = None
    """Whether its key may travel without encryption."""

    @property
    def called(self) -> str:
        """What stands after --server."""
        return self.name or self.url


def read_address(text: str) -> str:
    """A server's address as requests use it: without a slash at the end, and with /v1 where it has no path at all.

    Raises:
        ValueError: it is no http or https address, or holds a name, a key or a query.
    """
    text = text.strip()
    parts = urlsplit(text)  # ValueError: brackets that do not match
    is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    if not is_server or "@" in parts.netloc or set(text) & set(" ?#") or not text.isprintable():
        raise ValueError(text)
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= _MOST_SECONDS:
        raise ValueError(text)
    return value


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text.strip()):
        raise ValueError(text)
    return text.strip()


SERVER_RULES: dict[str, SettingRule] = {
    "url": SettingRule(
        read_address, "an address such as https://host:8000/v1, without a key in it", "where it answers"
    ),
    "model": SettingRule(str, "a text", "the model to use there when none is named"),
    "api_key_env": SettingRule(
        _variable, "the name of an environment variable, not the key itself", "the variable that holds its key"
    ),
    "timeout_s": SettingRule(
        _seconds, f"seconds, above 0 and up to {_MOST_SECONDS}", "after so long without a byte a reply is given up"
    ),
    "allow_plain_http": SettingRule(
        read_switch, "true or false", "true: its key may travel without encryption", is_switch=True
    ),
}
"""Every field of [servers.NAME]."""


def is_server_setting(name: str) -> bool:
    """Whether a name is meant as servers.NAME.FIELD, or the beginning of one."""
    return name.strip().lower().partition(".")[0] == TABLE


def split_name(name: str) -> tuple[str, str]:
    """The server and the field of a servers.NAME.FIELD; the field is empty in servers.NAME.

    Raises:
        BadUsage: there is no such field, or no server can be called that.
    """
    _, server, *fields = *name.strip().split("."), ""
    field = fields[0].lower().replace("-", "_") if fields else ""
    if len(fields) > 2 or not _NAME.fullmatch(server) or server == LOCAL:
        cause = f"letters, digits, - and _; {LOCAL} means this computer"
        raise BadUsage(f"{name!r} is no setting of a server", cause=cause, hint="oss config set servers.NAME.url URL")
    if field and field not in SERVER_RULES:
        raise BadUsage(f"a server has no setting called {field!r}", cause=f"they are {', '.join(SERVER_RULES)}")
    return server, field


def check_value(name: str, field: str, text: str) -> object:
    """A field's value.

    name: the whole name, for the error.

    Raises:
        BadUsage: the text is no value for it.
    """
    rule = SERVER_RULES[field]
    try:
        return rule.parse(text)
    except ValueError as error:
        shown = "what was given" if field in ("api_key_env", "url") else repr(text)  # it may hold a key
        raise BadUsage(f"{name} cannot be {shown}", cause=f"it must be {rule.form}") from error


def read_servers(table: object, source: object) -> dict[str, ServerSettings]:
    """The servers of config.toml. Fields that we do not know are passed over: `unknown_fields`.

    table: what stands under `servers`; None: nothing does. source: the file, for errors.

    Raises:
        BadSettings: one has a value that it cannot have, or no address.
    """
    servers = {}
    for name, fields in _tables(table, source).items():
        values: dict[str, Any] = {}
        for field, value in fields.items():
            if field not in SERVER_RULES:
                continue
            whole = f"{TABLE}.{name}.{field}"
            hint = f"oss config unset {whole}"
            try:
                split_name(whole)
                values[field] = check_value(whole, field, _as_text(value, field))
            except BadUsage as error:
                raise BadSettings(f"{source} cannot be used: {error.message}", cause=error.cause, hint=hint) from error
        if "url" not in values:
            hint = f"oss config set {TABLE}.{quoted(name)}.url URL"
            raise BadSettings(f"{source} cannot be used: {TABLE}.{name} has no url", hint=hint)
        servers[name] = ServerSettings(**values, name=name)
    return servers


def unknown_fields(table: object) -> tuple[str, ...]:
    """Each field that we do not know, as a sentence with the one that may have been meant."""
    sentences = []
    for name, fields in table.items() if isinstance(table, dict) else ():
        for field in fields if isinstance(fields, dict) else ():
            if field not in SERVER_RULES:
                nearest = next(iter(_nearest(field, SERVER_RULES)), "")
                meant = f"; did you mean {nearest}?" if nearest else ""
                sentences.append(f"config.toml: {TABLE}.{name} has no setting called {field!r}{meant}")
    return tuple(sentences)


def find_server(text: str, read: Callable[[], Mapping[str, ServerSettings]]) -> ServerSettings | None:
    """The server that a name of config.toml or an address means; None: this computer.

    read: gives those of config.toml; called where a name is to be found.

    Raises:
        UnknownServer: no server has that name.
        BadUsage: it is an address that cannot be used.
    """
    if text.strip() == LOCAL:
        return None
    if "://" in text:
        return ServerSettings(str(check_value("--server", "url", text)))
    servers = read()
    found = servers.get(text.strip())
    if found is None:
        looks_like_host = ":" in text or "." in text or "/" in text
        hint = f"--server {quoted('http://' + text.strip())}" if looks_like_host else ""
        nearest = _nearest(text, servers) or tuple(servers)[:3]
        raise UnknownServer(text, nearest=nearest, hint=hint or f"oss config set {TABLE}.{quoted(text)}.url URL")
    return found


def _tables(table: object, source: object) -> "dict[str, dict[str, object]]":
    if table is None:
        return {}
    if not isinstance(table, dict) or not all(isinstance(fields, dict) for fields in table.values()):
        cause = "[servers.NAME] is a table with a url"
        raise BadSettings(
            f"{source} cannot be used: servers is no table of tables", cause=cause, hint="oss config edit"
        )
    return table


def _nearest(word: str, words: Iterable[str]) -> tuple[str, ...]:
    # Only after a mistake: importing it takes 0.8 ms, which every start would pay.
    from difflib import get_close_matches

    return tuple(get_close_matches(word, list(words), n=3, cutoff=0.6))


def _as_text(value: object, field: str) -> str:
    """Raises BadUsage where no text of it can be meant."""
    if isinstance(value, bool) and SERVER_RULES[field].is_switch:
        return str(value).lower()
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise BadUsage(f"{field} is a {type(value).__name__}", cause=f"it must be {SERVER_RULES[field].form}")
