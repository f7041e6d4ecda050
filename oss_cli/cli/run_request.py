"""What `oss run` was asked: plain values, put together from the command line, a template and the input."""

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oss_cli.cli.run_input import InputSources, check_letters, missing_prompt, read_input
from oss_cli.cli.run_words import split_model, split_pairs
from oss_cli.errors import BadTemplate, BadUsage

if TYPE_CHECKING:
    from oss_cli.conversation.answer_form import AnswerForm
    from oss_cli.conversation.messages import Message
    from oss_cli.conversation.options import ReplyOptions
    from oss_cli.settings import Settings
    from oss_cli.templates import Template
    from oss_cli.wiring import ModelChoice, Resumed, ServerChoice


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line names, as it was typed."""

    words: tuple[str, ...]
    files: tuple[str, ...] = ()
    encoding: str = ""
    template: str | None = None
    variables: tuple[str, ...] = ()
    goes_on: bool = False
    """With the last conversation."""
    conversation: str | None = None
    """Go on with this one."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the answer is wanted."""

    extract: bool = False
    """Only its first block of code."""
    extract_lang: str = ""
    """The first in this language; empty: in any."""
    is_raw: bool = False
    """The prompt is gone on with, in no chat format."""
    schema: str | None = None
    """What the answer must fit, as it was typed; `grammar` likewise."""
    grammar: str | None = None
    is_json: bool = False
    is_json_lines: bool = False
    shows_reasoning: bool = False
    hides_reasoning: bool = False
    shows_stats: bool = False
    shows_log: bool = False
    saves: bool = False
    """As a new conversation."""
    is_dry_run: bool = False
    """The prompt alone is wanted."""

    def with_template(self, template: "Template") -> "Wishes":
        """What a template wants, too."""
        return replace(
            self,
            extract=self.extract or template.extract or bool(template.extract_lang),
            extract_lang=self.extract_lang or template.extract_lang,
            is_raw=self.is_raw or template.raw,
        )

    def check(self, *, goes_on: bool, system: str | None, private: bool | None) -> None:
        """Refuse what cannot go together.

        goes_on: with a kept conversation. system: instructions, if they were given for this reply.

        Raises:
            BadUsage: two wishes contradict each other.
        """
        if self.is_json and self.is_json_lines:
            raise BadUsage(
                "--json and --jsonl exclude each other", cause="the last line of --jsonl is what --json writes"
            )
        if self.is_raw and (goes_on or self.saves):
            raise BadUsage(
                "--raw has no conversation", cause="a text that is gone on with is none", hint="oss run --raw TEXT"
            )
        if self.is_raw and system is not None:
            raise BadUsage("--raw has no place for instructions", cause="the model reads the prompt and nothing else")
        if self.saves and private:
            raise BadUsage(
                "nothing can be kept", cause="the setting private is true", hint="OSS_PRIVATE=false oss run --save"
            )


@dataclass(frozen=True, slots=True)
class Request:
    """Everything about one reply."""

    choice: "ModelChoice | ServerChoice"
    settings: "Settings"
    prompt: str
    typed: str
    """What of the prompt was typed or piped, where files stand in it, too."""
    wishes: Wishes
    resumed: "Resumed | None" = None
    notices: tuple[str, ...] = ()
    form: "AnswerForm | None" = None
    """What the answer must be like."""
    recurring: str = ""
    """What of the prompt other requests are expected to begin with."""

    def with_seed(self) -> "Request":
        """The same with a seed that is known, also if the reply is broken off."""
        from oss_cli.conversation.options import fresh_seed

        sampling = self.settings.sampling
        if sampling.seed is not None:
            return self
        return replace(self, settings=replace(self.settings, sampling=replace(sampling, seed=fresh_seed())))

    def options(self) -> "ReplyOptions":
        """How the model is to answer."""
        from oss_cli import wiring

        return replace(wiring.reply_options(self.settings), answer_form=self.form)

    def messages(self) -> "tuple[list[Message], ReplyOptions]":
        """What a model is told, and how it is to answer."""
        from oss_cli.conversation.messages import user_message
        from oss_cli.conversation.tree import Node, shown_to_model, told

        options = replace(self.options(), recurring=self.recurring)
        question = Node("", None, user_message(self.prompt), 0.0)
        if self.wishes.is_raw:
            return [question.message], options  # instructions of config.toml are meant for conversations
        if self.resumed is None:
            return told(self.settings.system or "", [question]), options
        before = shown_to_model(self.resumed.conversation.path())
        system = self.settings.system or self.resumed.conversation.system
        return told(system, [*before, question]), replace(options, date=self.resumed.conversation.date)


