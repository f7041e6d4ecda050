"""Base models without a chat template: the text as it is, to be gone on with. Knows nothing of llama.cpp."""

from collections.abc import Sequence

from oss_cli.conversation.answer_form import CallForm
from oss_cli.conversation.messages import Message
from oss_cli.prompts.base import Prompt, RenderOptions, ReplyFrame, Vocabulary
from oss_cli.prompts.marking import tokenize_text
from oss_cli.prompts.text_frame import refuse_calls, refuse_tools, text_frame
from oss_cli.prompts.text_reader import TextReader


class PlainFormat:
    """A PromptFormat for models that only continue a text."""

    name = "plain text"
    is_plain = True

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def render(self, messages: Sequence[Message], options: RenderOptions) -> Prompt:
        """The messages' texts, a blank line between them; roles, effort and date have no place here.

        Raises:
            BadUsage: tools are offered.
        """
        if options.tools:
            refuse_tools("a text that is gone on with")
        text = "\n\n".join(message.content for message in messages)
        tokens = tokenize_text(self._vocabulary, text)
        if self._vocabulary.adds_bos and self._vocabulary.bos is not None:
            tokens.insert(0, self._vocabulary.bos)
        return Prompt(tokens=tokens, text=text, stable_tokens=max(0, len(tokens) - 1))

    def count_prompt(self, messages: Sequence[Message], options: RenderOptions) -> int:
        """How many tokens the prompt that asks for the next reply has."""
        return len(self.render(messages, options).tokens)

    def reader(self, prompt: Prompt) -> TextReader:
        """A reader that takes everything for the answer."""
        return TextReader(self._vocabulary)

    def frame(self, prompt: Prompt) -> ReplyFrame:
        """Nothing but the answer."""
        return text_frame(self._vocabulary)

    def call_frame(self, prompt: Prompt, form: CallForm) -> ReplyFrame:
        """There is none.

        Raises:
            BadUsage: always.
        """
        refuse_calls()

    def open_reply(self, prompt: Prompt, message: Message) -> list[int]:
        """The text of a reply that goes on."""
        return tokenize_text(self._vocabulary, message.content)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself."""
        return len(tokenize_text(self._vocabulary, text))
