"""`oss history`: the conversations that are kept, listed, read, found, taken along and removed."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_conversation
from oss_cli.errors import BadUsage
from oss_cli.settings import Settings

if TYPE_CHECKING:
    from oss_cli.conversation.tree import Conversation
    from oss_cli.history.library import History, Summary
    from oss_cli.terminal.console import Console

history = typer.Typer(no_args_is_help=False, help="Read, search and look after your conversations.")

IdArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[ID]",
        help="A conversation, by the beginning of its id; default: the last one.",
        autocompletion=complete_conversation,
    ),
]
IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID...]", help="Conversations, by the beginnings of their ids.", autocompletion=complete_conversation
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="All conversations.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]

_MOST_SHOWN = 20
_UNITS_S = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


@history.callback(invoke_without_command=True)
def bare(context: typer.Context) -> None:
    """Read, search and look after your conversations."""
    if context.invoked_subcommand is None:
        list_conversations()


@history.command("list")
def list_conversations(
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, metavar="N", help=f"Show N of them, not {_MOST_SHOWN}.")
    ] = None,
    show_all: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """List conversations, the latest first."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    console = open_console()
    summaries = wiring.open_history().summaries()
    shown = summaries if show_all or (as_json and limit is None) else summaries[: limit or _MOST_SHOWN]
    if as_json:
        _write_json(console, [_summary_to_json(one) for one in shown])
        return
    _show_summaries(console, shown)
    older = len(summaries) - len(shown)
    if older:
        console.err.write(f"{older} older {'one' if older == 1 else 'ones'}: oss history list --all\n")


@history.command("show")
def show(id_text: IdArgument = None, as_json: JsonOption = False) -> None:
    """Show the current branch of a conversation."""
    from oss_cli import wiring
    from oss_cli.conversation.json_form import node_to_json
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.conversation import show_conversation

    console = open_console()
    kept = wiring.open_history()
    conversation = kept.load(id_text) if id_text is not None else kept.last()
    if conversation is None:
        raise BadUsage("no conversation is kept yet", hint="oss chat")
    _tell_unreadable(console, [conversation])
    if not as_json:
        show_conversation(console.out, conversation)
        return
    facts = {
        "id": conversation.id,
        "title": conversation.shown_title,
        "system": conversation.system,
        "created": _iso(conversation.created),
        "updated": _iso(conversation.updated),
        "messages": [node_to_json(node) for node in conversation.path()],
    }
    _write_json(console, facts)


