#!/usr/bin/env python3
"""Transcribes clips with one implementation in this process and prints what each cost, a JSON object a line.

usage: worker.py IMPLEMENTATION MODEL THREADS RUNS:CLIP ...

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
    implementation, path, threads, *jobs = sys.argv[1:]
    threads = int(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    started = time.perf_counter()
    if implementation == "openai-whisper":
        import torch

        torch.set_num_threads(threads)
        whisper, model = openai_model(path)
        run = lambda audio: whisper.transcribe(model, audio, language="en", temperature=0, fp16=False)["text"]
    elif implementation == "faster-whisper":
        from faster_whisper import WhisperModel

        model = WhisperModel(path, device="cpu", compute_type="float32", cpu_threads=threads, local_files_only=True)
        options = {"language": "en", "temperature": 0, "beam_size": 1}
        run = lambda audio: "".join(s.text for s in model.transcribe(audio, **options)[0])
    elif implementation == "whisper.cpp":
        from pywhispercpp.model import Model

        model = Model(path, n_threads=threads, redirect_whispercpp_logs_to=None, language="en", temperature_inc=0.0)
        run = lambda audio: " ".join(s.text.strip() for s in model.transcribe(audio))
    else:
        sys.exit(f"unknown implementation {implementation}")
    loaded = time.perf_counter() - started
    for job in jobs:
        runs, clip = job.split(":", 1)
        audio = pcm(clip)
        times, text = [], ""
        for _ in range(int(runs)):
            started = time.perf_counter()
            text = run(audio)
            times.append(time.perf_counter() - started)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = {"clip": clip, "text": text.strip(), "load_s": loaded, "times_s": times, "peak_kib": peak}
        print("\n" + json.dumps(result), flush=True)


def pcm(clip):
    """Mono float32 at 16 kHz, decoded by PyAV (faster-whisper brings it)."""
    from faster_whisper.audio import decode_audio

    return decode_audio(clip, sampling_rate=16000)


if __name__ == "__main__":
    main()
