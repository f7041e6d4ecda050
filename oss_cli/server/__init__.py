"""A model behind HTTP, as OpenAI's API has it. Owns starlette, uvicorn and sse_starlette (the extra `serve`).

Knows Backends, and neither files nor terminals: whoever starts it gives it an open model and a socket.
"""
