"""What the journal is told, and when: a crash at any moment leaves a conversation that can go on."""

from oss_cli.conversation.events import ReasoningDelta, StopReason, TextDelta, TokensSampled
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.conversation.tree import Conversation
from oss_cli.session.session import Session
from tests.fakes.backend import ScriptedBackend
from tests.fakes.journal import RecordingJournal
from tests.session.sessions import ENDED, OPTIONS, answer, ask, assistant, session_of, stop_after


def test_nothing_is_kept_of_a_conversation_in_which_nothing_is_said() -> None:
    session, _, journal = session_of()
    session.system = "Be brief."
    session.title = "Empty"
    assert journal.told == []


def test_a_message_is_kept_before_its_reply_begins() -> None:
    session, _, journal = session_of(answer("b"))
    with session.ask("a"):
        (question,) = journal.nodes.values()
        assert (question.message, question.created) == (user_message("a"), 100.0)
        assert journal.told == [("facts", question.id), ("node", question.id), ("facts", question.id)]


def test_a_reply_is_kept_while_it_grows_and_is_the_tip_at_once() -> None:
    session, _, journal = session_of([TokensSampled((4,)), TextDelta("b"), TextDelta("c"), ENDED])
    with session.ask("a") as turn:
        for event in turn:
            if event == TextDelta("b"):
                break
        kept = journal.nodes[str(session.conversation.tip)]
        assert kept.message == assistant("b")
        assert kept.making is not None
        assert (kept.making.reason, kept.making.tokens, kept.making.model) == (None, (4,), "scripted")
        assert journal.conversations[session.conversation.id].tip == kept.id
    assert session.last_reply is not None
    assert session.last_reply.making is not None
    assert session.last_reply.making.reason is StopReason.CANCELLED


def test_a_whole_reply_is_kept_with_its_seed_and_the_reason_of_its_end() -> None:
    session, _, journal = session_of(answer("b"))
    ask(session, "a")
    kept = journal.nodes[str(session.conversation.tip)]
    assert kept == session.last_reply
    assert kept.making is not None
    assert (kept.making.reason, kept.making.seed, kept.making.sampling) == (StopReason.END, 1, OPTIONS.sampling)


def test_a_message_whose_reply_said_nothing_is_taken_back() -> None:
    session, _, journal = session_of([ENDED], [ReasoningDelta("Hm."), ENDED])
    for _ in range(2):
        ask(session, "a")
        assert (session.conversation.nodes, journal.nodes, session.conversation.tip) == ({}, {}, None)
    assert journal.conversations[session.conversation.id].tip is None


def test_another_reply_that_ends_in_its_reasoning_leaves_the_first_one_in_force() -> None:
    session, _, journal = session_of(answer("b"), [ReasoningDelta("Hm."), ENDED])
    ask(session, "a")
    first = session.conversation.tip
    with session.ask_again() as turn:
        list(turn)
    assert (session.conversation.tip, len(journal.nodes)) == (first, 2)
    assert journal.conversations[session.conversation.id].tip == first


def test_what_was_typed_is_kept_beside_what_the_model_reads() -> None:
    session, backend, _ = session_of(answer("b"))
    with session.ask("File x:\n\nWhat is @x?", typed="What is @x?") as turn:
        list(turn)
    question = session.questions[0]
    assert (question.typed, question.message.content) == ("What is @x?", "File x:\n\nWhat is @x?")
    assert session.title == "What is @x?"
    assert backend.asked[0][0] == [user_message("File x:\n\nWhat is @x?")]


def test_a_kept_conversation_goes_on_with_its_own_date_and_instructions() -> None:
    old = Conversation("id", 1.0, "2020-01-01", system="Be brief.")
    first = Session(ScriptedBackend(answer("b")), OPTIONS, conversation=old)
    ask(first, "a")
    backend = ScriptedBackend(answer("d"))
    session = Session(backend, OPTIONS, conversation=old)
    ask(session, "c")
    messages, options = backend.asked[0]
    assert [message.content for message in messages] == ["Be brief.", "a", "b", "c"]
    assert options.date == "2020-01-01"


