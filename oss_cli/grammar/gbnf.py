"""Reads grammars in GBNF, llama.cpp's notation. Knows nothing of how they are followed.

Source: llama.cpp, grammars/README.md (2026-11): rules `name ::= ...`, alternatives, groups, "texts", [character
classes], `.`, the repetitions `* + ? {m} {m,} {m,n} {,n}`, `<[id]>` for a token, `#` comments. Stricter than
llama.cpp: a rule that is defined twice, or that leads to itself before any text (left recursion), is an error.
"""

from collections.abc import Mapping

from oss_cli.errors import BadUsage
from oss_cli.grammar import characters
from oss_cli.grammar.characters import character_of
from oss_cli.grammar.gbnf_text import GbnfText
from oss_cli.grammar.nodes import EMPTY, Node, Rule, Sequence, TokenMark, choice, repeat, text
from oss_cli.grammar.soundness import find_left_recursion, find_productive

_DEEPEST_GROUP = 100
_REPETITIONS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def read_gbnf(source: str, given: Mapping[str, Node] | None = None) -> Node:
    """The grammar's rule `root`.

    given: rules that the text may name and does not define.

    Raises:
        BadUsage: the text is no such grammar; says the line and the column.
    """
    return _Reader(source, given or {}).read()


class _Reader:
    def __init__(self, source: str, given: Mapping[str, Node]) -> None:
        self._text = GbnfText(source)
        self._given = given
        self._rules: dict[str, Rule] = {}
        self._used_at: dict[str, int] = {}
        """Where each rule is named first outside its own definition."""
        self._defined_at: dict[str, int] = {}
        self._depth = 0

    def read(self) -> Node:
        """All rules; the one called root."""
        self._text.skip_blank(with_lines=True)
        while not self._text.is_over:
            self._read_rule()
        for name, position in self._used_at.items():
            if name not in self._defined_at and name not in self._given:
                raise self._text.error(f"there is no rule {name}", position)
        if "root" not in self._defined_at:
            raise BadUsage("the grammar cannot be read", cause="it has no rule root", hint='root ::= "yes" | "no"')
        root = self._rules["root"]
        circle = [rule.name for rule in find_left_recursion(root) if rule.name in self._defined_at]
        if circle:
            first = min(circle, key=self._defined_at.__getitem__)
            problem = f"the rule {first} leads back to itself before any text (left recursion)"
            raise self._text.error(problem, self._defined_at[first])
        productive = find_productive(root)
        for name, position in self._defined_at.items():
            if name == "root" and id(root) not in productive:
                raise self._text.error("no text can have this form: the rule root never comes to an end", position)
        return root

    def _read_rule(self) -> None:
        start = self._text.position
        name = self._text.take_name()
        if not name:
            raise self._text.error("a rule was expected, such as: root ::= ...", start)
        if name in self._defined_at:
            raise self._text.error(f"the rule {name} is defined twice", start)
        self._defined_at[name] = start
        self._text.skip_blank()
        if not self._text.take("::="):
            raise self._text.error(f"::= was expected after {name}", self._text.position)
        self._text.skip_blank(with_lines=True)
        self._rule(name).body = self._read_choice()
        if not self._text.is_over and not self._text.take_line_end():
            raise self._text.error(f"{self._text.here} was not expected", self._text.position)
        self._text.skip_blank(with_lines=True)

    def _read_choice(self) -> Node:
        """Alternatives up to the end of the line, or of the group."""
        alternatives = [self._read_sequence()]
        while self._text.take("|"):
            self._text.skip_blank(with_lines=True)
            alternatives.append(self._read_sequence())
        return choice(alternatives)

    def _read_sequence(self) -> Node:
        items: list[Node] = []
        while (item := self._read_item()) is not None:
            self._text.skip_blank(with_lines=self._depth > 0)
            items.append(self._read_repetitions(item))
            self._text.skip_blank(with_lines=self._depth > 0)
        return items[0] if len(items) == 1 else Sequence(tuple(items)) if items else EMPTY

    def _read_item(self) -> Node | None:
        """A text, a class, a group, a token or a rule's name; None: something else comes."""
        start = self._text.position
        if name := self._text.take_name():
            self._used_at.setdefault(name, start)
            return self._given[name] if name in self._given and name not in self._defined_at else self._rule(name)
        if self._text.take('"'):
            return text(self._text.take_literal(start))
        if self._text.take(".") or self._text.take("["):
            return character_of(characters.EVERY if self._text.last == "." else self._text.take_class(start))
        if self._text.take("("):
            return self._read_group(start)
        if self._text.take("<[") or self._text.take("<") or self._text.take("!<"):
            return TokenMark(self._text.take_token(start))
        return None

    def _read_group(self, start: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST_GROUP:
            raise self._text.error(f"more than {_DEEPEST_GROUP} groups lie inside each other", start)
        self._text.skip_blank(with_lines=True)
        group = self._read_choice()
        if not self._text.take(")"):
            raise self._text.error("this ( has no )", start)
        self._depth -= 1
        return group

    def _read_repetitions(self, item: Node) -> Node:
        while True:
            start = self._text.position
            for sign, (least, most) in _REPETITIONS.items():
                if self._text.take(sign):
                    item = repeat(item, least, most)
                    break
            else:
                if not self._text.take("{"):
                    return item
                item = repeat(item, *self._text.take_bounds(start))
            self._text.skip_blank(with_lines=self._depth > 0)

    def _rule(self, name: str) -> Rule:
        return self._rules.setdefault(name, Rule(name))
