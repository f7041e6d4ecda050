"""One request on its way through the engine. The scheduler moves it; it knows nothing of the others."""

from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

from oss_cli.engine.base import EngineEvent, GenerationRequest

if TYPE_CHECKING:
    from oss_cli.engine.llama.chances import Chances
    from oss_cli.engine.llama.filtered_sampling import FilteredSampling
    from oss_cli.engine.llama.sampling import SamplerChain
    from oss_cli.engine.llama.sequence import Sequence
    from oss_cli.engine.llama.speculation import Speculation


class Job:
    """One request on its way: its tokens so far, its sampler, and where its events go."""

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.events: SimpleQueue[EngineEvent | BaseException] = SimpleQueue()
        self.cancelled = False
        """Set from the caller's thread; the next step ends the job."""
        self.tokens = list(request.prompt)
        self.forced = deque(request.forced)
        """Tokens that come next, whatever the model would say."""
        self.sequence: Sequence | None = None
        self.sampler: SamplerChain | None = None
        self.share_points = {request.recurring_tokens} if request.recurring_tokens else set()
        """Where its prompt is cut, so that others take over the cache as it is there."""
        self.leader: tuple[Job, int] | None = None
        """While it waits: who evaluates the beginning of its prompt, and up to where."""
        self.filtered: FilteredSampling | None = None
        """Samples by way of the request's filter, if it has one."""
        self.chances: Chances | None = None
        """Reads the chances of its tokens, if they are wanted."""
        self.speculation: Speculation | None = None
        """Guesses its next tokens, if the context has room for their logits."""
        self.reused_tokens = 0
        self.started = 0.0
        self.first_sampled = 0.0
        self.last_sampled = 0.0

    @property
    def sampled_tokens(self) -> int:
        """How many tokens of the reply there are."""
        return len(self.tokens) - len(self.request.prompt)
