#!/usr/bin/env python3
"""Transcribes one clip with one implementation in this process and prints what it cost, as one JSON object.

usage: worker.py IMPLEMENTATION MODEL CLIP THREADS RUNS

IMPLEMENTATION and what MODEL is: openai-whisper (a directory in Hugging Face layout, or a CTranslate2 directory of float16
weights), faster-whisper (a CTranslate2 directory), whisper.cpp (a ggml file). Greedy, temperature 0, English, no fallback.
"""
import json
import os
import resource
import sys
import time


def openai_model(path):
    """The model of openai-whisper with the weights in `path`."""
    import numpy as np
    import torch
    import whisper
    from whisper.model import ModelDimensions, Whisper

    from weights import openai_state_dict

    dims, state = openai_state_dict(path)
    model = Whisper(ModelDimensions(**dims))
    state = {name: torch.from_numpy(np.array(value, dtype=np.float32)) for name, value in state.items()}
    model.load_state_dict(state, strict=False)
    return whisper, model.eval()


def main():
    implementation, path, clip, threads, runs = sys.argv[1:6]
    threads, runs = int(threads), int(runs)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    started = time.perf_counter()
    if implementation == "openai-whisper":
        import torch

        torch.set_num_threads(threads)
        whisper, model = openai_model(path)
        audio = pcm(clip)
        run = lambda: whisper.transcribe(model, audio, language="en", temperature=0, fp16=False)["text"]
    elif implementation == "faster-whisper":
        from faster_whisper import WhisperModel

        model = WhisperModel(path, device="cpu", compute_type="float32", cpu_threads=threads, local_files_only=True)
        audio = pcm(clip)
        run = lambda: "".join(
            s.text for s in model.transcribe(audio, language="en", temperature=0, beam_size=1)[0]
        )
    elif implementation == "whisper.cpp":
        from pywhispercpp.model import Model

        model = Model(path, n_threads=threads, redirect_whispercpp_logs_to=None, language="en", temperature_inc=0.0)
        audio = pcm(clip)
        run = lambda: " ".join(s.text.strip() for s in model.transcribe(audio))
    else:
        sys.exit(f"unknown implementation {implementation}")
    loaded = time.perf_counter() - started
    times, text = [], ""
    for _ in range(runs):
        started = time.perf_counter()
        text = run()
        times.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"text": text.strip(), "load_s": loaded, "times_s": times, "peak_kib": peak}))


def pcm(clip):
    """Mono float32 at 16 kHz, decoded by PyAV (faster-whisper brings it)."""
    from faster_whisper.audio import decode_audio

    return decode_audio(clip, sampling_rate=16000)


if __name__ == "__main__":
    main()
