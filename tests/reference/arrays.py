#!/usr/bin/env python3
"""Encoder output and logits of openai-whisper on the weights of a Hugging Face directory.

usage: arrays.py MODEL_DIR MEL TOKENS OUT

MEL: raw float32 (n_mels, 3000). TOKENS: numbers with commas. OUT gets raw float32: the encoder's (1500, n_state), then logits
(tokens, n_vocab).
"""
import sys

import numpy as np
import torch
from whisper.model import ModelDimensions, Whisper

from weights import openai_state_dict

path, mel, tokens, out = sys.argv[1:]
dims, state = openai_state_dict(path)
model = Whisper(ModelDimensions(**dims))
model.load_state_dict({n: torch.from_numpy(np.array(v, dtype=np.float32)) for n, v in state.items()}, strict=False)
model.eval()
mel = torch.from_numpy(np.fromfile(mel, dtype=np.float32).reshape(1, dims["n_mels"], 3000))
with torch.no_grad():
    features = model.encoder(mel)
    logits = model.decoder(torch.tensor([[int(t) for t in tokens.split(",")]]), features)
with open(out, "wb") as file:
    file.write(features.numpy().astype("<f4").tobytes())
    file.write(logits.numpy().astype("<f4").tobytes())
