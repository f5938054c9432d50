#!/usr/bin/env python3
"""All clips of the reference data through xdna, openai-whisper, faster-whisper and whisper.cpp, in one table.

usage: compare.py --xdna PATH --data DIR --work DIR [--base DIR] [--threads 2] [--runs 5] [--speed CLIP ...] > table.md

Every implementation gets the same float16 weights (tiny.en, and base where --base names its CTranslate2 directory), decodes
greedily at temperature 0 in English on the same number of threads, computes in float32 (whisper.cpp: its float16 file), and
runs in a process of its own for all clips, one after the other. --work keeps the converted models. Needs the packages openai-whisper,
faster-whisper, ctranslate2, transformers and pywhispercpp; what cannot be imported is left out and named.
"""
import argparse
import importlib.util
import json
import pathlib
import re
import statistics
import subprocess
import sys
import unicodedata

HERE = pathlib.Path(__file__).parent
PACKAGES = {"openai-whisper": "whisper", "faster-whisper": "faster_whisper", "whisper.cpp": "pywhispercpp"}
# What a person wrote down (audio/README.md of the reference data).
SPOKEN = {
    "jfk-16k.wav": "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
    "librivox-0870.wav": "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do for them",
    "librivox-0880.wav": "he was not an ill disposed young man",
    "librivox-0890.wav": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "cards-001.wav": "ten of clubs",
    "cards-002.wav": "four queen of clubs",
    "cards-003.wav": "seven of clubs",
}
# One word, two spellings.
SAME = {"mr": "mister", "10": "ten", "4": "four", "7": "seven"}


def words(text):
    text = "".join(" " if unicodedata.category(c)[0] in "PS" else c for c in text.lower())
    return [SAME.get(word, word) for word in re.findall(r"\S+", text)]


def errors(reference, text):
    """Word error rate: insertions, deletions and substitutions over the words of the reference."""
    a, b = words(reference), words(text)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1] / max(len(a), 1)


def run(implementation, model, jobs, options):
    """What one implementation makes of all clips, by clip; `jobs` is (calls, clip)."""
    clips = [f"{runs}:{clip}" for runs, clip in jobs]
    if implementation == "xdna":
        command = [options.speed_binary, model, options.threads, *clips]
    else:
        command = [sys.executable, HERE / "worker.py", implementation, model, options.threads, *clips]
    out = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"{implementation} failed:\n{out.stderr[-2000:]}")
    lines = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    return {pathlib.Path(line["clip"]).name: line for line in lines}


def converted(options, name, source):
    """The model for each implementation, made from the same weights."""
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    ggml = work / f"ggml-{name}.bin"
    if not ggml.exists():
        subprocess.run([options.xdna, "convert", source, ggml, "--type", "f16"], check=True)
    ct2 = pathlib.Path(source)
    if not (ct2 / "model.bin").exists():
        ct2 = work / f"ct2-{name}"
        if not ct2.exists():
            convert = "from ctranslate2.converters.transformers import main; main()"
            arguments = ["--model", source, "--output_dir", ct2, "--quantization", "float16"]
            arguments += ["--copy_files", "tokenizer.json", "preprocessor_config.json"]
            subprocess.run([sys.executable, "-c", convert, *map(str, arguments)], check=True)
    return {"xdna": source, "openai-whisper": source, "faster-whisper": ct2, "whisper.cpp": ggml}


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xdna", required=True, help="the xdna program")
    parser.add_argument("--speed-binary", required=True, help="the example `speed` of xdna-whisper")
    parser.add_argument("--data", required=True, help="reference data: models/ and audio/")
    parser.add_argument("--work", required=True, help="where converted models are kept")
    parser.add_argument("--base", help="CTranslate2 directory of base")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5, help="calls timed for each clip of --speed")
    parser.add_argument("--speed", nargs="*", default=["librivox-0870.wav", "jfk-16k.wav", "longform-mixed.flac"])
    options = parser.parse_args()

    there = ["xdna"] + [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    missing = sorted(set(PACKAGES) - set(there))
    if missing:
        print(f"Left out, not installed: {', '.join(missing)}.\n")
    data = pathlib.Path(options.data)
    clips = sorted(p for p in (data / "audio").iterdir() if p.suffix in {".wav", ".flac", ".mp3", ".aiff"})
    models = {"tiny.en": data / "models/tiny.en"}
    if options.base:
        models["base"] = pathlib.Path(options.base)

    for name, source in models.items():
        paths = converted(options, name, source)
        print(f"## {name}\n")
        jobs = [(options.runs if clip.name in options.speed else 1, clip) for clip in clips]
        results = {i: run(i, paths[i], jobs, options) for i in there}
        rows, texts = [], []
        for runs, clip in jobs:
            of_clip = {i: results[i][clip.name] for i in there}
            reference = of_clip.get("openai-whisper", of_clip["xdna"])["text"]
            spoken = SPOKEN.get(clip.name)
            for i, result in of_clip.items():
                text = result["text"]
                rows.append(
                    [
                        clip.name,
                        i,
                        f"{100 * errors(spoken, text):.1f} %" if spoken else "",
                        f"{100 * errors(reference, text):.1f} %",
                        f"{statistics.median(result['times_s']):.3f} ({runs})",
                        f"{result['peak_kib'] / 1024:.0f}",
                    ]
                )
                texts.append([clip.name, i, text if len(text) < 300 else text[:300] + " ..."])
        head = ["clip", "implementation", "WER, spoken", "WER, openai-whisper", "seconds (calls)", "peak so far, MiB"]
        table(head, rows)
        loads = [[i, f"{next(iter(results[i].values()))['load_s']:.2f}"] for i in there]
        table(["implementation", "load, s"], loads)
        print(f"### What {name} wrote\n")
        table(["clip", "implementation", "text"], texts)


if __name__ == "__main__":
    main()
