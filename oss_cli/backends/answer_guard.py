"""Holds a reply to a form, token by token: reasoning is free, the answer is not. Knows nothing of sampling.

One grammar describes the whole reply, what stands around the answer included: so the form begins with the answer's
first byte, wherever in a token that is.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from oss_cli.engine.base import TokenSource
from oss_cli.grammar.automaton import TOKEN_SYMBOLS, Automaton, State
from oss_cli.grammar.certain import CertainTokens
from oss_cli.grammar.gbnf import read_gbnf
from oss_cli.grammar.nodes import ByteSet, Node, TokenMark
from oss_cli.grammar.soundness import parts_of
from oss_cli.grammar.token_table import TokenTable
from oss_cli.prompts.base import ReplyFrame

_HALF = ByteSet(sum(1 << byte for byte in range(0x80, 0x100)))


class ReplyGrammar:
    """The grammar of whole replies, ready to follow them: what one reply has shown of it, the next need not find."""

    def __init__(self, answer: Node | None, frame: str, arguments: Sequence[Node] = ()) -> None:
        """answer: None: any text. frame: the grammar of what may stand around the answer. arguments: of each call that
        the frame names.

        Raises:
            BadUsage: no answer can have this form.
        """
        rules = {"answer": answer or _any_text(), "half": _HALF}
        rules |= {f"arguments-{number}": node for number, node in enumerate(arguments)}
        root = read_gbnf(frame, rules)
        self.marks = frozenset(node.token for node in parts_of(root) if isinstance(node, TokenMark))
        """The control tokens that may come."""
        self.automaton = Automaton(root)


@dataclass(frozen=True, slots=True)
class KnownTokens:
    """A model's vocabulary, and what was found out about it."""

    source: TokenSource
    table: Callable[[], TokenTable]
    """Gives all tokens, which may take a while; asked for when they are needed."""
    certain: CertainTokens


class AnswerGuard:
    """A TokenFilter for one reply. Told of every token by `take`."""

    def __init__(
        self, grammar: ReplyGrammar, frame: ReplyFrame, known: KnownTokens, *, asked_for: Container[int] = ()
    ) -> None:
        """asked_for: tokens that are left to the model even where they are certain."""
        self._marks = grammar.marks
        self._state: State | None = grammar.automaton.start
        self._frame = frame
        self._tokens = known.source
        self._known = known
        self._asked_for = asked_for
        self._has_begun = False

    @property
    def is_complete(self) -> bool:
        """Whether the answer is whole and nothing can follow."""
        return self._state is not None and self._state.may_end and not self._state.may_go_on

    def allows(self, token: int) -> bool:
        """Whether a token may come next."""
        if self._state is None or self._after(self._state, token) is not None:
            return True
        return self._state.may_end and self._closes(token)

    def allowed_tokens(self) -> Sequence[int]:
        """Every token that may come next."""
        if self._state is None:
            return range(self._tokens.size)
        table = self._known.table().allowed(self._state)
        special = {*self._marks, *self._frame.spellings, *self._frame.closing, *self._tokens.end_tokens()}
        return [*(token for token in table if token not in special), *(one for one in special if self.allows(one))]

    def certain_tokens(self) -> Sequence[int]:
        """Those that have to come next and that the model would write: where the form leaves no choice.

        Never before the first token: the vocabulary may be read while the prompt is evaluated, and is not waited for.
        """
        if self._state is None or not self._has_begun:
            return ()
        tokens = self._known.certain.after(self._state)
        return tuple(takewhile(lambda token: not self._closes(token) and token not in self._asked_for, tokens))

    def take(self, token: int) -> None:
        """A token has come. One that is not allowed was forced, or is of a reply that was begun without the form: from
        there on the reply is free, and whoever has it whole finds out.
        """
        self._has_begun = True
        if self._state is not None:
            self._state = self._after(self._state, token)

    def _after(self, state: State, token: int) -> State | None:
        symbols = self._symbols(token)
        return state.after(symbols) if symbols else None

    def _symbols(self, token: int) -> Iterable[int]:
        if token in self._marks:
            return (TOKEN_SYMBOLS + token,)
        return self._frame.spellings.get(token) or self._tokens.piece(token)

    def _closes(self, token: int) -> bool:
        return token in self._frame.closing or self._tokens.is_end(token)


def _any_text() -> Node:
    return read_gbnf(r"root ::= ([\x00-\x7F] | half)*", {"half": _HALF})
