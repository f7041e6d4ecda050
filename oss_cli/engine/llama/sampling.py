"""The chain of samplers that chooses the tokens of one reply. Knows nothing of where the options come from."""

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.llama.api import C, Pointer
from oss_cli.engine.llama.leftovers import Leftovers

_GREEDY_BELOW = 1e-4  # logits divided by less overflow, and what is drawn then is noise
_PENALTY_LAST_TOKENS = 64  # llama.cpp's default for its tools


class SamplerChain:
    """A llama_sampler chain and the random numbers it draws: the same seed gives the same choices."""

    def __init__(
        self, options: SamplingOptions, *, seed: int, vocabulary_size: int, keeps_leftovers: bool = False
    ) -> None:
        """keeps_leftovers: whether it will be asked among what a token was drawn; one that remembers is not."""
        parameters = C.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self.pointer: Pointer = C.llama_sampler_chain_init(parameters)
        self.remembers = (options.repeat_penalty or 1.0) != 1.0
        """Whether the tokens before the reply matter to it."""
        self.is_greedy = options.temperature is not None and options.temperature < _GREEDY_BELOW
        """Whether it always chooses the likeliest token, and drops none before."""
        self.biased = frozenset(options.logit_bias or ())
        """Tokens whose logits it changes first of all."""
        self.keeps = 0 if self.remembers or self.is_greedy else options.top_k or 0
        """How many of the likeliest tokens it keeps after that; 0: it changes more, or keeps all."""
        self.leftovers = Leftovers() if keeps_leftovers and not self.remembers else None
        """What was left when a token was drawn last, if that is wanted."""
        *samplers, last = _samplers(options, seed, vocabulary_size)
        between = [self.leftovers.pointer] if self.leftovers is not None else []
        for sampler in [*samplers, *between, last]:
            C.llama_sampler_chain_add(self.pointer, sampler)

    def accept(self, tokens: list[int]) -> None:
        """Let it know tokens that it did not choose itself."""
        for token in tokens[-_PENALTY_LAST_TOKENS:]:
            C.llama_sampler_accept(self.pointer, token)

    def apply(self, candidates: Pointer) -> None:
        """Choose among a llama_token_data_array; the chain does not remember what."""
        C.llama_sampler_apply(self.pointer, candidates)

    def draw(self, candidates: Pointer) -> None:
        """Choose among candidates that have been through all but the last sampler, which draws."""
        last = C.llama_sampler_chain_get(self.pointer, C.llama_sampler_chain_n(self.pointer) - 1)
        C.llama_sampler_apply(last, candidates)

    def close(self) -> None:
        """Give the memory back. May be called twice."""
        if self.pointer is not None:
            C.llama_sampler_free(self.pointer)
            self.pointer = None


def _samplers(options: SamplingOptions, seed: int, vocabulary_size: int) -> list[Pointer]:
    """Samplers in llama.cpp's order: what changes logits, what drops candidates (cheapest first), what draws.

    top-k before top-p: sorting all of gpt-oss's 201,088 candidates for top-p takes 21 ms a token, sorting 100 nothing.
    """
    samplers = []
    if options.logit_bias:
        biases = (C.llama_logit_bias * len(options.logit_bias))()
        for entry, (token, bias) in zip(biases, options.logit_bias.items(), strict=True):
            entry.token, entry.bias = token, bias
        samplers.append(C.llama_sampler_init_logit_bias(vocabulary_size, len(biases), biases))
    if options.repeat_penalty is not None and options.repeat_penalty != 1.0:
        samplers.append(
            C.llama_sampler_init_penalties(vocabulary_size, _PENALTY_LAST_TOKENS, options.repeat_penalty, 0.0, 0.0)
        )
    if options.temperature is not None and options.temperature < _GREEDY_BELOW:
        return [*samplers, C.llama_sampler_init_greedy()]
    if options.top_k is not None and options.top_k > 0:
        samplers.append(C.llama_sampler_init_top_k(options.top_k))
    if options.top_p is not None and options.top_p < 1:
        samplers.append(C.llama_sampler_init_top_p(options.top_p, 1))
    if options.min_p is not None and options.min_p > 0:
        samplers.append(C.llama_sampler_init_min_p(options.min_p, 1))
    if options.temperature is not None and options.temperature != 1.0:
        samplers.append(C.llama_sampler_init_temp(options.temperature))
    return [*samplers, C.llama_sampler_init_dist(seed)]
