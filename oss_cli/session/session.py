"""A conversation that goes on: its tree of messages, its instructions, its options, and the turns that make it grow.

Knows nothing of tokens and terminals, nor of where its journal keeps things.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from oss_cli.backends.base import Backend
from oss_cli.conversation.events import StopReason, Usage
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.options import BegunReply, ReplyOptions, fresh_seed
from oss_cli.conversation.tree import Conversation, Making, Node, new_conversation, new_id, shown_to_model, spoken, told
from oss_cli.errors import BadUsage
from oss_cli.session.journal import Journal, NoJournal
from oss_cli.session.turn import Turn

_KEEP_INTERVAL_S = 0.05  # a reply is put together anew each time it is handed to the journal: 0.1 ms per 10,000 tokens


@dataclass(frozen=True, slots=True)
class Branch:
    """One way through a conversation, from its beginning to an end."""

    leaf: Node
    """Its last node."""
    shared: int
    """How many of its nodes the branch listed before it has, too."""
    path: tuple[Node, ...]
    is_current: bool
    """Whether the next message follows it."""


class Session:
    """A conversation with a model. What is said is kept as it is said, also when it is stopped."""

    def __init__(
        self,
        backend: Backend,
        options: ReplyOptions,
        *,
        system: str = "",
        conversation: Conversation | None = None,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """conversation: one to go on with; its instructions stand, unless `system` says others."""
        self.backend = backend
        self.journal: Journal = journal or NoJournal()
        self._clock = clock
        self._kept_at = 0.0
        self.conversation = conversation or new_conversation(date=options.date, now=clock(), system=system)
        self._is_kept = conversation is not None
        if system:
            self.conversation.system = system
        self.options = replace(options, goes_on=True, date=self.conversation.date, conversation=self.conversation.id)
        self.last_usage: Usage | None = None
        """What the last turn cost; None: there was none in this session."""

    @property
    def system(self) -> str:
        """Instructions; they stand before the messages of every turn, and may be changed at any time."""
        return self.conversation.system

    @system.setter
    def system(self, text: str) -> None:
        self.conversation.system = text
        self._keep_facts()

    @property
    def title(self) -> str:
        """What the conversation is called."""
        return self.conversation.shown_title

    @title.setter
    def title(self, text: str) -> None:
        self.conversation.title = text
        self._keep_facts()

    @property
    def messages(self) -> list[Message]:
        """What a model is told of the current branch, without the instructions."""
        return spoken(self.shown)

    @property
    def shown(self) -> list[Node]:
        """The nodes of the current branch that a model is shown; a summary comes first."""
        return shown_to_model(self.conversation.path())

    @property
    def questions(self) -> list[Node]:
        """The user's messages of the current branch, the first one first."""
        return [node for node in self.conversation.path() if node.message.role is Role.USER]

    @property
    def last_reply(self) -> Node | None:
        """The newest reply of the current branch."""
        replies = (node for node in self.conversation.path()[::-1] if node.message.role is Role.ASSISTANT)
        return next(replies, None)

    # ---- turns

    def prompt_with(self, text: str) -> list[Message]:
        """What the model would be told if this were the next message."""
        pending = Node("", self.conversation.tip, user_message(text), 0.0)
        return self.told([*self.shown, pending])

    @contextmanager
    def ask(self, text: str, *, typed: str = "") -> Iterator[Turn]:
        """A turn that answers a new message of the user.

        Message and reply stay, however the block ends; but a message whose reply said nothing is taken back.

        typed: what the user typed, where the message holds more.
        """
        question = Node(new_id(), self.conversation.tip, user_message(text), self._clock(), typed)
        try:
            self._add(question)
            with self._reply_to(question.id) as turn:
                yield turn
        finally:
            if self.conversation.tip == question.id:
                self._drop(question)

    def ask_again(self) -> AbstractContextManager[Turn]:
        """A turn that answers the last message anew, as a second branch. Nothing changes unless something is said.

        Raises:
            BadUsage: nothing has been said yet.
        """
        questions = self.questions
        if not questions:
            raise BadUsage("there is no reply to make again", cause="nothing has been said yet")
        return self._reply_to(questions[-1].id)

    def go_on(self) -> AbstractContextManager[Turn]:
        """A turn that goes on with the last reply from where it was broken off.

        Raises:
            BadUsage: there is none, or it came to its end.
        """
        tip = self.conversation.nodes[self.conversation.tip] if self.conversation.tip is not None else None
        if tip is None or tip.message.role is not Role.ASSISTANT:
            raise BadUsage("there is no reply to go on with", cause="the last one was not broken off")
        if not tip.is_partial:
            raise BadUsage("there is nothing to go on with", cause="the last reply came to its end", hint="/regen")
        if self.conversation.children(tip.id):  # what was said after it answers it as it is
            tip = replace(tip, id=new_id(), created=self._clock())
        return self._reply_to(tip.parent_id, begun=tip)

    # ---- moving about

    def question(self, number: int | None = None) -> Node:
        """One of the user's messages of the current branch.

        number: which, counted from 1; None: the last.

        Raises:
            BadUsage: there is no such message.
        """
        questions = self.questions
        if not questions:
            raise BadUsage("there is no message to go back to", cause="nothing has been said yet")
        if number is not None and not 1 <= number <= len(questions):
            raise BadUsage(f"there is no message {number}", cause=f"they are numbered from 1 to {len(questions)}")
        return questions[(number or len(questions)) - 1]

    @contextmanager
    def in_place_of(self, question: Node | None) -> Iterator[None]:
        """While the block runs, a message takes the place of an earlier one, as a new branch; None: it is the next one.

        If nothing was said when the block ends, everything is as it was.
        """
        former = self.conversation.tip
        if question is not None:
            self.conversation.tip = question.parent_id
        before = self.conversation.tip
        try:
            yield
        finally:
            if self.conversation.tip == before and before != former:
                self.conversation.tip = former
                self._keep_facts()

    def undo(self) -> Node:
        """Take back the last turn, or a summary if that came last; the node that was taken back stays as a branch.

        Raises:
            BadUsage: nothing has been said yet.
        """
        path = self.conversation.path()
        if path and path[-1].summary_of is not None:
            taken = path[-1]
            self.conversation.tip = taken.parent_id
        else:
            taken = self.question()
            self.conversation.tip = taken.parent_id
        self._keep_facts()
        return taken

    def branches(self) -> list[Branch]:
        """Every branch, oldest first; what the user took back without saying anything else is one, too."""
        current = {node.id for node in self.conversation.path()}
        found: list[Branch] = []
        before: tuple[Node, ...] = ()
        for leaf in self.conversation.leaves():
            path = tuple(self.conversation.path(leaf.id))
            pairs = zip(path, before, strict=False)
            shared = next((at for at, (a, b) in enumerate(pairs) if a.id != b.id), min(len(path), len(before)))
            found.append(Branch(leaf, shared, path, leaf.id in current))
            before = path
        return found

    def switch(self, number: int) -> Branch:
        """Go to the end of a branch, by its number from 1.

        Raises:
            BadUsage: there is no such branch.
        """
        branches = self.branches()
        if not 1 <= number <= len(branches):
            cause = f"they are numbered from 1 to {len(branches)}" if branches else "nothing has been said yet"
            raise BadUsage(f"there is no branch {number}", cause=cause)
        branch = branches[number - 1]
        self.conversation.tip = branch.leaf.id
        self._keep_facts()
        return branch

    def begin_anew(self, date: str) -> None:
        """Begin another conversation; instructions and options stay, and the old conversation where it is kept."""
        self.conversation = new_conversation(date=date, now=self._clock(), system=self.system)
        self.options = replace(self.options, date=date, conversation=self.conversation.id)
        self._is_kept = False
        self.last_usage = None

    def put_summary(self, text: str, last: Node) -> Node:
        """Let a summary stand for a node of the current branch and all before it; without text they are left out."""
        message = Message(Role.SYSTEM, text)
        node = Node(new_id(), self.conversation.tip, message, self._clock(), summary_of=last.id)
        self._add(node)
        return node

    def take_away(self, summary: Node) -> None:
        """Take a summary that nothing follows out of the conversation, as if it had never been there."""
        self._drop(summary)

    def ask_about(self, nodes: list[Node], request: str, options: ReplyOptions) -> Turn:
        """A turn on some of the nodes that a model is shown, of which nothing is kept."""
        return Turn(self.backend, [*self.told(nodes), user_message(request)], options)

    # ---- how a reply grows

    @contextmanager
    def _reply_to(self, parent_id: str | None, *, begun: Node | None = None) -> Iterator[Turn]:
        options = self.options
        if begun is not None:
            options = replace(options, begun=BegunReply(begun.message, self._tokens_of(begun)))
        asked = options.sampling
        seed = asked.over(self.backend.sampling).seed
        if seed is None:  # drawn here, so that a reply that is stopped has one, too
            seed = fresh_seed()
            options = replace(options, drawn_seed=seed)
        making = Making(self.backend.name, self.backend.sha256, options.effort, asked, seed)
        node = begun or Node(new_id(), parent_id, Message(Role.ASSISTANT), self._clock(), making=making)

        def grow(turn: Turn) -> None:
            now = time.monotonic()
            if turn.has_said and (now - self._kept_at >= _KEEP_INTERVAL_S or node.id not in self.conversation.nodes):
                self._kept_at = now
                self._add(_grown(node, turn, making, reason=None))

        told = self.told(shown_to_model(self.conversation.path(parent_id)))
        turn = Turn(self.backend, told, options, on_event=grow)
        former = self.conversation.tip
        try:
            yield turn
        finally:
            self.last_usage = _usage(turn)
            reason = turn.ended.reason if turn.ended is not None else StopReason.CANCELLED
            self._end_reply(_grown(node, turn, making, reason), turn, former)

    def _end_reply(self, grown: Node, turn: Turn, former: str | None) -> None:
        """Keep a reply as it is at the end of its turn; one that has ended in its reasoning is of no use to anybody."""
        has_moved = turn.has_said or (turn.ended is not None and turn.goes_on)
        if grown.message.content or (grown.message.reasoning and (grown.is_partial or turn.goes_on)):
            if has_moved:
                self._add(grown)
                self._keep_facts()
        elif grown.id in self.conversation.nodes:
            self._drop(grown)
            self.conversation.tip = former
            self._keep_facts()

    def told(self, nodes: list[Node]) -> list[Message]:
        """What a model is told of nodes that it is shown, with the instructions."""
        return told(self.system, nodes)

    def _tokens_of(self, node: Node) -> tuple[int, ...]:
        """A reply's tokens, if it was this very model that made them."""
        making = node.making
        if making is None or (making.model, making.model_sha256) != (self.backend.name, self.backend.sha256):
            return ()
        return making.tokens

    def _add(self, node: Node) -> None:
        """Put a node into the tree, or its newer state, and hand it over: the conversation before its first node, but
        where it stands only after the node that it stands at."""
        moves = self.conversation.tip != node.id
        self.conversation.add(node)
        self.conversation.updated = self._clock()
        if not self._is_kept:
            self._is_kept = True
            self._keep_facts()
        self.journal.keep_node(self.conversation.id, node)
        if moves:
            self._keep_facts()

    def _drop(self, node: Node) -> None:
        """Take a node that nothing follows out of the tree, and out of what is kept."""
        self.conversation.remove(node.id)
        self.journal.drop_node(self.conversation.id, node.id)
        self._keep_facts()

    def _keep_facts(self) -> None:
        """Hand the conversation itself over; not before something has been said in it."""
        if self._is_kept:
            self.journal.keep_conversation(replace(self.conversation, nodes={}))


