"""Texts that a grammar allows, found by walking through it at random."""

from random import Random

from oss_cli.grammar.automaton import Automaton, State

_PREFERRED = b'"}],:0123456789abcxyz '


def walk(automaton: Automaton, seed: int, *, longest: int = 400) -> bytes | None:
    """A whole text that the grammar allows; None: it was not over after so many bytes."""
    random = Random(seed)
    state = automaton.start
    data = bytearray()
    while len(data) < longest:
        ways = [byte for byte in range(0x100) if state.after((byte,)) is not None]
        if state.may_end and (not ways or random.random() < 0.5):
            return bytes(data)
        usual = [byte for byte in ways if byte in _PREFERRED]
        data.append(_next(random, ways, usual))
        state = _known(state.after(data[-1:]))
    return bytes(data) if state.may_end else None


def _next(random: Random, ways: list[int], usual: list[int]) -> int:
    """Rather what ends something: then the walk comes to an end."""
    if ord('"') in ways and random.random() < 0.3:
        return ord('"')
    return random.choice(usual if usual and random.random() < 0.7 else ways)


def _known(state: State | None) -> State:
    assert state is not None
    return state
