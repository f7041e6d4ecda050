"""What is kept of texts that come again."""

from oss_cli.prompts.remembered import Remembered


def test_a_text_that_comes_again_is_made_once_and_long_ones_are_forgotten() -> None:
    made: list[str] = []

    def make(text: str, mark: str = "") -> int:
        made.append(text)
        return len(text)

    remembered = Remembered(make, most_characters=2000)
    assert [remembered("a"), remembered("a"), remembered("a", "b")] == [1, 1, 1]
    assert made == ["a", "a"]
    assert remembered("x" * 1500) == 1500
    remembered("a")
    assert made[-1] == "a" and len(made) == 4
    assert [remembered("y" * 5000), remembered("y" * 5000)] == [5000, 5000]
    assert len(made) == 6
