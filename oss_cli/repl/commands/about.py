"""Commands that tell something, and the one that leaves."""

import textwrap

from oss_cli.conversation.events import Usage
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands.table import REGISTRY
from oss_cli.repl.registry import Outcome, Quit, Stay

_LEAST_WIDTH = 30
_BAR_WIDTH = 40
_KEYS = """\
Enter sends; Alt-Enter or Ctrl-J begins a new line, and so does Enter after an opening triple quote.
Ctrl-C stops a reply, Ctrl-O shows or folds reasoning, Ctrl-R searches what you typed, Ctrl-X Ctrl-E opens your editor,
@path in a message attaches a file, Ctrl-D leaves."""


@REGISTRY.command("help", "?", "h")
def show_help(chat: Chat, argument: str) -> Outcome:
    """Show the commands."""
    width = max(chat.columns(), _LEAST_WIDTH) - 1
    rows = [(f"/{one.name} {one.usage}".rstrip(), one.meaning) for one in REGISTRY.commands]
    margin = min(max(len(head) for head, _ in rows) + 2, width // 2)
    lines = [line for head, meaning in rows for line in _row(head, meaning, margin, width)]
    aliases = [f"/{alias} ({one.name})" for one in REGISTRY.commands for alias in one.aliases]
    also = textwrap.wrap(f"Other names: {', '.join(aliases)}.", width)
    return Stay("\n".join([*lines, "", *also, "", *textwrap.wrap(" ".join(_KEYS.split()), width)]))


@REGISTRY.command("context", "ctx", "show")
def show_context(chat: Chat, argument: str) -> Outcome:
    """Show how full the context is, and with what."""
    session = chat.session
    used, total = chat.count_used(), session.backend.context_tokens
    filled = min(_BAR_WIDTH, round(_BAR_WIDTH * used / total))
    instructions = session.backend.count_text_tokens(session.system) if session.system else 0
    messages = len(session.messages)
    lines = [
        f"{'#' * filled}{'.' * (_BAR_WIDTH - filled)} {used / total:.0%}",
        f"{used:,} of {total:,} tokens: {messages} message{'s' if messages != 1 else ''}"
        + (f", instructions of {instructions:,} tokens" if instructions else ""),
    ]
    hidden = len(session.conversation.path()) - len(session.shown)
    if hidden > 0:
        lines.append(f"{hidden} earlier messages are summed up or left out; /undo can take that back")
    lines.append(f"when it is full: {chat.overflow} (/set overflow stop|drop|compact)")
    return Stay("\n".join(lines))


@REGISTRY.command("stats", "usage")
def show_stats(chat: Chat, argument: str) -> Outcome:
    """Show what the replies cost."""
    replies = [node.making for node in chat.session.conversation.nodes.values() if node.making is not None]
    if not replies:
        return Stay("nothing has been said yet")
    usages = [one.usage for one in replies]
    tokens, reasoning = sum(one.reply_tokens for one in usages), sum(one.reasoning_tokens for one in usages)
    seconds = sum(one.decode_s for one in usages)
    last = chat.session.last_reply
    lines = []
    if last is not None and last.making is not None:
        usage = last.making.usage
        promise = " (tokens were guessed: it may bring another reply)" if usage.drafted_tokens else ""
        lines = [f"last reply: {_describe(usage)}", f"seed: {last.making.seed}{promise}"]
    lines.append(f"all {len(replies)} replies: {tokens:,} tokens, {reasoning:,} of them reasoning, in {seconds:.0f} s")
    return Stay("\n".join(lines))


@REGISTRY.command("title", usage="[TEXT]")
def set_title(chat: Chat, argument: str) -> Outcome:
    """Show or set what the conversation is called."""
    if not argument:
        return Stay(chat.session.title or "nothing has been said yet")
    chat.session.title = argument
    return Stay(f"title: {argument}")


@REGISTRY.command("exit", "quit", "bye", "q")
def leave(chat: Chat, argument: str) -> Outcome:
    """Leave the chat (Ctrl-D does, too)."""
    return Quit()


def _row(head: str, meaning: str, margin: int, width: int) -> list[str]:
    """A command and what it does beside it; below it, where it is too long."""
    first, *rest = textwrap.wrap(meaning, width - margin)
    lines = [f"{head.ljust(margin)}{first}"] if len(head) < margin else [head, " " * margin + first]
    return [*lines, *(" " * margin + line for line in rest)]


def _describe(usage: Usage) -> str:
    return (
        f"{usage.reply_tokens:,} tokens, {usage.reasoning_tokens:,} of them reasoning, "
        f"{usage.tokens_per_second:.1f} tokens/s, first token after {usage.first_token_s:.1f} s; "
        f"prompt of {usage.prompt_tokens:,} tokens, {usage.reused_tokens:,} of them not read again"
        + (f"; {usage.accepted_tokens:,} of {usage.drafted_tokens:,} guesses right" if usage.drafted_tokens else "")
    )
