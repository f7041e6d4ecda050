"""Makes tests/models/tiny-gpt-oss.gguf's like: a gpt-oss of a million weights that really speaks harmony.

For developers; no test runs it. From the top of the repository:

    python -m tests.models.make_tiny_gpt_oss train convert quantize evaluate OUT --llama-cpp LLAMA_CPP

Stages may be run one by one, each in an environment of its own; every stage reads what the one before left in OUT:

    train      synthetic conversations -> tokenizer and weights in OUT/hf    torch (2.13, CPU), transformers, tokenizers
    convert    OUT/hf -> OUT/tiny-gpt-oss-f16.gguf                           the same, sentencepiece, gguf, LLAMA_CPP
    quantize   -> OUT/tiny-gpt-oss.gguf, its experts in MXFP4                llama_cpp
    evaluate   -> OUT/tiny-gpt-oss.json: success rates and exact examples    llama_cpp

LLAMA_CPP is llama.cpp's source tree (convert_hf_to_gguf.py, gguf-py/, models/templates/): `vendor/llama.cpp` in
llama-cpp-python's sdist is one. Training takes about half an hour on two cores, the other stages three minutes
together. `--steps 20 --harden-steps 5 --cases 2` runs everything in two minutes and gives a model that can do nothing.

Everything is drawn from one seed, but another version of torch rounds otherwise: a second run gives the model's like,
not its twin. Every answer in the corpus is a fixed function of its prompt, so the evaluation asks for exact answers,
token by token, the closing control token included.
"""
