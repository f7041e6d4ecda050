"""What a model has evaluated, on this disk: the states of its cache, to be gone on from without evaluating them again.

file    one state: what llama.cpp wrote, and behind it the tokens it stands for and sums that prove it whole
folder  all of them: names, the cap on their size, what is removed
"""
