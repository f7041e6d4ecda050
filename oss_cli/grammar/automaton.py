"""Follows a text through a grammar, byte by byte: may it go on like this, may it end here?

A pushdown automaton that is made while it runs. A stack is what is still to come, an immutable chain that other stacks
share; a state is the set of stacks that the text so far allows. Both are kept, so that a place where the text has been
before costs one look into a dict a byte (0.1 microseconds); a new place costs a few microseconds.
Knows nothing of models: a control token is a symbol beyond the 256 bytes.
"""

from collections.abc import Iterable

from oss_cli.errors import BadUsage
from oss_cli.grammar.nodes import EMPTY, ByteSet, Choice, Node, Repeat, Rule, Sequence, Text, TokenMark, Unit
from oss_cli.grammar.soundness import find_productive

TOKEN_SYMBOLS = 256
"""The symbol of control token N is this and N."""
_DEEPEST = 600
"""Most parts a stack may hold, about a hundred levels of JSON: readers of JSON give up not far beyond."""
_MOST_STACKS = 20_000
"""A text that can be read in more ways at once comes of a grammar that is no use."""


_MOST_OPENED = 200_000
"""Parts looked into for one place: of what may be empty, each further repetition would be another one."""
_ANY_TOKEN = 1 << TOKEN_SYMBOLS
"""In a mask of bytes: that a control token may come as well."""
REACH = 1024
"""So many bytes ahead, a repetition with more times to come is like one with this many: each time is a byte or more."""


class _Stack:
    """What is still to come: a part of the grammar, then the rest. Two equal ones are one object."""

    __slots__ = ("depth", "heads", "likeness", "node", "rest")

    def __init__(self, node: "Node | _Inside", rest: "_Stack | None", likeness: int = 0) -> None:
        self.node = node
        self.rest = rest
        self.likeness = likeness
        """The same in stacks of one automaton that allow the same next `REACH` bytes."""
        self.depth: int = rest.depth + 1 if rest is not None else 0
        self.heads: frozenset[_Stack] | None = None
        """The stacks with a byte or a token on top that this one stands for, once they are known."""


class _Inside:
    """A unit of which some bytes have come."""

    __slots__ = ("state",)

    def __init__(self, state: "State") -> None:
        self.state = state


_END = _Stack(EMPTY, None)
"""Nothing has to come any more; it is below all other stacks."""


class State:
    """Where a text has led. Two texts that can go on in the same way lead to the same state."""

    __slots__ = ("_automaton", "_first", "_next", "_stacks", "may_end", "typical")

    def __init__(self, automaton: "Automaton", stacks: frozenset[_Stack], typical: "State | None") -> None:
        self._automaton = automaton
        self._stacks = stacks - {_END}
        self._next: dict[int, State | None] = {}
        self._first: int | None = None
        self.typical = typical or self
        """One for all states that allow the same next `REACH` bytes: those of a long list's items, say."""
        self.may_end = _END in stacks
        """Whether the text may end here."""

    @property
    def may_go_on(self) -> bool:
        """Whether anything may follow."""
        return bool(self._stacks)

    def after(self, symbols: Iterable[int]) -> "State | None":
        """Where more bytes lead; None: the grammar does not allow them.

        Raises:
            BadUsage: the grammar allows too many readings of the text.
        """
        state = self
        for symbol in symbols:
            try:
                following = state._next[symbol]
            except KeyError:
                following = state._next[symbol] = state._automaton.step(state._stacks, symbol)
            if following is None:
                return None
            state = following
        return state

    def certain_text(self, longest: int) -> bytes:
        """What has to come next, at most so many bytes of it."""
        data = bytearray()
        state = self
        while len(data) < longest and not state.may_end:
            mask = state.first_symbols
            byte = mask.bit_length() - 1
            is_only = mask == 1 << max(0, byte) and byte < TOKEN_SYMBOLS
            following = state.after((byte,)) if is_only else None
            if following is None:
                break
            data.append(byte)
            state = following
        return bytes(data)

    def next_bytes(self) -> list[int]:
        """The bytes that may come next."""
        mask = self.first_symbols
        return [byte for byte in range(TOKEN_SYMBOLS) if mask >> byte & 1 and self.after((byte,)) is not None]

    @property
    def first_symbols(self) -> int:
        """A mask of the bytes that may come next, the one beyond them for control tokens; some more may be in it."""
        if self._first is None:
            self._first = 0
            for stack in self._stacks:
                match stack.node:
                    case Text(data):
                        self._first |= 1 << data[0]
                    case ByteSet(mask):
                        self._first |= mask
                    case _Inside(state=state):
                        self._first |= state.first_symbols
                    case _:
                        self._first |= _ANY_TOKEN
        return self._first


