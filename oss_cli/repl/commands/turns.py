"""Commands that make the model speak, or take back what was said."""

from oss_cli.conversation.tree import Node, first_words
from oss_cli.errors import BadUsage
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands.table import REGISTRY
from oss_cli.repl.registry import Answer, Offer, Outcome, Stay, SumUp


@REGISTRY.command("regen", "retry", "again")
def regenerate(chat: Chat, argument: str) -> Outcome:
    """Make another reply; the first stays a branch."""
    return Answer(chat.session.ask_again)


@REGISTRY.command("continue", "cont", "go")
def go_on(chat: Chat, argument: str) -> Outcome:
    """Go on with a reply that was broken off."""
    return Answer(chat.session.go_on)


@REGISTRY.command("edit", usage="[N]")
def edit(chat: Chat, argument: str) -> Outcome:
    """Change your last message, or your Nth."""
    return Offer(chat.session.question(_number(argument) if argument else None))


@REGISTRY.command("undo", "pop", "forget")
def undo(chat: Chat, argument: str) -> Outcome:
    """Take back the last turn, or a summary."""
    taken = chat.session.undo()
    what = "the summary is" if taken.summary_of is not None else f"“{quoted(taken)}” and what followed it are"
    return Stay(f"{what} taken back; /branches shows what is there")


@REGISTRY.command("compact")
def compact(chat: Chat, argument: str) -> Outcome:
    """Let the model sum up the oldest turns."""
    return SumUp()


@REGISTRY.command("new", "clear", "reset")
def begin_anew(chat: Chat, argument: str) -> Outcome:
    """Begin a new conversation; the old is kept."""
    old = chat.session.conversation
    is_kept = bool(old.nodes) and not chat.is_private and chat.session.journal.trouble is None
    chat.session.begin_anew(chat.today())
    chat.attached.clear()
    if is_kept:
        return Stay(f"a new conversation; the old one is kept: oss chat --conversation {old.id}")
    return Stay("a new conversation; the old one is forgotten" if old.nodes else "a new conversation")


def quoted(node: Node) -> str:
    """The beginning of what a node says, on one line."""
    return first_words(node.typed or node.message.content or node.message.reasoning)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise BadUsage(f"{text!r} is no number", hint="/edit, or /edit 1 for your first message") from error
