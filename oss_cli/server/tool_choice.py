"""Which tools a request offers, and whether one of them must be called. For chats and responses alike."""

from dataclasses import replace

from oss_cli.conversation.answer_form import CallForm
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Tool
from oss_cli.conversation.options import ReplyOptions
from oss_cli.grammar.validation import check_schema
from oss_cli.server.request_fields import read_switch


class OfferedTools:
    """Takes tools as they are read, and remembers which want calls that fit their schema without fail."""

    def __init__(self) -> None:
        self._has_strict = False

    def read_strict(self, given: Fields) -> None:
        """Take a tool's field `strict`."""
        self._has_strict = read_switch(given, "strict") or self._has_strict

    def choose(self, options: ReplyOptions, tools: tuple[Tool, ...], choice: object) -> ReplyOptions:
        """The options with the tools that may be called, by a request's `tool_choice`.

        Raises:
            Unfit: the choice cannot be made.
            BadUsage: a tool's parameters are no JSON Schema.
        """
        if choice == "none" or (not tools and choice in (None, "auto")):
            return replace(options, tools=())
        form = self._form_of(choice, tuple(tool.name for tool in tools), holds=options.answer_form is not None)
        if form is not None:
            for tool in tools:
                check_schema(tool.parameters or {})
        return replace(options, tools=tools, call_form=form)

    def _form_of(self, choice: object, names: tuple[str, ...], *, holds: bool) -> CallForm | None:
        """What calls must be like; None: as the model writes them. holds: whether the answer has a form."""
        match choice:
            case None | "auto":
                return CallForm(names, may_answer=True) if holds or self._has_strict else None
            case "required":
                return self._required(names)
            case {"type": "function", "function": {"name": name}} | {"type": "function", "name": name}:
                if name not in names:
                    raise Unfit("tool_choice", f"there is no tool {name!r}")
                return self._required((name,))
        raise Unfit("tool_choice", "must be none, auto, required or a function")

    def _required(self, names: tuple[str, ...]) -> CallForm:
        if not names:
            raise Unfit("tool_choice", "there are no tools")
        return CallForm(names)