def build_request(given: Given, command_line: "Settings", wishes: Wishes) -> Request:
    """The request with its prompt; the model is looked for before the input is waited for.

    command_line: the settings that it decides, but for a model among the words.

    Raises:
        BadUsage: there is no prompt, the input is no text, the template lacks values, or wishes contradict each other.
        DoesNotFit: the input is larger than any context.
        OssError: the model, the conversation or a file of settings cannot be used.
    """
    from oss_cli import wiring

    template = wiring.open_templates().load(given.template) if given.template is not None else None
    form = _form(wishes, template)
    if template is None and given.variables:
        raise BadUsage("-p goes with a template", hint=f"oss run -t NAME -p {shlex.quote(given.variables[0])}")
    values = split_pairs(given.variables, option="-p")
    named, prompt = split_model(
        list(given.words), command_line.model, needs_prompt=not given.files and template is None
    )
    command_line = replace(command_line, model=named)
    goes_on = given.goes_on or given.conversation is not None
    if template is not None:
        wishes = wishes.with_template(template)
        settings = wiring.load_settings(command_line.over(wiring.open_templates().settings(template)))
    else:
        settings = wiring.load_settings(command_line)
    if form is not None:
        _check_form(wishes, settings)
    wishes.check(goes_on=goes_on, system=command_line.system, private=settings.private)
    _check_keeping(command_line, settings)
    if settings.private:
        wiring.leave_no_trace()
    resumed = wiring.resume(given.conversation, is_last=given.goes_on)
    if resumed is not None:
        settings = resumed.fill_in(command_line, settings)
    choice = _choose(settings, command_line, wishes)
    read = read_input(InputSources(prompt, given.files, given.encoding), is_raw=wishes.is_raw)
    text, typed = read.text, read.typed
    if template is not None:
        filled = template.fill(values, text)
        parts = [filled.prompt] if filled.has_input else [text, filled.prompt]
        text, typed = "\n\n".join(part for part in parts if part.strip()), ""
        if command_line.system is None and template.system:
            settings = replace(settings, system=filled.system)
    check_letters(text, settings.system or "")
    if not text.strip():
        raise missing_prompt(named)
    asked = prompt if prompt is not None and prompt != "-" else ""
    recurring = (text.removesuffix(asked) or text) if settings.cache else ""
    notices = (*_unreadable(resumed), *read.notices)
    return Request(choice, settings, text, typed, wishes, resumed, notices, form, recurring)


def _unreadable(resumed: "Resumed | None") -> tuple[str, ...]:
    if resumed is None or not resumed.conversation.unreadable:  # before the load nothing is imported for nothing
        return ()
    from oss_cli.terminal.conversation import describe_unreadable

    return (describe_unreadable(resumed.conversation),)


def _check_form(wishes: Wishes, settings: "Settings") -> None:
    refuse_beside_form(settings)
    if wishes.extract:
        raise BadUsage("-x goes with no form of the answer", cause="the whole answer has the form, and is written")


def _check_keeping(command_line: "Settings", settings: "Settings") -> None:
    """Refuse `--cache` where a setting forbids it.

    Raises:
        BadUsage: one does.
    """
    if not command_line.cache:
        return
    if settings.private:
        raise BadUsage(
            "nothing can be kept", cause="the setting private is true", hint="OSS_PRIVATE=false oss run --cache"
        )
    if settings.cache_gb == 0:
        raise BadUsage("nothing can be kept", cause="the setting cache_gb is 0", hint="OSS_CACHE_GB=4 oss run --cache")


def refuse_beside_form(settings: "Settings") -> None:
    """Refuse what cannot go together with a form of the answer.

    Raises:
        BadUsage: the answer would end elsewhere.
    """
    stops = settings.sampling.stop
    if stops:
        raise BadUsage(
            "stop strings go with no form of the answer",
            cause=f"the form says where it ends, and {stops[0]!r} might stand in it",
        )


def _form(wishes: Wishes, template: "Template | None") -> "AnswerForm | None":
    """What the answer must be like: as the command line says, else as the template does.

    Raises:
        BadUsage: the command line names no form that an answer can have.
        BadTemplate: the template does not.
    """
    from oss_cli import wiring

    is_given = wishes.schema is not None or wishes.grammar is not None
    if is_given or template is None or not (template.schema or template.grammar):
        return wiring.read_answer_form(wishes.schema, wishes.grammar)
    try:
        return wiring.answer_form_of(template.schema or None, template.grammar or None)
    except BadUsage as error:
        problem = ": ".join(part for part in (error.message, error.cause) if part)
        raise BadTemplate(wiring.open_templates().path_of(template.name), problem, name=template.name) from error


def _choose(settings: "Settings", command_line: "Settings", wishes: Wishes) -> "ModelChoice | ServerChoice":
    """The model that is to answer, here or on a server.

    Raises:
        OssError: it cannot be found, or the server cannot do what is asked for.
    """
    from oss_cli import wiring
    from oss_cli.cli.server import tell_person

    server = wiring.chosen_server(settings, command_line)
    if server is None:
        return replace(wiring.choose_model(settings.model), is_plain=wishes.is_raw)
    if wishes.is_raw or wishes.is_dry_run:
        option, reason = ("--raw", "it answers conversations alone") if wishes.is_raw else (
            "--dry-run", "the prompt is written there, by the model's own template"
        )  # fmt: skip
        raise BadUsage(f"{option} is not for servers", cause=reason, hint=f"oss run {option} --server local")
    return wiring.choose_served(server, settings, command_line.model, tell_person)
