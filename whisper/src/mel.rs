//! Log-mel spectrogram, as `whisper/audio.py` of openai-whisper computes it.
