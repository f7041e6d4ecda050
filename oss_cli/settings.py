"""What the user has decided: settings from the command line, the environment and config.toml. Reads no other file.

Precedence, the first that decides a setting wins:
  1. options of the command line
  2. environment variables: OSS_ and the setting's name in capitals; after them, for hub_cache, HF_HUB_CACHE and HF_HOME
  3. config.toml in the configuration folder
What nobody decides is left to the model's catalogue entry, then to the model file, then to our defaults.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from oss_cli.conversation.habits import EditingMode, Overflow, ReasoningView
from oss_cli.conversation.option_text import OPTION_RULES, set_option
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.errors import BadSettings, BadUsage
from oss_cli.own_text import read_own_text
from oss_cli.paths import HUB_CACHE_VARIABLES, hub_cache_of
from oss_cli.plan import KvType, Speculation
from oss_cli.server_settings import TABLE as SERVERS
from oss_cli.server_settings import ServerSettings, unknown_fields
from oss_cli.server_settings import read_servers as servers_of
from oss_cli.setting_rules import SETTING_RULES


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. A field that is None is undecided."""

    model: str | None = None
    """Name of a model, or path of a GGUF."""
    system: str | None = None
    """Instructions that stand before every conversation."""
    effort: ReasoningEffort | None = None
    """How long a reasoning model may think: low, medium or high."""
    ctx: int | None = None
    """Tokens that a conversation can hold; undecided: as many as it needs, up to what the model was trained for."""
    threads: int | None = None
    """CPU threads; undecided: one for each physical core."""
    gpu_layers: int | None = None
    """How many layers go to the GPU; undecided: as many as fit, where the build has one."""
    cpu_moe: int | None = None
    """Of how many layers the experts stay on the CPU; undecided: as few as possible."""
    kv_type: KvType | None = None
    """How the cache keeps keys and values: f16, or q8_0 in half the memory; undecided: f16."""
    no_mmap: bool | None = None
    """Whether the model is copied into memory instead of being used where the file's pages are."""
    mlock: bool | None = None
    """Whether the model is kept from being swapped out."""
    batch: int | None = None
    """Tokens of a prompt that are computed together; undecided: 512."""
    repack: bool | None = None
    """Whether chats and batches copy CPU weights into a layout for faster prompts; undecided: where it pays."""
    speculation: Speculation | None = None
    """Whether the next tokens of a reply are guessed; undecided: where it pays."""
    draft: str | None = None
    """Name or path of a smaller model that guesses them; undecided: they are looked up in the text."""
    keep_alive: int | None = None
    """Seconds for which a model stays in memory after its last use; 0: it never does, and none that does is used;
    undecided: one that `oss load` put there is used, none is put there."""
    offline: bool | None = None
    """Whether the network is forbidden; undecided: it is used where a command needs it."""
    server: str | None = None
    """The server that answers: its name in [servers.NAME], or its address; `local` or undecided: this computer."""
    hub_cache: Path | None = None
    """Folder of what is pulled, shared with other programs; undecided: where the Hugging Face libraries have theirs."""
    models_folder: Path | None = None
    """Folder of the models that are ours alone; undecided: `models` in the data folder."""
    private: bool | None = None
    """Whether a chat leaves no trace; undecided: it is kept."""
    cache: bool | None = None
    """Whether `oss run` keeps what it has read for the next time; undecided: no."""
    cache_gb: int | None = None
    """Most gigabytes of what models have read that are kept on disk; 0: nothing; undecided: 4."""
    overflow: Overflow | None = None
    """What happens when the next turn does not fit into the context; undecided: stop and say so."""
    reasoning_budget: int | None = None
    """Most tokens of reasoning before an answer must begin; 0: none; undecided: no limit."""
    reasoning: ReasoningView | None = None
    """How reasoning is shown in a chat; undecided: folded to one line."""
    editing_mode: EditingMode | None = None
    """Whose keys the line editor obeys; undecided: emacs."""
    markdown: bool | None = None
    """Whether a person sees answers as Markdown; undecided: yes."""
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    """Each of its fields is a setting of its own: temperature, top_p, top_k, ..."""

    def over(self, fallback: "Settings") -> "Settings":
        """These settings, and where they are undecided, those of `fallback`."""
        undecided = {f.name: getattr(fallback, f.name) for f in fields(self) if getattr(self, f.name) is None}
        return replace(self, **undecided, sampling=self.sampling.over(fallback.sampling))


SETTING_NAMES: tuple[str, ...] = tuple(SETTING_RULES)
"""Every setting, as config.toml spells it."""

SETTING_MEANINGS: dict[str, str] = {name: rule.meaning for name, rule in SETTING_RULES.items()}
"""What each setting is, for people, in half a line."""