def _grown(node: Node, turn: Turn, making: Making, reason: StopReason | None) -> Node:
    """A reply's node as it is now. making: of the model that speaks, which need not be the one that began."""
    assert node.making is not None, "a reply tells how it was made"
    knows_tokens = not turn.goes_on or len(turn.tokens) > turn.new_tokens
    grown = replace(
        making,
        usage=_together(node.making.usage, _usage(turn)) if turn.goes_on else _usage(turn),
        reason=reason,
        tokens=tuple(turn.tokens) if knows_tokens else (),
    )
    return replace(node, message=turn.reply, making=grown)


def _usage(turn: Turn) -> Usage:
    if turn.ended is not None:
        return turn.ended.usage
    return Usage(
        prompt_tokens=turn.prompt_tokens,
        reply_tokens=turn.new_tokens,
        reasoning_tokens=turn.reasoning_tokens,
        context_tokens=turn.context_tokens,
        first_token_s=turn.first_token_s,
        prefill_s=turn.first_token_s,
        decode_s=turn.decode_s,
    )


def _together(earlier: Usage, later: Usage) -> Usage:
    """What a reply cost that was made in two turns."""
    if not earlier.reply_tokens:
        return later
    return replace(
        later,
        prompt_tokens=earlier.prompt_tokens,
        reused_tokens=earlier.reused_tokens,
        reply_tokens=earlier.reply_tokens + later.reply_tokens,
        reasoning_tokens=earlier.reasoning_tokens + later.reasoning_tokens,
        drafted_tokens=earlier.drafted_tokens + later.drafted_tokens,
        accepted_tokens=earlier.accepted_tokens + later.accepted_tokens,
        decode_s=earlier.decode_s + later.decode_s,
        first_token_s=earlier.first_token_s,
    )
