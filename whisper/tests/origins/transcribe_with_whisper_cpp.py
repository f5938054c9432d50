"""Prints what whisper.cpp hears: python transcribe_with_whisper_cpp.py MODEL WAV"""

import sys

from pywhispercpp.model import Model

model = Model(sys.argv[1], n_threads=2, print_progress=False, print_realtime=False)
print("".join(" " + segment.text.strip() for segment in model.transcribe(sys.argv[2], language="en")))
