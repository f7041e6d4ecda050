"""Makes what holds replies to their forms, and keeps what it takes: the vocabulary as a table, the last grammar.

Loads the grammar room (18 ms), so that `local` loads it for replies with a form alone.
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass

from oss_cli.backends.answer_guard import AnswerGuard, KnownTokens, ReplyGrammar
from oss_cli.conversation.answer_form import AnswerForm, CallForm, SchemaForm
from oss_cli.conversation.messages import Tool
from oss_cli.conversation.options import ReplyOptions
from oss_cli.engine.base import TokenSource
from oss_cli.grammar.certain import CertainTokens
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
        self._table: Future[TokenTable] | None = None
        certain = CertainTokens(self._all_tokens, self._tokenize, tokens.piece)
        self._known = KnownTokens(tokens, self._all_tokens, certain)
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
        self._begin_table()
        # A reply that goes on is read on the caller's thread: it must not share a grammar with the engine's.
        grammar = self._kept_grammar(wanted) if options.begun is None else _compile(wanted)
        # The chances of tokens are the model's, and a forced one has none: who wants them has it asked for each; and
        # who favours or bans a token has it asked for that one.
        every = range(self._tokens.size)
        asked_for = options.sampling.logit_bias or () if options.chances is None else every
        return AnswerGuard(grammar, frame, self._known, asked_for=asked_for)

    def _kept_grammar(self, wanted: _Wanted) -> ReplyGrammar:
        with self._lock:
            if self._kept is None or self._kept[0] != wanted or self._kept[1].automaton.size > _MOST_STATES:
                self._kept = wanted, _compile(wanted)
            return self._kept[1]

    def _begin_table(self) -> None:
        """Make the table of the vocabulary on a thread of its own: 0.33 s on gpt-oss, while the prompt is evaluated."""
        with self._lock:
            if self._table is None:
                self._table = Future()
                threading.Thread(target=self._make_table, args=(self._table,), name="vocabulary", daemon=True).start()

    def _make_table(self, future: "Future[TokenTable]") -> None:
        try:
            future.set_result(TokenTable(self._tokens.pieces()))
        except BaseException as error:  # raised again by whoever needs the table: the model was closed, say
            future.set_exception(error)

    def _all_tokens(self) -> TokenTable:
        assert self._table is not None, "a guard was asked for"
        return self._table.result()

    def _tokenize(self, text: str) -> list[int]:
        """The tokens of a text; none where control tokens would stand for their names, which llama.cpp lets happen."""
        tokens = self._tokens.tokenize(text, parse_special=False)
        return [] if any(map(self._tokens.is_special, tokens)) else tokens


def _compile(wanted: _Wanted) -> ReplyGrammar:
    answer = compile_form(wanted.answer) if wanted.answer is not None else None
    names = wanted.call.names if wanted.call is not None else ()
    schemas = {tool.name: tool.parameters for tool in wanted.tools}
    arguments = [compile_form(SchemaForm(schemas.get(name) or _NO_ARGUMENTS)) for name in names]
    return ReplyGrammar(answer, wanted.frame, arguments)
