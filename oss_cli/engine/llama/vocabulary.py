"""Text to tokens and back, by llama.cpp's tokenizer. Knows nothing of formats: a marker is a token like any other."""

import ctypes

from oss_cli.engine.llama.api import C, Pointer
from oss_cli.engine.llama.lifetime import Lifetime
from oss_cli.engine.llama.long_text import split_long_text
from oss_cli.errors import EngineFailed

_ATTR_UNKNOWN = 1 << 0  # llama.h, enum llama_token_attr
_ATTR_CONTROL = 1 << 3
_ATTR_USER_DEFINED = 1 << 4
_USUAL_PIECE_BYTES = 256
_VOCAB_TYPE_SPM = 1  # llama.h, enum llama_vocab_type: SentencePiece


class LlamaVocabulary:
    """The tokens of one loaded model, for any number of threads.

    Once the model is closed, whatever is not known yet raises EngineFailed. What is asked for each token is kept, so
    that a reply pays for the way into C once a token of the vocabulary.
    """

    def __init__(self, pointer: Pointer, lifetime: Lifetime | None = None) -> None:
        """lifetime: of the model that the pointer belongs to."""
        self._pointer = pointer
        self._lifetime = lifetime or Lifetime()
        self.size: int = C.llama_vocab_n_tokens(pointer)
        bos = C.llama_vocab_bos(pointer)
        self.bos: int | None = bos if bos >= 0 else None
        eos = C.llama_vocab_eos(pointer)
        self.eos: int | None = eos if eos >= 0 else None
        self.adds_bos: bool = bool(C.llama_vocab_get_add_bos(pointer)) and self.bos is not None
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self._attributes: dict[int, int] = {}
        self._specials: dict[str, int | None] = {}
        self._end_tokens: frozenset[int] | None = None
        self._prefix: list[int] | None = None
        """On vocabularies that put a space before a text: the tokens of a line feed, which takes the space instead."""
        if C.llama_vocab_type(pointer) == _VOCAB_TYPE_SPM:
            line_feed = self._tokenize(b"\n", parse_special=False)
            self._prefix = line_feed if self._tokenize(b"a", parse_special=False) != self._after(line_feed) else None

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Token ids of a text, with nothing added at its ends: no BOS, no space before the first word.

        parse_special: whether names of control tokens in the text become these tokens. User-defined tokens always do.

        Raises:
            EngineFailed: the text has more tokens than llama.cpp can count, or the model was closed.
        """
        parts = split_long_text(text)
        return [token for part in parts for token in self._tokenize_part(part, parse_special=parse_special)]

    def piece(self, token: int) -> bytes:
        """The bytes of a token, of any length; empty for control tokens. Not always whole UTF-8 characters."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token, special=False)
        return piece

    def pieces(self) -> list[bytes]:
        """The bytes of every token, in the order of their ids; 0.2 s for gpt-oss's 201,088."""
        buffer = ctypes.create_string_buffer(_USUAL_PIECE_BYTES)  # one for all: half the time
        read, pointer, size = C.llama_token_to_piece, self._pointer, len(buffer)
        pieces = []
        with self._lifetime:
            for token in range(self.size):
                length = read(pointer, token, buffer, size, 0, False)
                pieces.append(buffer.raw[:length] if length >= 0 else b"")
        for token in [token for token, piece in enumerate(pieces) if not piece]:
            pieces[token] = self.piece(token)  # longer than the buffer, or without bytes
        return pieces

    def name(self, token: int) -> str:
        """A token as people write it: its text, and for a control token its name."""
        return self._read_piece(token, special=True).decode("utf-8", "replace")

    def special(self, name: str) -> int | None:
        """The control or user-defined token that is written like this, or None."""
        if name not in self._specials:
            tokens = self.tokenize(name, parse_special=True)
            found = len(tokens) == 1 and self.is_special(tokens[0])
            self._specials[name] = tokens[0] if found else None
        return self._specials[name]

    def special_names(self) -> dict[str, int]:
        """Every control and user-defined token by the text it is written as. Asks llama.cpp once a token: 80 ms on
        gpt-oss's 201,088.
        """
        attributes = C.llama_vocab_get_attr
        wanted = _ATTR_CONTROL | _ATTR_USER_DEFINED
        with self._lifetime:
            tokens = [token for token in range(self.size) if attributes(self._pointer, token) & wanted]
        return {self.name(token): token for token in tokens}

    def is_special(self, token: int) -> bool:
        """Whether a token is control, user-defined or the one for unknown text."""
        return bool(self._attributes_of(token) & (_ATTR_CONTROL | _ATTR_USER_DEFINED | _ATTR_UNKNOWN))

    def is_control(self, token: int) -> bool:
        """Whether a token is of the control type (not user-defined, not text)."""
        return bool(self._attributes_of(token) & _ATTR_CONTROL)

    def is_end(self, token: int) -> bool:
        """Whether the model ends its reply with this token."""
        is_end = self._ends.get(token)
        if is_end is None:
            with self._lifetime:
                is_end = self._ends[token] = bool(C.llama_vocab_is_eog(self._pointer, token))
        return is_end

    def _attributes_of(self, token: int) -> int:
        attributes = self._attributes.get(token)
        if attributes is None:
            with self._lifetime:
                attributes = self._attributes[token] = C.llama_vocab_get_attr(self._pointer, token)
        return attributes

    def end_tokens(self) -> frozenset[int]:
        """Every token that the model may end its reply with; 30 ms for gpt-oss's 201,088 the first time."""
        if self._end_tokens is None:
            is_end, pointer = C.llama_vocab_is_eog, self._pointer
            with self._lifetime:
                self._end_tokens = frozenset(token for token in range(self.size) if is_end(pointer, token))
        return self._end_tokens

    def _tokenize_part(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode("utf-8", "surrogatepass")
        if self._prefix is None or not data:
            return self._tokenize(data, parse_special=parse_special)
        return self._tokenize(b"\n" + data, parse_special=parse_special)[len(self._prefix) :]

    def _after(self, line_feed: list[int]) -> list[int]:
        return self._tokenize(b"\na", parse_special=False)[len(line_feed) :]

    def _tokenize(self, data: bytes, *, parse_special: bool) -> list[int]:
        capacity = len(data) + 8  # a token is at least one byte; the rest is room for a prefix
        buffer = (ctypes.c_int32 * capacity)()
        with self._lifetime:
            count = C.llama_tokenize(self._pointer, data, len(data), buffer, capacity, False, parse_special)
            if count < 0 and -count > capacity and count != -(2**31):
                capacity = -count
                buffer = (ctypes.c_int32 * capacity)()
                count = C.llama_tokenize(self._pointer, data, len(data), buffer, capacity, False, parse_special)
        if count < 0:
            raise EngineFailed("the text could not be split into tokens", cause=f"it has {len(data):,} bytes")
        return buffer[:count]

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        buffer = ctypes.create_string_buffer(_USUAL_PIECE_BYTES)  # one a call: several threads ask
        with self._lifetime:
            length = C.llama_token_to_piece(self._pointer, token, buffer, len(buffer), 0, special)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = C.llama_token_to_piece(self._pointer, token, buffer, len(buffer), 0, special)
        return buffer.raw[:length]
