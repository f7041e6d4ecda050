"""Conversations as a JSON text that loses nothing, and back. Knows nothing of files and databases.

    {"format": "oss-conversation", "version": 1, "conversations": [CONVERSATION, ...]}

A CONVERSATION has `id`, `created` (seconds since 1970), `date` (what the model is told), and where they are not empty
`title`, `system`, `tip` (the node that the next message follows), `updated`, and `nodes`, a list in the order in which
they came. A node has `id`, `created`, `role`, and where there is one `parent` (none: it begins the conversation),
`content`, `reasoning`, `tool_calls`, `tool_call_id`, `name`, `typed`, `summary_of`, and `making`, which has the fields
of `Making`.
"""

import json
import re
from collections.abc import Sequence

from oss_cli.conversation.json_form import Fields, Unfit, node_from_json, node_to_json
from oss_cli.conversation.tree import Conversation, Node
from oss_cli.errors import BadUsage

FORMAT = "oss-conversation"
VERSION = 1

_ID = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_-]{0,63}")  # what can stand on a command line


def write_archive(conversations: Sequence[Conversation]) -> str:
    """The JSON text, in one line."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "conversations": [_conversation_to_json(one) for one in conversations],
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True)
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"  # half a surrogate pair has no place in a file


def read_archive(text: str, *, source: str) -> list[Conversation]:
    """The conversations of a JSON text.

    source: where the text is from, for the error.

    Raises:
        BadUsage: it is none of ours, of a later version, or says something that no conversation can be.
    """
    try:
        given = Fields(json.loads(text), "")
        if given.take("format") != FORMAT:
            raise Unfit("format", f'must be "{FORMAT}"')
        version = given.whole("version")
        if version != VERSION:
            raise Unfit("version", f"is {version}, this oss knows {VERSION}")
        conversations = given.parts("conversations", _conversation_from_json)
        given.end()
    except (json.JSONDecodeError, Unfit, RecursionError) as error:
        raise BadUsage(f"{source} holds no conversations that can be imported", cause=str(error)) from error
    return list(conversations)


def _conversation_to_json(conversation: Conversation) -> dict[str, object]:
    optional = {"title": conversation.title, "system": conversation.system, "tip": conversation.tip}
    return {
        "id": conversation.id,
        "created": conversation.created,
        "date": conversation.date,
        "updated": conversation.updated,
        "nodes": [node_to_json(node) for node in conversation.nodes.values()],
        **{name: value for name, value in optional.items() if value},
    }


def _conversation_from_json(value: object, place: str) -> Conversation:
    given = Fields(value, place)
    conversation = Conversation(
        id=_checked_id(given.text("id"), given.at("id")),
        created=given.number("created"),
        date=given.text("date"),
        title=given.text("title", ""),
        system=given.text("system", ""),
        tip=given.text_or_none("tip"),
    )
    conversation.updated = given.number("updated", conversation.created)
    for number, node in enumerate(given.parts("nodes", node_from_json)):
        _check_node(conversation, node, f"{given.at('nodes')}[{number}]")
        conversation.nodes[node.id] = node
    if conversation.tip is not None and conversation.tip not in conversation.nodes:
        raise Unfit(given.at("tip"), "is no node of it")
    given.end()
    return conversation


def _check_node(conversation: Conversation, node: Node, place: str) -> None:
    """Refuse what would be no tree."""
    _checked_id(node.id, f"{place}.id")
    if node.id in conversation.nodes:
        raise Unfit(f"{place}.id", "is there twice")
    if node.parent_id is not None and node.parent_id not in conversation.nodes:
        raise Unfit(f"{place}.parent", "is no node before it")
    if node.summary_of is not None:
        path = conversation.path(node.parent_id) if node.parent_id is not None else []
        if all(one.id != node.summary_of for one in path):
            raise Unfit(f"{place}.summary_of", "is no node that it follows")


def _checked_id(text: str, place: str) -> str:
    if not _ID.fullmatch(text):
        raise Unfit(place, "must be letters and digits, at most 64")
    return text
