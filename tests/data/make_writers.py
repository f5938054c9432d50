"""Writes writers.json: what openai-whisper's writers make of random results.

    pip install openai-whisper; python make_writers.py > writers.json
"""

import io
import json
import random
import struct

from whisper.utils import WriteJSON, WriteSRT, WriteTSV, WriteTXT, WriteVTT

random.seed(424242)

WORDS = (
    " And| so| my| fellow| Americans,| ask| not| what|'s|-| extraordinarily| internationalisation| a| I| --> | é| ça| 日本|語|。| 🙂|\tx| y\tz"
    "| line\nbreak| end\n| \u00a0|  two|\u3000wide|<b>|&| \"quoted\"| back\\slash|\x7f|\x1c| w\u0301| e.g.|"
).split("|")
WRITERS = {"txt": WriteTXT, "vtt": WriteVTT, "srt": WriteSRT, "tsv": WriteTSV, "json": WriteJSON}


def number():
    kind = random.random()
    if kind < 0.3:
        return round(random.uniform(-3, 3), random.randrange(1, 12))
    if kind < 0.6:
        return random.uniform(-1, 1) * 10.0 ** random.randint(-12, 3)
    if kind < 0.8:
        return struct.unpack("<f", struct.pack("<f", random.uniform(0, 3)))[0]
    return random.choice([0.0, -0.0, 1.0, 1e-4, 1e-5, 123456789.0, 1e16, 1e15, 5e-324, 2.5])


def result(count, with_words):
    time = random.choice([0.0, 0.0, 3599.2, 35999.995])
    segments = []
    for i in range(count):
        words, start = [], time
        for _ in range(random.choice([0, 1, 2, 5, 9, 14])):
            begin = round(time + random.choice([0, 0, 0, 0.1, 0.5, 3.0, 3.1, 9]), 2)
            time = round(begin + random.choice([0, 0.02, 0.24, 0.5, 0.005]), random.choice([2, 3]))
            words.append({"word": random.choice(WORDS), "start": begin, "end": time, "probability": number()})
        segment = {
            "id": i, "seek": random.randrange(9000), "start": start, "end": time,
            "text": "".join(word["word"] for word in words), "tokens": random.choices(range(51865), k=random.randrange(4)),
            "temperature": random.choice([0.0, 0.2, 0.6000000000000001, 1.0]), "avg_logprob": number(),
            "compression_ratio": number(), "no_speech_prob": number(),
        }
        if with_words:
            segment["words"] = words
        segments.append(segment)
        time = round(time + random.choice([0, 0, 1.5, 4.0, 0.0005]), 4)
    return {"text": "".join(s["text"] for s in segments), "segments": segments, "language": random.choice(["en", "yue"])}


LAYOUTS = [
    {}, {"highlight_words": True}, {"max_line_width": 20}, {"max_line_width": 20, "max_line_count": 2}, {"max_line_count": 1},
    {"max_line_width": 12, "max_line_count": 1}, {"max_words_per_line": 1}, {"max_words_per_line": 4},
    {"max_line_width": 0, "max_line_count": 0, "max_words_per_line": 0},
    {"max_line_width": 16, "max_line_count": 3, "highlight_words": True}, {"max_words_per_line": 3, "highlight_words": True},
    {"max_line_width": 30, "max_words_per_line": 5}, {"max_line_width": 1, "max_line_count": 2},
]


def written(value, name, layout):
    file = io.StringIO()
    WRITERS[name](".").write_result(value, file, **layout)
    return file.getvalue()


cases = []
for i in range(40):
    with_words = i % 4 != 0
    value = result(random.randrange(0, 5), with_words)
    files = [["json", {}, written(value, "json", {})], ["txt", {}, written(value, "txt", {})], ["tsv", {}, written(value, "tsv", {})]]
    for layout in random.sample(LAYOUTS, 3 if with_words else 1):
        files += [[name, layout, written(value, name, layout)] for name in ("srt", "vtt")]
    cases.append(files)

print("[\n" + ",\n".join(json.dumps(files, separators=(",", ":")) for files in cases) + "\n]")
