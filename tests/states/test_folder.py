"""The folder of states: the cap, what goes first, what belongs together, and what other processes leave behind."""

import os
from pathlib import Path

import pytest

from oss_cli.states.file import StateFacts, Window, is_whole, read_facts
from oss_cli.states.folder import NoRoom, StateFolder


def facts(*tokens: int, owner: str = "", key: str = "k", stable: int = 1) -> StateFacts:
    return StateFacts(key, owner, stable, list(tokens))


def keep(
    folder: StateFolder, what: StateFacts, *, size: int = 100, windows: tuple[tuple[int, bytes], ...] = ()
) -> None:
    def write(path: Path) -> tuple[tuple[int, bytes], ...]:
        path.write_bytes(b"x" * size)
        return windows

    folder.keep(what, size, write)


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "states", most_bytes=1000)


def test_a_state_is_read_as_it_was_written(folder: StateFolder) -> None:
    keep(folder, facts(1, -2, 201_087, owner="c", stable=2), windows=((1, b"abc"), (2, b"de")))
    ((kept, read),) = folder.find("k", "c")
    assert read == StateFacts("k", "c", 2, [1, -2, 201_087], (Window(1, 100, 3), Window(2, 103, 2)))
    assert is_whole(kept.path)
    assert kept.path.read_bytes()[100:105] == b"abcde"


def test_what_was_not_used_for_longest_makes_room(folder: StateFolder) -> None:
    for number in (1, 2, 3):
        keep(folder, facts(number), size=200)
        os.utime(folder.find("k")[0][0].path, (number, number))
    oldest = folder.entries()[-1]
    folder.touch(oldest.path)
    keep(folder, facts(4), size=300)
    assert sorted(read.tokens for _, read in folder.find("k")) == [[1], [3], [4]]


def test_a_state_larger_than_the_cap_is_refused_and_nothing_goes_for_it(folder: StateFolder) -> None:
    keep(folder, facts(1))
    with pytest.raises(NoRoom, match=r"^it takes 0\.0 GB, and all may take 0\.0 GB \(cache_gb\)$"):
        keep(folder, facts(2), size=1001)
    assert len(folder.entries()) == 1


def test_a_disk_without_room_keeps_nothing(tmp_path: Path) -> None:
    huge = StateFolder(tmp_path / "states", most_bytes=1 << 62)

    def never(path: Path) -> None:
        raise AssertionError("nothing is written")

    with pytest.raises(NoRoom, match="of the disk are free$"):
        huge.keep(facts(1), 1 << 61, never)
    assert list(tmp_path.joinpath("states").iterdir()) == []


def test_what_could_not_be_written_leaves_nothing(folder: StateFolder) -> None:
    with pytest.raises(NoRoom, match=r"^llama\.cpp could not write it$"):
        folder.keep(facts(1), 10, lambda path: None)
    assert list(folder.folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_reason_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "states").write_text("a file")
    with pytest.raises(NoRoom, match="^File exists$"):
        keep(StateFolder(tmp_path / "states", most_bytes=1000), facts(1))


def test_the_same_state_is_not_written_twice(folder: StateFolder) -> None:
    keep(folder, facts(1, 2))
    folder.keep(facts(1, 2), 10, lambda path: pytest.fail("written again"))


def test_a_longer_state_takes_the_place_of_what_it_begins_with(folder: StateFolder) -> None:
    keep(folder, facts(1, 2, 3, 9, owner="c", stable=3))
    keep(folder, facts(1, 2, 7, 7, owner="c", stable=3))
    keep(folder, facts(1, 2, 3, 4, owner="other", stable=3))
    keep(folder, facts(1, 2, 3, 4, owner="c", stable=4))
    assert sorted(read.tokens for _, read in folder.find("k", "c")) == [[1, 2, 3, 4], [1, 2, 7, 7]]
    assert len(folder.find("k", "other")) == 1


def test_a_conversation_takes_its_states_of_every_model_along(folder: StateFolder) -> None:
    for key in ("k", "another model"):
        for owner in ("one", "two"):
            keep(folder, facts(1, owner=owner, key=key))
    folder.remove_of(["one", "unknown"])
    assert [len(folder.find(key)) for key in ("k", "another model")] == [1, 1]
    assert folder.clear() == 2
    assert list(folder.folder.iterdir()) == []


def test_what_a_killed_process_left_behind_goes_after_an_hour(folder: StateFolder) -> None:
    keep(folder, facts(1))
    old, new = folder.folder / "a.unfinished", folder.folder / "b.unfinished"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    keep(folder, facts(2))
    assert (old.exists(), new.exists()) == (False, True)
    assert len(folder.entries()) == 2


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 43, b"x" * 44, b"x" * 5000])
def test_a_file_of_somebody_else_is_no_state(folder: StateFolder, content: bytes) -> None:
    keep(folder, facts(1))
    path = folder.entries()[0].path
    path.write_bytes(content)
    assert (folder.find("k"), read_facts(path), is_whole(path)) == ([], None, False)


def test_a_folder_that_is_not_there_is_an_empty_one(folder: StateFolder) -> None:
    assert (folder.entries(), folder.find("k"), folder.clear()) == ([], [], 0)
    assert not folder.folder.exists()