@history.command("search")
def search(
    words: Annotated[
        list[str], typer.Argument(metavar="WORDS...", help='A word finds those that begin like it; "quotes" a phrase.')
    ],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="Show N messages at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find the messages that hold all these words, the best first."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.conversation import clock, show_pieces

    console = open_console()
    kept = wiring.open_history()
    # A word with a space in it was quoted in the shell: a phrase.
    hits = kept.search(
        " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words), limit=limit
    )
    conversations = {one.id: one for one in kept.summaries()}
    hits = [hit for hit in hits if hit.conversation_id in conversations]  # one may have been removed meanwhile
    if as_json:
        found = [
            {
                "conversation": hit.conversation_id,
                "title": conversations[hit.conversation_id].title,
                "node": hit.node_id,
                "role": hit.role,
                "created": _iso(hit.created),
                "snippet": hit.text,
                "matches": list(hit.snippet[1::2]),
            }
            for hit in hits
        ]
        _write_json(console, found)
        return
    for hit in hits:
        conversation = conversations[hit.conversation_id]
        show_pieces(
            console.out, ("", conversation.short_id, f"  {clock(hit.created)}  {hit.role}  {conversation.title}")
        )
        show_pieces(console.out, (f"    {hit.snippet[0]}", *hit.snippet[1:]))
    if not hits:
        console.err.write("nothing is found\n")


@history.command("export")
def export(
    ids: IdsArgument = None,
    export_all: AllOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", "-f", metavar="json|md", help="Default: by FILE's ending, else json.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace FILE if it exists.")] = False,
) -> None:
    """Write conversations as JSON, which loses nothing, or their current branches as Markdown."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    form = _checked_form(form, output)
    console = open_console()
    kept = wiring.open_history()
    chosen = _chosen(kept, ids, everything=export_all, again="oss history export --all")
    conversations = [kept.load(one.id) for one in chosen]
    _tell_unreadable(console, conversations)
    text = _as_text(conversations, form)
    if output is None:
        console.out.write(text)
        return
    from oss_cli.toml_file import write_privately

    if output.exists() and not yes:
        raise BadUsage(f"{output} exists already", hint="another name, or --yes to replace it")
    write_privately(output, text)
    console.err.write(f"{_counted(len(chosen))} {'is' if len(chosen) == 1 else 'are'} in {output}\n")


@history.command("import")
def import_conversations(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="What oss history export wrote as JSON.")],
) -> None:
    """Take in conversations that were exported as JSON. What is here already is left as it is."""
    from oss_cli import wiring
    from oss_cli.conversation.archive import read_archive
    from oss_cli.terminal.console import open_console

    console = open_console()
    conversations = [one for file in files for one in read_archive(_read(file), source=str(file))]
    kept = wiring.open_history()
    for conversation in conversations:
        new_id, addition = kept.add(conversation)
        console.out.write(f"{_addition_line(conversation, new_id, addition.name)}\n")


@history.command("rm")
def rm(
    ids: IdsArgument = None,
    remove_all: AllOption = False,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="30d", help="Those in which nothing was said for so long: 12h, 30d, 8w."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove conversations for good."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.question import confirm

    console = open_console()
    kept = wiring.open_history()
    if older_than is not None:
        if ids or remove_all:
            raise BadUsage("--older-than goes with no ids and without --all")
        chosen = _older_than(kept.summaries(), older_than)
    else:
        chosen = _chosen(kept, ids, everything=remove_all, again="oss history list")
    if not chosen:
        console.err.write("there is nothing to remove\n")
        return
    if not yes:
        for one in chosen:
            console.err.write(f"{one.short_id}  {one.title}\n")
        named = "--all" if remove_all else f"--older-than {older_than}" if older_than else " ".join(ids or ())
        if not confirm(console, f"Remove {_counted(len(chosen))}?", otherwise=f"oss history rm {named} --yes"):
            console.err.write("nothing is removed\n")
            return
    states = wiring.open_states(wiring.load_settings(Settings()))
    is_gone = kept.delete([one.id for one in chosen])
    states.remove_of([one.id for one in chosen])
    console.out.write(f"{_counted(len(chosen))} {'is' if len(chosen) == 1 else 'are'} removed\n")
    if not is_gone:
        console.err.write("another oss is using the history: the text leaves the disk when that one has ended\n")


@history.command("cache")
def cache(
    action: Annotated[
        str | None, typer.Argument(metavar="[clear]", help="Remove it all.", autocompletion=lambda: ["clear"])
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what models have read and keep on disk, so that a conversation goes on at once; or clear it."""
    from oss_cli import wiring
    from oss_cli.cli.history_cache import show_states
    from oss_cli.terminal.console import open_console

    console = open_console()
    settings = wiring.load_settings(Settings())
    states = wiring.open_states(settings)
    if action is None:
        show_states(console, states, most_bytes=wiring.most_state_bytes(settings), as_json=as_json)
        return
    if action != "clear":
        raise BadUsage(f"the cache cannot be told to {action!r}", hint="oss history cache clear")
    count = states.clear()
    console.out.write(f"{count} state{'s' if count != 1 else ''} removed\n")


def _chosen(kept: "History", ids: list[str] | None, *, everything: bool, again: str) -> "list[Summary]":
    """The conversations that are named.

    Raises:
        UnknownConversation: an id is none, or could be several.
        BadUsage: none is named, or both some and all.
    """
    if everything and ids:
        raise BadUsage("--all takes no ids", cause=f"{len(ids)} given")
    if not everything and not ids:
        raise BadUsage("no conversation is named", hint=again)
    summaries = kept.summaries()
    if everything:
        return summaries
    wanted = dict.fromkeys(kept.find(one) for one in ids or ())
    return [one for id_ in wanted for one in summaries if one.id == id_]


def _older_than(summaries: "list[Summary]", text: str) -> "list[Summary]":
    """Raises BadUsage: the text is no length of time."""
    import time

    found = re.fullmatch(r"(\d{1,6})([hdw])", text.strip().lower())
    if found is None:
        cause = "it must be a number and h, d or w: hours, days, weeks"
        raise BadUsage(f"older-than cannot be {text!r}", cause=cause, hint="oss history rm --older-than 30d")
    limit = time.time() - int(found[1]) * _UNITS_S[found[2]]
    return [one for one in summaries if one.updated < limit]


def _show_summaries(console: "Console", summaries: "list[Summary]") -> None:
    from oss_cli.terminal.conversation import clock
    from oss_cli.terminal.tables import show_table

    if not summaries:
        console.err.write("no conversation is kept yet: oss chat\n")
        return
    rows = [(one.short_id, clock(one.updated), one.model, str(one.messages), one.title) for one in summaries]
    show_table(console.out, ("ID", "WHEN", "MODEL", "MESSAGES", "TITLE"), rows)


def _summary_to_json(summary: "Summary") -> dict[str, object]:
    return {
        "id": summary.id,
        "title": summary.title,
        "created": _iso(summary.created),
        "updated": _iso(summary.updated),
        "model": summary.model,
        "messages": summary.messages,
        "branches": summary.branches,
        "partial": summary.is_partial,
    }


def _write_json(console: "Console", value: object) -> None:
    import json

    console.out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")


def _tell_unreadable(console: "Console", conversations: "list[Conversation]") -> None:
    from oss_cli.terminal.conversation import describe_unreadable

    for text in filter(None, map(describe_unreadable, conversations)):
        console.err.write(f"{text}\n")


def _as_text(conversations: "list[Conversation]", form: str) -> str:
    from oss_cli.conversation.archive import write_archive
    from oss_cli.conversation.markdown import write_markdown

    if form == "json":
        return write_archive(conversations)
    return "\n".join(write_markdown(one) for one in conversations)


def _checked_form(form: str | None, output: Path | None) -> str:
    """Raises BadUsage: there is no such format."""
    if form is None:
        return "md" if output is not None and output.suffix.lower() in (".md", ".markdown") else "json"
    if form.lower() not in ("json", "md"):
        raise BadUsage(f"format cannot be {form!r}", cause="it must be json or md")
    return form.lower()


def _read(file: Path) -> str:
    """Raises BadUsage: it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadUsage(f"{file} cannot be read", cause=cause) from error


def _addition_line(conversation: "Conversation", new_id: str, addition: str) -> str:
    count = len(conversation.nodes)
    what = f"{conversation.shown_title or 'no title'} ({count} message{'s' if count != 1 else ''})"
    if addition == "ALREADY_HERE":
        return f"{new_id} is here already: {what}"
    if addition == "RENAMED":
        return f"{new_id} is here now: {what}; another one is called {conversation.id}"
    return f"{new_id} is here now: {what}"


def _counted(number: int) -> str:
    return f"{number} conversation{'s' if number != 1 else ''}"


def _iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
