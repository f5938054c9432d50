"""Reads the float16 weights of a Hugging Face or CTranslate2 directory under openai-whisper's names."""
import json
import pathlib
import re
import struct

import numpy as np

HUGGING_FACE = [
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    (r"embed_positions\.weight", "positional_embedding"),
    (r"embed_tokens", "token_embedding"),
    (r"self_attn_layer_norm", "attn_ln"),
    (r"encoder_attn_layer_norm", "cross_attn_ln"),
    (r"self_attn", "attn"),
    (r"encoder_attn", "cross_attn"),
    (r"q_proj", "query"),
    (r"k_proj", "key"),
    (r"v_proj", "value"),
    (r"out_proj", "out"),
    (r"final_layer_norm", "mlp_ln"),
    (r"\.fc1", ".mlp.0"),
    (r"\.fc2", ".mlp.2"),
    (r"encoder\.layer_norm", "encoder.ln_post"),
    (r"decoder\.layer_norm", "decoder.ln"),
]


def openai_state_dict(path):
    """Dimensions and weights of the model in the directory `path`."""
    path = pathlib.Path(path)
    if (path / "model.safetensors").exists():
        return hugging_face(path)
    return ctranslate2(path)


def hugging_face(path):
    raw = (path / "model.safetensors").read_bytes()
    (n,) = struct.unpack("<Q", raw[:8])
    state = {}
    for name, entry in json.loads(raw[8 : 8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + n + offset for offset in entry["data_offsets"])
        dtype = {"F16": np.float16, "F32": np.float32, "BF16": np.uint16}[entry["dtype"]]
        for pattern, new in HUGGING_FACE:
            name = re.sub(pattern, new, name)
        values = np.frombuffer(raw[begin:end], dtype).reshape(entry["shape"])
        # bfloat16 is the upper half of a float32
        state[name] = (values.astype(np.uint32) << 16).view(np.float32) if dtype is np.uint16 else values
    config = json.loads((path / "config.json").read_text())
    return dims(state, config["encoder_attention_heads"]), state


def ctranslate2(path):
    raw, at = (path / "model.bin").read_bytes(), 0

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, raw, at)[0]
        at += struct.calcsize("<" + form)
        return value

    def string():
        nonlocal at
        n = take("H")
        at += n
        return raw[at - n : at - 1].decode()

    take("I"), string(), take("I")
    arrays = {}
    for _ in range(take("I")):
        name = string()
        shape = [take("I") for _ in range(take("B"))]
        dtype = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}[take("B")]
        size = take("I")
        arrays[name] = np.frombuffer(raw[at : at + size], dtype).reshape(shape)
        at += size
    for _ in range(take("I")):
        alias, name = string(), string()
        arrays[alias] = arrays[name]
    return from_ctranslate2(arrays)


def from_ctranslate2(a):
    state = {}

    def linear(new, old, part=slice(None)):
        state[new + ".weight"] = a[old + "/weight"][part]
        if old + "/bias" in a:
            state[new + ".bias"] = a[old + "/bias"][part]

    def norm(new, old):
        state[new + ".weight"], state[new + ".bias"] = a[old + "/gamma"], a[old + "/beta"]

    linear("encoder.conv1", "encoder/conv1")
    linear("encoder.conv2", "encoder/conv2")
    state["encoder.positional_embedding"] = a["encoder/position_encodings/encodings"]
    state["decoder.positional_embedding"] = a["decoder/position_encodings/encodings"]
    state["decoder.token_embedding.weight"] = a["decoder/embeddings/weight"]
    norm("encoder.ln_post", "encoder/layer_norm")
    norm("decoder.ln", "decoder/layer_norm")
    for side in ("encoder", "decoder"):
        layers = len({n.split("/")[1] for n in a if n.startswith(side + "/layer_") and n.split("/")[1] != "layer_norm"})
        for i in range(layers):
            new, old = f"{side}.blocks.{i}", f"{side}/layer_{i}"
            d = a[f"{old}/self_attention/linear_1/weight"].shape[0]
            for j, name in enumerate(("query", "key", "value")):
                linear(f"{new}.attn.{name}", f"{old}/self_attention/linear_0", slice(j * d, (j + 1) * d))
            linear(f"{new}.attn.out", f"{old}/self_attention/linear_1")
            norm(f"{new}.attn_ln", f"{old}/self_attention/layer_norm")
            if side == "decoder":
                linear(f"{new}.cross_attn.query", f"{old}/attention/linear_0")
                for j, name in enumerate(("key", "value")):
                    linear(f"{new}.cross_attn.{name}", f"{old}/attention/linear_1", slice(j * d, (j + 1) * d))
                linear(f"{new}.cross_attn.out", f"{old}/attention/linear_2")
                norm(f"{new}.cross_attn_ln", f"{old}/attention/layer_norm")
            linear(f"{new}.mlp.0", f"{old}/ffn/linear_0")
            linear(f"{new}.mlp.2", f"{old}/ffn/linear_1")
            norm(f"{new}.mlp_ln", f"{old}/ffn/layer_norm")
    state = {name: value for name, value in state.items() if not name.endswith("key.bias")}
    return dims(state, state["encoder.conv1.weight"].shape[0] // 64), state


def dims(state, heads):
    layers = lambda side: len({name.split(".")[2] for name in state if name.startswith(side + ".blocks.")})
    width, mels = state["encoder.conv1.weight"].shape[:2]
    return {
        "n_mels": mels,
        "n_audio_ctx": 1500,
        "n_audio_state": width,
        "n_audio_head": heads,
        "n_audio_layer": layers("encoder"),
        "n_vocab": state["decoder.token_embedding.weight"].shape[0],
        "n_text_ctx": 448,
        "n_text_state": width,
        "n_text_head": heads,
        "n_text_layer": layers("decoder"),
    }
