"""A checkpoint as OpenAI releases them: python pt_writer.py HUGGING_FACE_DIRECTORY OUT"""

import dataclasses
import sys

import torch
import whisper
from safetensors.torch import load_file

from ggml_writer import dimensions, stored_name

source, out = sys.argv[1:]
dims = dimensions(source)
weights = load_file(f"{source}/model.safetensors")
names = whisper.Whisper(dims).state_dict()
state = {name: weights[stored_name(name)].half() for name in names}
torch.save({"dims": dataclasses.asdict(dims), "model_state_dict": state}, out)
