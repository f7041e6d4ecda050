"""One saved prompt: what its TOML may say, and how its variables are filled in. Reads no file.

    prompt = "Translate into $language:\\n\\n$input"      what is asked; $$ is a dollar sign
    system = "You are a translator."                     instructions, with variables as well
    model = "gpt-oss-20b"
    extract = true                                       as -x; extract_lang, raw: as the options of `oss run`
    schema = "city str, people int"                      of the answer, or in JSON; or grammar, in GBNF
    [options]                                            effort, ctx, reasoning_budget and every sampling option
    temperature = 0.2
    [defaults]                                           values of variables that nobody gives
    language = "English"

What is put in the place of a variable is never looked at for variables again.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from string import Template as Text
from typing import TypeVar

from oss_cli.conversation.option_text import OPTION_RULES
from oss_cli.errors import BadUsage
from oss_cli.settings import Settings

INPUT = "input"
"""The variable that stands for what a prompt would be without a template."""

OPTION_NAMES = ("effort", "ctx", "reasoning_budget", *OPTION_RULES)
"""The settings that a template may decide beside its model."""

_TEXTS = ("prompt", "system", "model", "extract_lang", "schema", "grammar")
_Kind = TypeVar("_Kind", str, bool)


class Unfit(ValueError):
    """What stands in a template's file and cannot."""


@dataclass(frozen=True, slots=True)
class FilledTemplate:
    """A template with everything in its place."""

    prompt: str
    system: str
    has_input: bool
    """Whether the input stands in one of them; if not, it has its place elsewhere."""


@dataclass(frozen=True, slots=True)
class Template:
    """A saved prompt."""

    name: str
    prompt: str = ""
    system: str = ""
    model: str = ""
    """Empty: whichever it would be without a template."""
    extract: bool = False
    """Whether only the first block of code of the answer is wanted."""
    extract_lang: str = ""
    """And that in this language; empty: any."""
    raw: bool = False
    """Whether the prompt is to be gone on with, in no chat format."""
    schema: str = ""
    """What the answer must fit, as JSON Schema or in short."""
    grammar: str = ""
    """What it must fit instead, in GBNF."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Settings by their names."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Values of variables that nobody gives."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable, in the order in which they come; the input is one of them."""
        names = (*Text(self.system).get_identifiers(), *Text(self.prompt).get_identifiers())
        return tuple(dict.fromkeys(names))

    def decide(self, settings: Settings) -> Settings:
        """What the template decides. settings: its [options], read elsewhere."""
        return replace(settings, model=self.model or None, system=self.system or None)

    def fill(self, values: Mapping[str, str], given_input: str) -> FilledTemplate:
        """Put values in the place of variables.

        Raises:
            BadUsage: values are missing, all of which it names; or one is given that has no place.
        """
        unknown = [name for name in values if name not in self.variables or name == INPUT]
        if unknown:
            known = [f"${name}" for name in self.variables if name != INPUT]
            cause = f"it has {', '.join(known)}" if known else "it has no variables"
            if INPUT in unknown:
                cause = "it stands for standard input, files and the prompt"
            raise BadUsage(f"the template {self.name} has no variable ${unknown[0]} to be given", cause=cause)
        given = {**self.defaults, **values}
        if given_input:
            given[INPUT] = given_input
        missing = [name for name in self.variables if name not in given]
        if missing:
            raise self._missing(missing)
        has_input = INPUT in self.variables
        return FilledTemplate(Text(self.prompt).substitute(given), Text(self.system).substitute(given), has_input)

    def _missing(self, names: list[str]) -> BadUsage:
        command = ["oss run", "-t", shlex.quote(self.name), *(f"-p {name}=VALUE" for name in names if name != INPUT)]
        if INPUT in names:
            command.append("< FILE")
        shown = ", ".join(f"${name}" for name in names)
        return BadUsage(
            f"the template {self.name} lacks {'values' if len(names) > 1 else 'a value'}",
            cause=f"nothing is given for {shown}",
            hint=" ".join(command),
        )


def template_of(name: str, table: Mapping[str, object]) -> Template:
    """The template that a TOML file holds.

    Raises:
        Unfit: something in it cannot be.
    """
    known = [one.name for one in fields(Template) if one.name != "name"]
    for key in table:
        if key not in known:
            raise Unfit(f"{key}: a template has {', '.join(known[:-1])} and {known[-1]}")
    texts = {key: _checked(table, key, str, "a text") for key in _TEXTS}
    flags = {key: _checked(table, key, bool, "true or false") for key in ("extract", "raw")}
    options = _table(table, "options")
    for option in options:
        if option not in OPTION_NAMES:
            raise Unfit(f"options.{option}: the options are {', '.join(OPTION_NAMES)}")
    defaults = {key: _default(key, value) for key, value in _table(table, "defaults").items()}
    template = Template(
        name, texts["prompt"], texts["system"], texts["model"], flags["extract"], texts["extract_lang"],
        flags["raw"], texts["schema"], texts["grammar"], options, defaults,
    )  # fmt: skip
    if template.schema and template.grammar:
        raise Unfit("grammar: an answer has one form, and there is a schema")
    for key in ("prompt", "system"):
        _check_variables(key, texts[key])
    if not template.prompt.strip() and not template.system.strip() and not template.options:
        raise Unfit("prompt: is missing")
    if template.raw and template.system:
        raise Unfit("system: a raw prompt has no place for instructions")
    return template


def template_values(template: Template) -> dict[str, object]:
    """What the TOML file of a template says; what is empty is left out."""
    values = {one.name: getattr(template, one.name) for one in fields(Template) if one.name != "name"}
    return {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items() if value}


def _check_variables(key: str, text: str) -> None:
    if Text(text).is_valid():
        return
    bad = next(match for match in Text.pattern.finditer(text) if match["invalid"] is not None)
    line = text.count("\n", 0, bad.start()) + 1
    raise Unfit(f"{key}: the $ in line {line} begins no $name; a dollar sign is $$")


def _checked(table: Mapping[str, object], key: str, kind: type[_Kind], words: str) -> _Kind:
    value = table.get(key, kind())
    if not isinstance(value, kind):
        raise Unfit(f"{key}: must be {words}")
    return value


def _table(table: Mapping[str, object], key: str) -> dict[str, object]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise Unfit(f"{key}: must be a table, [{key}]")
    return value


def _default(key: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unfit(f"defaults.{key}: must be a text or a number")
    return str(value)
