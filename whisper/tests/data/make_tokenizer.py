"""Writes tokenizer.json: what openai-whisper's tokenizer makes of texts in many scripts.

    pip install openai-whisper; python make_tokenizer.py > tokenizer.json
"""

import json
import random
import unicodedata

import whisper.tokenizer as wt

random.seed(20240917)

SENTENCES = """
And so, my fellow Americans: ask not what your country can do for you.
I'll say they've said we'd; it's don't, he'LL 'S 're ''ve I'm"I'd
  leading, double  inner and trailing spaces
tabs\tand\nnew lines\r\n\r\n \n  x
3.14159 1,000,000 Ⅷ ½ ² ①②③ 1984年 ٣٤٥ १२३ 42nd x2y
Ça va? Où est l'été où tu étais né? « Bonjour » — dit-il…
Straße, Übermut, ÄÖÜ ẞ; naïve façade œuvre
¿Cómo estás? ¡Mañana será otro día!
Быстрая лисица прыгает через ленивую собаку. Ёлка
Ґрунт, їжак, єдність
Γειά σου Κόσμε! Τί κάνεις;
שלום עולם, מה שלומך?
مرحبا بالعالم، كيف حالك؟
سلام دنیا، می‌خواهم بروم
ہیلو دنیا
नमस्ते दुनिया, आप कैसे हैं?
ওহে বিশ্ব, কেমন আছো?
ਸਤ ਸ੍ਰੀ ਅਕਾਲ
ગુજરાતી ભાષા
வணக்கம் உலகம்
తెలుగు భాష
ಕನ್ನಡ ಭಾಷೆ
മലയാളം ഭാഷ
සිංහල භාෂාව
สวัสดีชาวโลก ภาษาไทยไม่มีช่องว่าง กำลัง
ສະບາຍດີຊາວໂລກ
မင်္ဂလာပါ ကမ္ဘာလောက
សួស្តី​ពិភពលោក
བོད་སྐད་ཡིན།
გამარჯობა მსოფლიო
Բարեւ աշխարհ
ሰላም ለዓለም።
こんにちは世界。ひらがな、カタカナ、漢字。「はい」
ｶﾀｶﾅ ｆｕｌｌｗｉｄｔｈ １２３
你好，世界！我们今天去学校。
佢哋喺香港講廣東話。
안녕하세요 세계! 한국어입니다
Xin chào thế giới, tiếng Việt có dấu
Merhaba dünya, İstanbul ışığı
Příliš žluťoučký kůň úpěl ďábelské ódy
Zażółć gęślą jaźń
Árvíztűrő tükörfúrógép
Îți mulțumesc, țară
Žemaitija, ąčęėįšųūž
Tere, õhtu; ķēniņš
Þetta er íslenska, ð
Ħobż Malti ġdid
Yorùbá ẹ̀kọ́ ọjọ́
Hausa ƙasa ɗan ɓera
Tatarça: Җәй, ңөү
Қазақ тілі ұлт
Монгол хэл өвөл
Тоҷикӣ ҳаққ
Ō te reo Māori ʻōlelo Hawaiʻi
e\u0301 combining, o\u0308 u\u0308 Z\u0351\u036b\u0343
🙂🙃 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷🇯🇵 👍🏽 ❤️
♪♪♪ (upbeat music) [Applause] [DAVID] Hey there -- -Yes. >> <<
!!! ??? ... ,,, --- ___ *** ### $5.00 100% a@b.c #tag http://x.y/z?q=1&r=2
<|endoftext|> <|startoftranscript|><|en|> <|0.00|>
\u00a0nbsp\u00a0\u2003em\u3000ideographic\u200bzero\u2060joiner\ufeffbom
\x00\x01\x1b[0m\x7f\x85\x1c\x1d\x1e\x1f
𝐌𝐚𝐭𝐡 𝟙𝟚𝟛 𐍈𐌰 𓀀 𠜎𠜱
\U000e0041\U0010ffff\ufffd\uffff
""".strip("\n").split("\n")

