"""A conversation as a tree: its branches, and what of a branch a model is told."""

from oss_cli.conversation.events import StopReason
from oss_cli.conversation.messages import Message, Role, system_message, user_message
from oss_cli.conversation.tree import Conversation, Making, Node, new_conversation, new_id, shown_to_model, spoken


def node(name: str, parent: str | None, message: Message, *, summary_of: str | None = None) -> Node:
    return Node(name, parent, message, 1.0, summary_of=summary_of)


def assistant(content: str, reasoning: str = "") -> Message:
    return Message(Role.ASSISTANT, content, reasoning)


def conversation(*nodes: Node) -> Conversation:
    made = new_conversation(date="2026-11-24", now=0.0)
    for one in nodes:
        made.add(one)
    return made


TWO_BRANCHES = (
    node("a", None, user_message("One?")),
    node("b", "a", assistant("First.")),
    node("c", "a", assistant("Second.")),
    node("d", "c", user_message("Two?")),
)


def test_a_path_goes_from_the_beginning_to_the_tip_or_to_any_node() -> None:
    tree = conversation(*TWO_BRANCHES)
    assert [one.id for one in tree.path()] == ["a", "c", "d"]
    assert [one.id for one in tree.path("b")] == ["a", "b"]


def test_children_and_leaves_come_in_the_order_in_which_they_were_made() -> None:
    tree = conversation(*TWO_BRANCHES)
    assert [one.id for one in tree.children("a")] == ["b", "c"]
    assert [one.id for one in tree.children(None)] == ["a"]
    assert [one.id for one in tree.leaves()] == ["b", "d"]


def test_taking_the_tip_away_makes_its_parent_the_tip() -> None:
    tree = conversation(*TWO_BRANCHES)
    tree.remove("d")
    assert (tree.tip, list(tree.nodes)) == ("c", ["a", "b", "c"])


def test_the_title_is_what_was_given_or_the_beginning_of_the_first_message() -> None:
    tree = conversation(node("a", None, user_message("Why is\n the sky blue? " + "x" * 60)))
    assert tree.shown_title == "Why is the sky blue? " + "x" * 38 + "…"
    tree.title = "Sky"
    assert tree.shown_title == "Sky"
    assert new_conversation(date="2026-11-24", now=0.0).shown_title == ""


def test_the_title_shows_what_was_typed_and_not_the_attached_file() -> None:
    tree = conversation(Node("a", None, user_message("File x:\n…\n\nWhat is @x?"), 1.0, typed="What is @x?"))
    assert tree.shown_title == "What is @x?"


def test_a_reply_stopped_in_its_reasoning_is_not_told_and_its_questions_become_one() -> None:
    nodes = [
        node("a", None, user_message("One?")),
        node("b", "a", assistant("", "Hm")),
        node("c", "b", user_message("Rather two?")),
    ]
    assert spoken(nodes) == [user_message("One?\n\nRather two?")]


def test_a_summary_stands_for_all_up_to_its_node() -> None:
    nodes = [
        node("a", None, user_message("One?")),
        node("b", "a", assistant("1")),
        node("c", "b", user_message("Two?")),
        node("d", "c", assistant("2")),
        node("s", "d", system_message("They counted."), summary_of="b"),
        node("e", "s", user_message("Three?")),
    ]
    told = [system_message("They counted."), user_message("Two?"), assistant("2"), user_message("Three?")]
    assert spoken(shown_to_model(nodes)) == told


def test_the_last_summary_counts_and_may_stand_for_an_earlier_one() -> None:
    nodes = [
        node("a", None, user_message("One?")),
        node("b", "a", assistant("1")),
        node("s", "b", system_message("One."), summary_of="b"),
        node("c", "s", user_message("Two?")),
        node("d", "c", assistant("2")),
        node("t", "d", system_message("One, two."), summary_of="d"),
        node("e", "t", user_message("Three?")),
    ]
    assert spoken(shown_to_model(nodes)) == [system_message("One, two."), user_message("Three?")]


def test_a_summary_of_less_than_was_said_since_an_earlier_one_takes_its_place() -> None:
    nodes = [
        node("a", None, user_message("One?")),
        node("b", "a", assistant("1")),
        node("c", "b", user_message("Two?")),
        node("d", "c", assistant("2")),
        node("s", "d", system_message("One."), summary_of="b"),
        node("e", "s", user_message("Three?")),
        node("f", "e", assistant("3")),
        node("t", "f", system_message("One, two."), summary_of="d"),
    ]
    told = [system_message("One, two."), user_message("Three?"), assistant("3")]
    assert spoken(shown_to_model(nodes)) == told


def test_a_summary_without_words_leaves_out_what_it_stands_for() -> None:
    nodes = [
        node("a", None, user_message("One?")),
        node("b", "a", assistant("1")),
        node("s", "b", system_message(""), summary_of="b"),
        node("e", "s", user_message("Two?")),
    ]
    assert spoken(shown_to_model(nodes)) == [user_message("Two?")]


def test_a_reply_is_partial_until_it_has_ended_by_itself() -> None:
    def reply(reason: StopReason | None) -> Node:
        return Node("a", None, assistant("x"), 1.0, making=Making("m", reason=reason))

    whole = {StopReason.END, StopReason.STOP_STRING, StopReason.TOOL_CALL}
    assert {reason for reason in (None, *StopReason) if not reply(reason).is_partial} == whole
    assert not node("a", None, user_message("x")).is_partial


def test_ids_are_ten_letters_that_cannot_be_mistaken() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {10}
    assert not set("".join(ids)) & set("iloU")
