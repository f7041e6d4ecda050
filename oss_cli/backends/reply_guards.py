"""Makes what holds replies to their forms, and keeps what it takes: the vocabulary as a table, the last grammar.

Loads the grammar room (18 ms), so that `local` loads it for replies with a form alone.
"""

import threading
from dataclasses import dataclass

from oss_cli.backends.answer_guard import AnswerGuard, ReplyGrammar
from oss_cli.conversation.answer_form import AnswerForm, CallForm, SchemaForm
from oss_cli.conversation.messages import Tool
from oss_cli.conversation.options import ReplyOptions
from oss_cli.engine.base import TokenSource
from oss_cli.grammar.form import compile_form
from oss_cli.grammar.token_table import TokenTable
from oss_cli.prompts.base import Prompt, PromptFormat

_MOST_STATES = 50_000
"""A kept grammar that has more is made anew: some hundred bytes each, and the masks of some of them."""
_NO_ARGUMENTS = {"type": "object", "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a grammar is made of."""

    answer: AnswerForm | None
    call: CallForm | None
    tools: tuple[Tool, ...]
    frame: str


class ReplyGuards:
    """For the replies of one model in one format; from any thread."""

    def __init__(self, prompt_format: PromptFormat, tokens: TokenSource) -> None:
        self._format = prompt_format
        self._tokens = tokens
        self._table: TokenTable | None = None
        self._kept: tuple[_Wanted, ReplyGrammar] | None = None
        """Of the last form that was asked for."""
        self._lock = threading.Lock()

    def guard(self, prompt: Prompt, options: ReplyOptions) -> AnswerGuard:
        """What holds a reply's answer and calls to the forms that its options name.

        Raises:
            BadUsage: no answer can have this form.
        """
        call = options.call_form
        frame = self._format.frame(prompt) if call is None else self._format.call_frame(prompt, call)
        wanted = _Wanted(options.answer_form, call, options.tools if call is not None else (), frame.grammar)
        # A reply that goes on is read on the caller's thread: it must not share a grammar with the engine's.
        grammar = self._kept_grammar(wanted) if options.begun is None else _compile(wanted)
        return AnswerGuard(grammar, frame, self._tokens, self._all_tokens)

    def _kept_grammar(self, wanted: _Wanted) -> ReplyGrammar:
        with self._lock:
            if self._kept is None or self._kept[0] != wanted or self._kept[1].automaton.size > _MOST_STATES:
                self._kept = wanted, _compile(wanted)
            return self._kept[1]

    def _all_tokens(self) -> TokenTable:
        if self._table is None:
            self._table = TokenTable(self._tokens.pieces())
        return self._table


def _compile(wanted: _Wanted) -> ReplyGrammar:
    answer = compile_form(wanted.answer) if wanted.answer is not None else None
    names = wanted.call.names if wanted.call is not None else ()
    schemas = {tool.name: tool.parameters for tool in wanted.tools}
    arguments = [compile_form(SchemaForm(schemas.get(name) or _NO_ARGUMENTS)) for name in names]
    return ReplyGrammar(answer, wanted.frame, arguments)
