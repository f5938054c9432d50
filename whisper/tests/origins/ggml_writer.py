"""A whisper.cpp file made of a Hugging Face directory without our code: whisper.cpp's file layout, ggml's own functions.

    python ggml_writer.py HUGGING_FACE_DIRECTORY OUT TYPE

Names and their order come from openai-whisper, mel filters and tokens from its assets, quantised blocks from the libggml
that pywhispercpp brings along (https://github.com/ggml-org/whisper.cpp, models/README.md and examples/quantize).
"""

import base64
import ctypes
import glob
import json
import os
import struct
import sys

import numpy as np
import whisper
from safetensors.numpy import load_file

FILE_TYPE = {"f16": 1, "q4_0": 2002, "q4_1": 2003, "q8_0": 2007, "q5_0": 2008, "q5_1": 2009}
TENSOR_TYPE = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8}
BLOCK = {"q4_0": 18, "q4_1": 20, "q5_0": 22, "q5_1": 24, "q8_0": 34}


def quantise(kind, values):
    import pywhispercpp

    site = os.path.dirname(os.path.dirname(pywhispercpp.__file__))
    library = ctypes.CDLL(glob.glob(os.path.join(site, "pywhispercpp.libs", "libggml-base*"))[0])
    function = getattr(library, f"quantize_row_{kind}_ref")
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64], None
    values = np.ascontiguousarray(values, dtype=np.float32)
    out = np.zeros(values.size // 32 * BLOCK[kind], np.uint8)
    function(values.ctypes.data, out.ctypes.data, values.size)
    return out.tobytes()


def stored_name(name):
    """What transformers calls the weight (the rules of its convert_openai_to_hf.py, the other way round)."""
    side, rest = name.split(".", 1)
    if rest.startswith("blocks."):
        _, layer, rest = rest.split(".", 2)
        part, _, kind = rest.rpartition(".")
        attention = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
        if part.startswith("attn."):
            part = "self_attn." + attention[part[5:]]
        elif part.startswith("cross_attn."):
            part = "encoder_attn." + attention[part[11:]]
        else:
            part = {
                "attn_ln": "self_attn_layer_norm",
                "cross_attn_ln": "encoder_attn_layer_norm",
                "mlp.0": "fc1",
                "mlp.2": "fc2",
                "mlp_ln": "final_layer_norm",
            }[part]
        rest = f"layers.{layer}.{part}.{kind}"
    else:
        rest = {
            "positional_embedding": "embed_positions.weight",
            "token_embedding.weight": "embed_tokens.weight",
            "ln.weight": "layer_norm.weight",
            "ln.bias": "layer_norm.bias",
            "ln_post.weight": "layer_norm.weight",
            "ln_post.bias": "layer_norm.bias",
        }.get(rest, rest)
    return f"model.{side}.{rest}"


def dimensions(source):
    with open(os.path.join(source, "config.json")) as f:
        config = json.load(f)
    return whisper.model.ModelDimensions(
        config["num_mel_bins"], config["max_source_positions"], config["d_model"],
        config["encoder_attention_heads"], config["encoder_layers"], config["vocab_size"],
        config["max_target_positions"], config["d_model"],
        config["decoder_attention_heads"], config["decoder_layers"],
    )


def main(source, out, kind):
    weights = load_file(os.path.join(source, "model.safetensors"))
    dims = dimensions(source)
    assets = os.path.join(os.path.dirname(whisper.__file__), "assets")
    filters = np.load(os.path.join(assets, "mel_filters.npz"))[f"mel_{dims.n_mels}"].astype("<f4")
    vocabulary = "multilingual" if dims.n_vocab >= 51865 else "gpt2"
    with open(os.path.join(assets, f"{vocabulary}.tiktoken"), "rb") as f:
        lines = [line.split() for line in f if line.strip()]
    tokens = [base64.b64decode(token) for token, _ in sorted(lines, key=lambda line: int(line[1]))]

    with open(out, "wb") as f:
        def write(*numbers):
            f.write(struct.pack(f"<{len(numbers)}i", *numbers))

        write(0x67676D6C, dims.n_vocab, dims.n_audio_ctx, dims.n_audio_state, dims.n_audio_head, dims.n_audio_layer)
        write(dims.n_text_ctx, dims.n_text_state, dims.n_text_head, dims.n_text_layer, dims.n_mels, FILE_TYPE[kind])
        write(*filters.shape)
        # One filter has a negative zero, which means nothing.
        f.write((filters + np.float32(0)).tobytes())
        write(len(tokens))
        for token in tokens:
            write(len(token))
            f.write(token)
        for name in whisper.Whisper(dims).state_dict():
            array = weights[stored_name(name)]
            if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
                array = array.reshape(-1, 1)
            if array.ndim < 2 or name.endswith(("bias", "positional_embedding")):
                stored, data = "f32", array.astype("<f4").tobytes()
            elif array.ndim == 3 or kind == "f16":
                stored, data = "f16", array.astype("<f2").tobytes()
            else:
                stored, data = kind, quantise(kind, array)
            write(array.ndim, len(name), TENSOR_TYPE[stored], *array.shape[::-1])
            f.write(name.encode())
            f.write(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