class Automaton:
    """One grammar, ready to follow texts. For one thread at a time.

    Raises:
        BadUsage: the grammar allows no text at all.
    """

    def __init__(self, root: Node) -> None:
        self._root = root  # keeps every part alive: they are known by their ids
        self._productive = find_productive(root)
        self._texts: dict[bytes, Text] = {}
        self._units: dict[int, Automaton] = {}
        self._insides: dict[int, _Inside] = {}
        self._repeats: dict[tuple[int, int, int | None], Repeat] = {}
        self._stacks: dict[tuple[int, int], _Stack] = {}
        self._states: dict[frozenset[_Stack], State] = {}
        self._likenesses: dict[tuple[object, int], int] = {}
        self._typical: dict[frozenset[int], State] = {}
        start = self._push(root, _END)
        if start is None:
            raise BadUsage("no answer can have this form", cause="it contradicts itself, or never comes to an end")
        self.start = self._state(self._heads(start))
        """Before the first byte."""

    @property
    def size(self) -> int:
        """How many states it keeps."""
        return len(self._states)

    def accepts(self, data: bytes) -> bool:
        """Whether a whole text is as the grammar says."""
        state = self.start.after(data)
        return state is not None and state.may_end

    def step(self, stacks: Iterable[_Stack], symbol: int) -> State | None:
        """Where one symbol leads from these stacks: for `State` alone."""
        reached: set[_Stack] = set()
        for stack in stacks:
            rest = self._after_head(stack, symbol)
            if rest is not None:
                reached |= self._heads(rest)
            if len(reached) > _MOST_STACKS:
                raise BadUsage(
                    "the grammar allows too many readings of one text",
                    cause=f"more than {_MOST_STACKS:,} of what has come of the reply",
                    hint="leave out repetitions of repetitions, such as (a* b*)*",
                )
        return self._state(frozenset(reached)) if reached else None

    def _state(self, stacks: frozenset[_Stack]) -> State:
        state = self._states.get(stacks)
        if state is None:
            alike = frozenset(stack.likeness for stack in stacks)
            state = self._states[stacks] = State(self, stacks, self._typical.get(alike))
            self._typical.setdefault(alike, state)
        return state

    def _push(self, node: Node | _Inside, rest: _Stack) -> _Stack | None:
        """A stack with one more part on it; None: nothing can come of it."""
        if id(node) not in self._productive or rest.depth >= _DEEPEST:
            return None
        key = (id(node), id(rest))
        stack = self._stacks.get(key)
        if stack is None:
            stack = self._stacks[key] = _Stack(node, rest, self._likeness(node, rest))
        return stack

    def _likeness(self, node: Node | _Inside, rest: _Stack) -> int:
        """A number for each kind of stack that differs from others within reach. 0 is the end's."""
        kind: object = id(node)
        if isinstance(node, Repeat):
            kind = id(node.item), min(node.least, REACH), node.most if node.most is None else min(node.most, REACH)
        return self._likenesses.setdefault((kind, rest.likeness), len(self._likenesses) + 1)

    def _after_head(self, stack: _Stack, symbol: int) -> _Stack | None:
        """What is left of a stack when its first byte or token has come; None: it is another one."""
        rest = stack.rest
        assert rest is not None
        left: Node | _Inside | None = None
        match stack.node:
            case ByteSet(mask):
                fits = symbol < TOKEN_SYMBOLS and bool(mask >> symbol & 1)
            case Text(data):
                fits = data[0] == symbol
                left = self._text(data[1:]) if fits and len(data) > 1 else None
            case TokenMark(token):
                fits = symbol == TOKEN_SYMBOLS + token
            case _Inside(state=state):
                following = state.after((symbol,))
                fits = following is not None
                left = self._inside(following) if following is not None and following.may_go_on else None
            case _:  # the end
                fits = False
        if not fits:
            return None
        return rest if left is None else self._push(left, rest)

    def _heads(self, stack: _Stack) -> frozenset[_Stack]:
        """The stacks with a byte or a token on top, and perhaps the end, that this one stands for."""
        if stack.heads is None:
            heads: set[_Stack] = set()
            seen: set[_Stack] = set()
            todo = [stack]
            while todo:
                one = todo.pop()
                if one in seen:
                    continue
                seen.add(one)
                if len(seen) > _MOST_OPENED:
                    raise BadUsage(
                        "the grammar allows too many readings of one text",
                        cause="something is repeated that may be empty",
                        hint="leave out repetitions of repetitions, such as (a*){1000000}",
                    )  # fmt: skip
                if one is _END or isinstance(one.node, (Text, ByteSet, TokenMark, _Inside)):
                    heads.add(one)
                else:
                    todo += self._opened(one)
            stack.heads = frozenset(heads)
        return stack.heads

    def _opened(self, stack: _Stack) -> list[_Stack]:
        """What a stack with a compound part on top stands for."""
        rest = stack.rest
        assert rest is not None
        match stack.node:
            case Choice(items):
                pushed = [self._push(item, rest) for item in items]
            case Sequence(items):
                pushed = [self._push_all(items, rest)]
            case Repeat(item, least, most):
                further = self._push_further(item, max(0, least - 1), None if most is None else most - 1, rest)
                once = self._push(item, further) if further is not None else None
                pushed = [once] if least > 0 else [once, rest]
            case Unit(item):
                pushed = [self._push(self._inside(self._start_of(item)), rest)]
            case Rule(body=body):
                pushed = [self._push(body, rest)]
            case _:
                raise AssertionError(stack.node)
        return [one for one in pushed if one is not None]

    def _push_all(self, items: tuple[Node, ...], rest: _Stack) -> _Stack | None:
        top: _Stack | None = rest
        for item in reversed(items):
            if top is None:
                return None
            top = self._push(item, top)
        return top

    def _push_further(self, item: Node, least: int, most: int | None, rest: _Stack) -> _Stack | None:
        """What is left of a repetition after one time."""
        if most == 0:
            return rest
        key = (id(item), least, most)
        node = self._repeats.get(key)
        if node is None:
            node = self._repeats[key] = Repeat(item, least, most)
            if least == 0 or id(item) in self._productive:
                self._productive.add(id(node))
        return self._push(node, rest)

    def _start_of(self, item: Node) -> State:
        """Before the first byte of a unit."""
        if id(item) not in self._units:
            self._units[id(item)] = Automaton(item)
        return self._units[id(item)].start

    def _inside(self, state: State) -> _Inside:
        node = self._insides.get(id(state))
        if node is None:
            node = self._insides[id(state)] = _Inside(state)
            self._productive.add(id(node))
        return node

    def _text(self, data: bytes) -> Text:
        node = self._texts.get(data)
        if node is None:
            node = self._texts[data] = Text(data)
            self._productive.add(id(node))
        return node
