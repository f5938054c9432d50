"""Prints what transformers hears: python transcribe_with_transformers.py DIRECTORY WAV"""

import sys
import wave

import numpy as np
from transformers import WhisperForConditionalGeneration, WhisperProcessor

with wave.open(sys.argv[2]) as f:
    pcm = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float32) / 32768
processor = WhisperProcessor.from_pretrained(sys.argv[1])
model = WhisperForConditionalGeneration.from_pretrained(sys.argv[1]).float()
features = processor(pcm, sampling_rate=16000, return_tensors="pt").input_features
print(processor.batch_decode(model.generate(features), skip_special_tokens=True)[0])
