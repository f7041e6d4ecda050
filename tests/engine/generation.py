"""Short forms for driving an engine in tests."""

from dataclasses import dataclass, field

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Ended, Engine, GenerationRequest, Sampled

GREEDY = SamplingOptions(temperature=0.0)


@dataclass
class Generated:
    """What an engine made of a prompt."""

    tokens: list[int] = field(default_factory=list)
    ended: Ended | None = None


def generate(
    engine: Engine,
    prompt: list[int],
    *,
    sampling: SamplingOptions = GREEDY,
    max_tokens: int = 200,
    stable_tokens: int | None = None,
) -> Generated:
    """Run one generation to its end."""
    result = Generated()
    request = GenerationRequest(
        prompt, SamplingOptions(max_tokens=max_tokens).over(sampling), lambda token: GO_ON, stable_tokens
    )
    for event in engine.generate(request):
        if isinstance(event, Sampled):
            result.tokens.append(event.token)
        elif isinstance(event, Ended):
            result.ended = event
    assert result.ended is not None
    return result
