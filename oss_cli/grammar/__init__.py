"""What forms an answer may be held to: grammars and JSON Schemas, followed byte by byte.

Knows nothing of models, prompts and llama.cpp; a vocabulary comes in as the bytes of its tokens.
"""