def load_settings(command_line: Settings, config_file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that are in force.

    Raises:
        BadSettings: config.toml or a variable holds something that cannot be used.
    """
    return command_line.over(read_environment(environment)).over(read_config(config_file))


def read_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that variables decide.

    Raises:
        BadSettings: one holds a value that it cannot have.
    """
    environment = os.environ if environment is None else environment
    settings = Settings()
    for name in SETTING_NAMES:
        variable = f"OSS_{name.upper()}"
        if environment.get(variable):
            hint = f"unset {variable}" if os.name != "nt" else f"Remove-Item Env:{variable}"
            settings = _decide(settings, name, environment[variable], source=variable, hint=hint)
    return settings if settings.hub_cache else replace(settings, hub_cache=hub_cache_of(environment))


def deciding_variable(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The variable that decides a setting; None: no variable does."""
    environment = os.environ if environment is None else environment
    variables = (f"OSS_{name.upper()}", *(HUB_CACHE_VARIABLES if name == "hub_cache" else ()))
    return next((variable for variable in variables if environment.get(variable)), None)


def read_config(path: Path) -> Settings:
    """The settings of a config.toml; none at all if there is no such file.

    Settings that we do not know are passed over, so that the file of a newer `oss` can be used: `unknown_settings`.

    Raises:
        BadSettings: it cannot be read, is not TOML, or has a value that cannot be.
    """
    table = {name: value for name, value in _read_table(path).items() if name in SETTING_NAMES}
    return settings_of(table, source=path, hint="oss config unset {}")


def settings_of(table: Mapping[str, object], *, source: Path, hint: str) -> Settings:
    """The settings that a TOML table of them decides.

    source: the file, for the error. hint: what to type against a bad one, `{}` standing for its name.

    Raises:
        BadSettings: one has a value that it cannot have.
    """
    settings = Settings()
    for name, value in table.items():
        values = value if name == "stop" and isinstance(value, list) else [value]
        mends = hint.format(name)
        for one in values:
            settings = _decide(settings, name, _as_text(one, name, source, mends), source=str(source), hint=mends)
    return settings


def read_servers(path: Path) -> dict[str, ServerSettings]:
    """The [servers.NAME] of a config.toml, by name.

    Raises:
        BadSettings: it cannot be read, is not TOML, or has a value that cannot be.
    """
    return servers_of(_read_table(path).get(SERVERS), path)


def unknown_settings(path: Path) -> tuple[str, ...]:
    """What a config.toml holds and we do not know, each as a sentence with the setting that may have been meant.

    Raises:
        BadSettings: it cannot be read or is not TOML.
    """
    table = _read_table(path)
    unknown = tuple(_describe_unknown(name) for name in table if name not in (*SETTING_NAMES, SERVERS))
    return unknown + unknown_fields(table.get(SERVERS))


def _describe_unknown(name: str) -> str:
    nearest = nearest_setting(name)
    return f"config.toml: there is no setting called {name!r}" + (f"; did you mean {nearest}?" if nearest else "")


def _read_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_own_text(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadSettings(f"{path} cannot be read", cause=error.strerror or str(error)) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path} cannot be read", cause=str(error), hint="oss config edit") from error


def _decide(settings: Settings, name: str, text: str, *, source: str, hint: str) -> Settings:
    try:
        return set_setting(settings, name, text)
    except BadUsage as error:
        raise BadSettings(f"{source} cannot be used: {error.message}", cause=error.cause, hint=hint) from error


def set_setting(settings: Settings, name: str, text: str) -> Settings:
    """The settings with one more decided.

    Raises:
        BadUsage: no setting has that name, or the text is no value for it.
    """
    if name in OPTION_RULES:
        return replace(settings, sampling=set_option(settings.sampling, name, text))
    rule = SETTING_RULES.get(name)
    if rule is None:
        raise _unknown(name)
    try:
        change: dict[str, Any] = {name: rule.parse(text)}
    except ValueError as error:
        raise BadUsage(f"{name} cannot be {text!r}", cause=f"it must be {rule.form}") from error
    return replace(settings, **change)


def check_setting_name(name: str) -> str:
    """A setting's name as config.toml spells it; dashes and capitals are forgiven.

    Raises:
        BadUsage: there is none of that name.
    """
    plain = name.strip().lower().replace("-", "_")
    if plain not in SETTING_NAMES:
        raise _unknown(name)
    return plain


def nearest_setting(name: str) -> str | None:
    """The setting that a mistyped name may have meant."""
    # Only after a mistake: importing it takes 0.8 ms, which every start would pay.
    from difflib import get_close_matches

    plain = name.strip().lower().replace("-", "_")
    return next(iter(get_close_matches(plain, SETTING_NAMES, n=1, cutoff=0.6)), None)


def _unknown(name: str) -> BadUsage:
    nearest = nearest_setting(name)
    cause = f"did you mean {nearest}?" if nearest else f"the settings are {', '.join(SETTING_NAMES)}"
    return BadUsage(f"there is no setting called {name!r}", cause=cause)


def _as_text(value: object, name: str, path: Path, hint: str) -> str:
    if SETTING_RULES[name].is_switch and isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    message = f"{path} cannot be used: {name} is a {type(value).__name__}"
    raise BadSettings(message, cause=f"it must be {SETTING_RULES[name].form}", hint=hint)