BLOCKS = [
    (0x20, 0x7E), (0xA0, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F),
    (0x590, 0x5FF), (0x600, 0x77F), (0x780, 0x7BF), (0x900, 0x97F), (0x980, 0x9FF), (0xA00, 0xAFF), (0xB00, 0xBFF),
    (0xC00, 0xCFF), (0xD00, 0xDFF), (0xE00, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF),
    (0x1200, 0x139F), (0x13A0, 0x13FF), (0x1400, 0x167F), (0x1680, 0x16FF), (0x1780, 0x17FF), (0x1800, 0x18AF),
    (0x1E00, 0x1FFF), (0x2000, 0x209F), (0x20A0, 0x218F), (0x2190, 0x23FF), (0x2460, 0x25FF), (0x2600, 0x27BF),
    (0x2800, 0x28FF), (0x2C00, 0x2DFF), (0x2E80, 0x303F), (0x3040, 0x30FF), (0x3100, 0x31FF), (0x3200, 0x33FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xA4CF), (0xA500, 0xABFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF),
    (0xFB00, 0xFDFF), (0xFE00, 0xFEFF), (0xFF00, 0xFFEF), (0x10000, 0x1018F), (0x10280, 0x104FF), (0x11000, 0x112FF),
    (0x12000, 0x123FF), (0x16800, 0x16AFF), (0x1B000, 0x1B0FF), (0x1D100, 0x1D1FF), (0x1D400, 0x1D7FF),
    (0x1F000, 0x1F2FF), (0x1F300, 0x1F6FF), (0x1F700, 0x1FAFF), (0x20000, 0x2A6DF), (0xE000, 0xE0FF),
]


def from_block(low, high):
    known = [chr(c) for c in range(low, high + 1) if unicodedata.category(chr(c)) != "Cn"]
    return "".join(random.choice([" ", ""] * 2 + ["  ", "\n", "'s"]) + "".join(random.choices(known, k=random.randint(1, 6)))
                   for _ in range(6))


texts = ["", " ", "  ", "a", " a", "'", "\n\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
texts += SENTENCES
texts += [f" {name}" for name in wt.LANGUAGES.values()]
texts += [from_block(*block) for block in BLOCKS for _ in range(2)]
everything = [c for block in BLOCKS for c in (chr(random.randint(*block)) for _ in range(20)) if unicodedata.category(c) not in ("Cn", "Cs")]
texts += ["".join(random.choices(everything, k=40)) for _ in range(40)]
texts += [bytes(random.choices(range(256), k=24)).decode("utf-8", errors="replace") for _ in range(40)]
texts += ["".join(random.choices(" \t\n\r\x0b\x0c\u00a0\u2028\u3000ab1.", k=20)) for _ in range(40)]

english = wt.get_tokenizer(False)
multilingual = wt.get_tokenizer(True, language="en", task="transcribe")
v3 = wt.get_tokenizer(True, num_languages=100, language="yue", task="translate")


def ordinary(t, text):
    return t.encoding.encode_ordinary(text)


encodings = [[text, ordinary(english, text), ordinary(multilingual, text)] for text in texts]
decodings = []
for t, name, n in [(english, "english", 50364), (multilingual, "multilingual", 50365)]:
    for _ in range(40):
        tokens = [random.randrange(0, n) if random.random() < 0.2 else random.choice(ordinary(t, random.choice(SENTENCES)) or [1])
                  for _ in range(8)]
        tokens += random.choices(range(256), k=4) + [t.timestamp_begin + random.randrange(1501)]
        random.shuffle(tokens)
        decodings.append([name, tokens, t.decode(tokens), t.decode_with_timestamps(tokens)])

words = []
for language in [None, "en", "fr", "zh", "ja", "th", "lo", "my", "ru", "yue"]:
    t = english if language is None else wt.get_tokenizer(True, num_languages=100 if language == "yue" else 99, language=language)
    for text in random.sample(SENTENCES, 16):
        tokens = [t.timestamp_begin + 7] + ordinary(t, " " + text) + [t.timestamp_begin + 90, t.eot]
        words.append([language, tokens, *t.split_to_word_tokens(tokens)])
        cut = tokens[: random.randrange(len(tokens))] if random.random() < 0.5 else random.sample(tokens, len(tokens))
        try:
            words.append([language, cut, *t.split_to_word_tokens(cut)])
        except IndexError:
            pass  # the reference fails on some broken sequences

special = {}
for name, t in [("english", english), ("multilingual", multilingual), ("v3", v3)]:
    keys = "eot sot sot_prev sot_lm no_speech no_timestamps timestamp_begin transcribe translate".split()
    special[name] = {k: getattr(t, k) for k in keys}
    special[name].update(
        n_vocab=t.encoding.n_vocab,
        sot_sequence=t.sot_sequence,
        sot_sequence_including_notimestamps=t.sot_sequence_including_notimestamps,
        all_language_tokens=sorted(t.all_language_tokens),
        all_language_codes=[t.decode([i]).strip("<|>") for i in sorted(t.all_language_tokens)],
        non_speech_tokens=t.non_speech_tokens,
    )


def lines(rows):
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows) + "\n]"


print('{"special":', json.dumps(special, separators=(",", ":")), ',"encodings":', lines(encodings), ',"decodings":', lines(decodings),
      ',"words":', lines(words), "}")
