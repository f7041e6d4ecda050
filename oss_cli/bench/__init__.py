"""How fast a model is here: measured on the engine, each measurement in a process of its own.

results    plain values, and what follows from several of them
measure    the measurements themselves, on an engine
bandwidth  what the memory delivers to a copy
worker     the process that measures, and `measure_apart`, which starts it
search     which settings are the best ones
Knows nothing of names, settings files and how results are shown.
"""
