"""The folder of saved prompts: one TOML file each, readable by its owner alone. Knows not what a prompt is for."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path

from oss_cli.errors import BadSettings, BadTemplate, BadUsage, CannotWrite, UnknownTemplate
from oss_cli.own_text import read_own_text
from oss_cli.settings import Settings, settings_of
from oss_cli.templates.template import Template, Unfit, template_of, template_values

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEVICES = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])")  # no file can be called that on Windows
_BEGINNING = """\
# A saved prompt: oss run -t NAME. $name is a variable, given with -p name=VALUE; $input is standard input, files and
# the prompt of the command line; $$ is a dollar sign.
# Also: system, model, extract, extract_lang, raw, schema, grammar,
# [options] (temperature, effort, ...), [defaults] (name = "VALUE").
"""


class TemplateFolder:
    """The saved prompts of one user; the folder need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Every template's name, in order."""
        try:
            files = [path for path in self._folder.iterdir() if path.suffix == ".toml" and path.is_file()]
        except OSError:
            return []
        return sorted(path.stem for path in files if _is_name(path.stem))

    def path_of(self, name: str) -> Path:
        """Where a template is, or would be.

        Raises:
            BadUsage: no template can have that name.
        """
        if not _is_name(name):
            cause = "it must be up to 64 ASCII letters, digits, - and _, and begin with a letter or a digit"
            raise BadUsage(f"no template can be called {name!r}", cause=cause)
        return self._folder / f"{name}.toml"

    def has(self, name: str) -> bool:
        """Whether there is a template of that name."""
        return self.path_of(name).is_file()

    def text(self, name: str) -> str:
        """What a template's file says.

        Raises:
            BadUsage: there is no such template.
            BadTemplate: it cannot be read.
        """
        path = self.path_of(name)
        try:
            return read_own_text(path)
        except FileNotFoundError as error:
            raise UnknownTemplate(name, nearest=tuple(get_close_matches(name, self.names(), cutoff=0.5))) from error
        except OSError as error:
            raise BadTemplate(path, error.strerror or str(error), name=name) from error
        except UnicodeDecodeError as error:
            raise BadTemplate(path, str(error), name=name) from error

    def load(self, name: str) -> Template:
        """A template.

        Raises:
            BadUsage: there is no such template.
            BadTemplate: its file cannot be used.
        """
        return self._read(name, self.text(name))

    def settings(self, template: Template) -> Settings:
        """What a template decides.

        Raises:
            BadTemplate: one of its options has a value that it cannot have.
        """
        path = self.path_of(template.name)
        try:
            settings = settings_of(template.options, source=path, hint="")
        except BadSettings as error:
            problem = f"{error.message.rpartition(': ')[2]}; {error.cause}"
            raise BadTemplate(path, problem, name=template.name) from error
        return template.decide(settings)

    def save(self, template: Template) -> Path:
        """Write a template, over one of the same name; where it is.

        Raises:
            BadUsage: its name cannot be, or a text in it cannot.
            CannotWrite: the system refuses.
        """
        from oss_cli.toml_file import write_privately, write_toml  # 24 ms, which running a template need not pay

        path = self.path_of(template.name)
        text = write_toml(template_values(template))
        try:
            self.settings(template_of(template.name, tomllib.loads(text)))
        except (Unfit, BadTemplate) as error:
            problem = error.cause if isinstance(error, BadTemplate) else str(error)
            raise BadUsage(f"the template {template.name} cannot be saved", cause=problem) from error
        write_privately(path, text)
        return path

    def begin(self, name: str) -> Path:
        """The file of a template to be edited; one that is new has an example in it.

        Raises:
            CannotWrite: the system refuses.
        """
        from oss_cli.toml_file import write_privately  # as in `save`

        path = self.path_of(name)
        if not path.exists():
            write_privately(path, _BEGINNING + '\nprompt = """\n$input"""\n')
        return path

    def remove(self, name: str) -> None:
        """Remove a template for good.

        Raises:
            BadUsage: there is no such template.
            CannotWrite: the system refuses.
        """
        path = self.path_of(name)
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise UnknownTemplate(name, nearest=tuple(get_close_matches(name, self.names(), cutoff=0.5))) from error
        except OSError as error:
            raise CannotWrite(path, error, verb="removed") from error

    def _read(self, name: str, text: str) -> Template:
        path = self.path_of(name)
        try:
            template = template_of(name, tomllib.loads(text))
        except (tomllib.TOMLDecodeError, Unfit) as error:
            raise BadTemplate(path, str(error), name=name) from error
        self.settings(template)
        return template


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and _DEVICES.fullmatch(name) is None
