"""llama.cpp in this process, on its C API. Token ids in, token ids out; knows nothing of messages or files' origins.

api        the ctypes bindings of llama-cpp-python, loaded without the rest of that package; llama.cpp's log
model      a model file in memory, or its vocabulary alone
vocabulary text ⇄ tokens
context    evaluation: batches, the key/value cache of each sequence, saved states, aborting
sampling   the chain of samplers for one reply
sequence   which tokens a cache slot holds, and how far it may be cut back
kept_states states of the cache on disk: gone on from, and kept
scheduler  the decode loop over all sequences
engine     the thread that runs the scheduler, and the iterator that a caller reads
"""