def test_title_and_instructions_of_a_kept_conversation_are_kept_when_they_change() -> None:
    session, _, journal = session_of(answer("b"))
    ask(session, "a")
    session.title, session.system = "Letters", "Be kind."
    kept = journal.conversations[session.conversation.id]
    assert (kept.title, kept.system, kept.nodes) == ("Letters", "Be kind.", {})


def test_a_new_conversation_leaves_the_old_one_as_it_is() -> None:
    session, _, journal = session_of(answer("b"), answer("d"))
    ask(session, "a")
    old = session.conversation
    session.begin_anew("2026-11-25")
    ask(session, "c")
    assert list(journal.conversations) == [old.id, session.conversation.id]
    assert [node.message.content for node in old.path()] == ["a", "b"]
    assert session.options.date == "2026-11-25"


def test_a_stopped_turn_counts_its_tokens() -> None:
    session, _, _ = session_of([TokensSampled((1, 2)), TextDelta("b"), TextDelta("c"), ENDED])
    stop_after(session, "a", TextDelta("b"))
    assert session.last_reply is not None and session.last_reply.making is not None
    assert session.last_reply.making.usage.reply_tokens == 2


def test_a_turn_that_is_stopped_in_its_reasoning_counts_it() -> None:
    session, _, _ = session_of([TokensSampled((1, 2)), ReasoningDelta("b"), TokensSampled((3,)), TextDelta("c"), ENDED])
    stop_after(session, "a", TextDelta("c"))
    assert session.last_reply is not None and session.last_reply.making is not None
    usage = session.last_reply.making.usage
    assert (usage.reply_tokens, usage.reasoning_tokens) == (3, 2)


def test_a_reply_has_a_seed_of_its_own_also_if_it_is_stopped() -> None:
    session, backend, _ = session_of([TextDelta("b"), TextDelta("c"), ENDED], [TextDelta("b"), TextDelta("c"), ENDED])
    session.options = ReplyOptions("2026-11-23")
    seeds = []
    for _ in range(2):
        stop_after(session, "a", TextDelta("b"))
        assert session.last_reply is not None and session.last_reply.making is not None
        seeds.append(session.last_reply.making.seed)
    assert seeds == [options.drawn_seed for _, options in backend.asked]
    assert None not in seeds and seeds[0] != seeds[1]
    # Nobody asked for it: it promises nothing, and tokens may be guessed.
    assert [options.sampling.seed for _, options in backend.asked] == [None, None]


def test_the_seed_of_the_model_is_the_seed_of_its_replies() -> None:
    session, backend, _ = session_of([TextDelta("b"), ENDED])
    backend.sampling = SamplingOptions(seed=5)
    session.options = ReplyOptions("2026-11-23")
    ask(session, "a")
    assert session.last_reply is not None and session.last_reply.making is not None
    assert session.last_reply.making.seed == 5


def test_a_conversation_is_as_new_as_the_last_thing_said_in_it() -> None:
    now = [100.0]
    journal = RecordingJournal()
    backend = ScriptedBackend([TokensSampled((1,)), TextDelta("b"), TextDelta("x"), ENDED], answer("c"))
    session = Session(backend, OPTIONS, journal=journal, clock=lambda: now[0])
    stop_after(session, "a", TextDelta("b"))
    now[0] = 900.0
    with session.go_on() as turn:
        list(turn)
    assert journal.conversations[session.conversation.id].updated == 900.0


def test_a_tip_is_told_only_after_its_node() -> None:
    session, _, journal = session_of(answer("b"), answer("d"))
    ask(session, "a")
    ask(session, "c")
    seen: set[str] = set()
    for what, name in journal.told[1:]:
        seen |= {name} if what == "node" else set()
        assert what != "facts" or name in seen
