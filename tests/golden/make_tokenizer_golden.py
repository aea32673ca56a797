"""Makes small tokenizers whose folders say one thing each, and records what transformers makes of
them: token ids of awkward texts, without and with special tokens.

    pip install transformers==4.57.6 tokenizers==0.22.2
    python3 make_tokenizer_golden.py --out tokenizers.json

Writes one JSON file, a list of cases:
- "name": what the case is about.
- "files": name -> JSON of a model folder's file.
- "refused": parts of the message where cprobe refuses the folder. Such a case has no ids.
- "texts", and for each of them "ids" and "ids_with_special", which are exact.

AutoTokenizer reads folders whose tokenizer_config.json names a class, PreTrainedTokenizerFast all
others: which class AutoTokenizer takes there depends on the model.
"""

import argparse
import copy
import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

SPACE = "\u2581"
TEXTS = [
    "", "a", " a", "  a", "ab abc", "abc  bc ", "a\nb", "\n a", "1 2", "c1", "a\u00e9", "\u00e9\u00e9a",
    "\u0416", "\u0416a\u0416\u0416", "\u00e9\u0416\u00e9", "<s>a", "<s> a", "a<s>b</s> c", "a <s> b", "</s>", " <s>",
    "<unk>a", "a <new> b", "a<new>b", "<new><new> a", "  <new>  a", "<|endoftext|>a", "a <pad>b", "[X] a[X]",
    SPACE + "a", "a" + SPACE + " b", "e\u0301a", "ab_<new>", "<bos>a<eos>", "a-b", "ab" * 20,
]  # fmt: skip


def token(content, special=False, **flags):
    plain = dict(content=content, lstrip=False, normalized=False, rstrip=False, single_word=False, special=special)
    return plain | flags


def added(id, content, special=False, **flags):
    return dict(id=id) | token(content, special, **flags)


def bpe(vocab, merges, **options):
    plain = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None)
    plain |= dict(fuse_unk=False, byte_fallback=False, ignore_merges=False, vocab=vocab, merges=merges)
    return plain | options


def spec(model, **parts):
    plain = dict(version="1.0", truncation=None, padding=None, added_tokens=[], normalizer=None, pre_tokenizer=None)
    return plain | dict(post_processor=None, decoder=None, model=model) | parts


def numbered(tokens):
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}


def byte_level(**flags):
    return dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True) | flags


def sequence(kind, *members):
    return {"type": "Sequence", kind: list(members)}


def template(before=(), behind=(), ids=None):
    def one(t):
        return {"SpecialToken": {"id": t, "type_id": 0}}

    text = [{"Sequence": {"id": x, "type_id": i}} for i, x in enumerate("AB")]
    around = [one(t) for t in before], [one(t) for t in behind]
    specials = {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in (*before, *behind)}
    single = [*around[0], text[0], *around[1]]
    return {"type": "TemplateProcessing", "single": single, "pair": [*single, text[1]], "special_tokens": specials}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def prepend(text=SPACE):
    return {"type": "Prepend", "prepend": text}


def metaspace(**keys):
    return {"type": "Metaspace", "replacement": SPACE} | keys


def split(pattern, behavior, invert=False, kind="String"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


LETTERS = list("abc12<>s/unkewpdXoft|[]_-")
BYTES = numbered([*LETTERS, "\u0120", "\u010a", "\u00c3", "\u00a9", "\u0120a", "\u0120b", "ab", "\u0120ab", "bc"])
FALLBACK_BYTES = [0x0A, 0x81, 0x96, 0xA9, 0xC3, 0xCC, 0xD0]
BYTE_MERGES = ["\u0120 a", "\u0120 b", "a b", "\u0120a b", "b c"]
PIECES = numbered(
    ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in FALLBACK_BYTES), SPACE, *LETTERS, SPACE + "a", SPACE + "b", "ab",
     SPACE + "ab", "bc", SPACE + SPACE, "aa"]
)  # fmt: skip
PIECE_MERGES = [
    [SPACE, "a"], [SPACE, "b"], ["a", "b"], [SPACE + "a", "b"], [SPACE, "ab"], ["b", "c"], [SPACE, SPACE], ["a", "a"],
]  # fmt: skip
NO_BYTES = numbered(t for t in PIECES if not t.startswith("<0x"))
SOME_BYTES = numbered(t for t in PIECES if t != "<0xD0>")
LLAMA_TOKENS = [added(0, "<unk>", True), added(1, "<s>", True), added(2, "</s>", True)]
LLAMA_NORMALIZER = sequence("normalizers", prepend(), replace(" ", SPACE))
N_BYTES, N_PIECES = len(BYTES), len(PIECES)


def bytes_spec(**parts):
    return spec(bpe(BYTES, BYTE_MERGES), **dict(pre_tokenizer=byte_level()) | parts)


def pieces_spec(vocab=PIECES, model=None, **parts):
    options = dict(unk_token="<unk>", fuse_unk=True, byte_fallback=True) | (model or {})
    return spec(bpe(vocab, PIECE_MERGES, **options), **dict(added_tokens=LLAMA_TOKENS) | parts)


def llama2(**parts):
    plain = dict(normalizer=LLAMA_NORMALIZER, post_processor=template(["<s>"], ids=PIECES))
    return pieces_spec(**plain | parts)


def config(name="PreTrainedTokenizerFast", **keys):
    return dict(tokenizer_class=name) | keys


def cases():
    new = N_BYTES

    def case(name, tokenizer, settings=None, refused=(), **files):
        folder = {"tokenizer.json": tokenizer}
        if settings is not None:
            folder["tokenizer_config.json"] = settings
        folder |= {key.replace("__", "."): value for key, value in files.items()}
        return dict(name=name, files=folder) | (dict(refused=list(refused)) if refused else {})

    with_new = bytes_spec(added_tokens=[added(new, "<new>", True)])
    with_bos = bytes_spec(
        added_tokens=[added(new, "<s>", True), added(new + 1, "</s>", True)],
        post_processor=sequence(
            "processors", byte_level(), template(["<s>"], ["</s>"], {"<s>": new, "</s>": new + 1})
        ),
    )
    return [
        # tokenizer.json alone
        case("Llama2", llama2()),
        case("Llama2WithConfig", llama2(), config("LlamaTokenizer", legacy=True, bos_token="<s>", eos_token="</s>")),
        case("FuseUnknown", pieces_spec(NO_BYTES, dict(byte_fallback=False), normalizer=LLAMA_NORMALIZER)),
        case(
            "DoNotFuseUnknown",
            pieces_spec(NO_BYTES, dict(byte_fallback=False, fuse_unk=False), normalizer=LLAMA_NORMALIZER),
        ),
        case("ByteFallbackWithoutAByte", pieces_spec(SOME_BYTES, normalizer=LLAMA_NORMALIZER)),
        case(
            "ByteFallbackWithoutAByteOrFusing",
            pieces_spec(SOME_BYTES, dict(fuse_unk=False), normalizer=LLAMA_NORMALIZER),
        ),
        case("ByteFallbackWithoutUnknownToken", pieces_spec(SOME_BYTES, dict(unk_token=None))),
        case("MetaspaceAlways", pieces_spec(pre_tokenizer=metaspace(prepend_scheme="always", split=True))),
        case("MetaspaceFirst", pieces_spec(pre_tokenizer=metaspace(prepend_scheme="first", split=True))),
        case("MetaspaceFirstWhole", pieces_spec(pre_tokenizer=metaspace(prepend_scheme="first", split=False))),
        case("MetaspaceNever", pieces_spec(pre_tokenizer=metaspace(prepend_scheme="never", split=True))),
        case("MetaspaceOfOldFiles", pieces_spec(pre_tokenizer=metaspace(add_prefix_space=True, str_rep=SPACE))),
        case(
            "MetaspaceBehindDigits",
            pieces_spec(
                pre_tokenizer=sequence(
                    "pretokenizers", {"type": "Digits", "individual_digits": True}, metaspace(prepend_scheme="first")
                )
            ),
        ),
        case(
            "NormalizersInOrder",
            pieces_spec(
                normalizer=sequence(
                    "normalizers", {"type": "NFC"}, replace("b+", "cab", "Regex"), prepend(), replace(" ", SPACE)
                )
            ),
        ),
        case("ReplaceByNothing", pieces_spec(normalizer=sequence("normalizers", replace("a", ""), prepend()))),
        case("ReplaceEmptyMatches", pieces_spec(normalizer=replace("b*", "c", "Regex"))),
        case("SplitMergedWithPrevious", pieces_spec(pre_tokenizer=split("b", "MergedWithPrevious"))),
        case("SplitMergedWithNext", pieces_spec(pre_tokenizer=split("a", "MergedWithNext"))),
        case("SplitContiguousInverted", pieces_spec(pre_tokenizer=split("a|b", "Contiguous", True, "Regex"))),
        case("BertProcessing", llama2(post_processor={"type": "BertProcessing", "cls": ["<s>", 1], "sep": ["</s>", 2]})),
        case(
            "TemplatesInSequence",
            llama2(
                post_processor=sequence(
                    "processors",
                    dict(type="RobertaProcessing", cls=["<s>", 1], sep=["</s>", 2], trim_offsets=True, add_prefix_space=True),
                    template(["a", "b"], ids=PIECES),
                )
            ),
        ),
        case("BytesAndTemplate", with_bos),
        # added tokens of tokenizer_config.json
        case("AddedByConfig", bytes_spec(), config(added_tokens_decoder={str(new): token("<new>", True)})),
        case(
            "AddedByConfigWithFlags",
            bytes_spec(),
            config(
                "GPT2TokenizerFast",
                bos_token=None,
                eos_token=None,
                unk_token=None,
                added_tokens_decoder={
                    str(new + 1): token("[X]", rstrip=True),
                    str(new): token("<new>", lstrip=True, single_word=True),
                },
            ),
        ),
        case("FlagsChangedByConfig", with_new, config(added_tokens_decoder={str(new): token("<new>", True, lstrip=True)})),
        case(
            "NormalizedChangedByConfig",
            pieces_spec(
                added_tokens=[*LLAMA_TOKENS, added(N_PIECES, "<new>"), added(N_PIECES + 1, "[X]", True)],
                normalizer=LLAMA_NORMALIZER,
            ),
            config(
                added_tokens_decoder={
                    str(N_PIECES): token("<new>", normalized=True, rstrip=True),
                    str(N_PIECES + 1): token("[X]", True, normalized=True),
                }
            ),
        ),
        case("MadeSpecialByConfig", with_new, config(eos_token="<new>", pad_token="[X]", added_tokens_decoder={})),
        case(
            "SpecialTokensOfConfig",
            bytes_spec(),
            config(pad_token="<pad>", additional_special_tokens=["[X]", "<new>"], extra_special_tokens={"x": "a-b"}),
        ),
        case(
            "SpecialTokenWithFlags",
            with_new,
            config(mask_token=dict(__type="AddedToken", **token("<new>", True, lstrip=True)), added_tokens_decoder={}),
        ),
        case(
            "SpecialTokensMap",
            bytes_spec(),
            config("GPT2Tokenizer"),
            special_tokens_map__json={
                "bos_token": token("<s>", lstrip=True),
                "eos_token": "</s>",
                "additional_special_tokens": ["[X]"],
            },
        ),
        case(
            "SpecialTokenTwiceInAList",
            bytes_spec(),
            config("GPT2Tokenizer"),
            special_tokens_map__json={"additional_special_tokens": ["a-b", token("a-b", single_word=True)]},
        ),
        case(
            "SpecialTokensMapBesideAddedTokensDecoder",
            bytes_spec(),
            config(added_tokens_decoder={str(new): token("<new>", True)}),
            special_tokens_map__json={"bos_token": "<s>"},
        ),
        case(
            "AddedTokensJson", bytes_spec(), config(bos_token="<s>"), added_tokens__json={"<s>": new, "<new>": new + 1}
        ),
        case("DefaultsOfGpt2", bytes_spec(), config("GPT2Tokenizer", add_prefix_space=False)),
        case("DefaultsOfQwen2", bytes_spec(), config("Qwen2Tokenizer", add_bos_token=False, pad_token="<pad>")),
        case(
            "DefaultsOfLlamaWithBytes",
            bytes_spec(),
            config("LlamaTokenizerFast", legacy=True, add_bos_token=False),
        ),
        # templates of tokenizer_config.json
        case("LlamaMakesATemplate", bytes_spec(), config("LlamaTokenizer", bos_token="a", add_eos_token=True)),
        case("LlamaDropsTheTemplate", llama2(), config("LlamaTokenizer", add_bos_token=False)),
        case("NullIsFalse", llama2(), config("LlamaTokenizer", add_bos_token=None)),
        case("GemmaMakesATemplate", bytes_spec(), config("GemmaTokenizerFast", bos_token="<bos>", eos_token="<eos>")),
        case("NeoXDropsTheTemplate", with_bos, config("GPTNeoXTokenizer", add_eos_token=True, eos_token="</s>")),
        case("CohereMakesATemplate", bytes_spec(), config("CohereTokenizer", bos_token="<bos>", pad_token=None)),
        case("TemplateStays", with_bos, config(bos_token="<s>", add_bos_token=True, add_eos_token=True)),
        # add_prefix_space
        case("PrefixSpace", bytes_spec(), config("GPT2TokenizerFast", add_prefix_space=True)),
        case("NoPrefixSpace", bytes_spec(pre_tokenizer=byte_level(add_prefix_space=True)), config(add_prefix_space=False)),
        case("NoPrefixSpaceByDefault", bytes_spec(pre_tokenizer=byte_level(add_prefix_space=True)), config()),
        case(
            "PrefixSpaceInASequenceStays",
            bytes_spec(pre_tokenizer=sequence("pretokenizers", byte_level(add_prefix_space=True))),
            config(add_prefix_space=True),
        ),
        # what is refused
        case(
            "PrefixSpaceInASequence",
            bytes_spec(pre_tokenizer=sequence("pretokenizers", byte_level())),
            config(add_prefix_space=True),
            ["tokenizer_config.json:", "add_prefix_space"],
        ),
        case(
            "PrefixSpaceOfLlamaWithBytes",
            bytes_spec(),
            config("LlamaTokenizer", add_prefix_space=True),
            ["tokenizer_config.json:", "add_prefix_space", "tokenizer.model"],
        ),
        case(
            "PrefixSpaceOfBloom",
            bytes_spec(normalizer=prepend(), pre_tokenizer=sequence("pretokenizers", byte_level())),
            config("BloomTokenizerFast", add_prefix_space=True),
            ["tokenizer_config.json:", "add_prefix_space"],
        ),
        case(
            "MetaspaceFirstBehindBytes",
            pieces_spec(pre_tokenizer=sequence("pretokenizers", byte_level(), metaspace(prepend_scheme="first"))),
            None,
            ["tokenizer.json:", "pre_tokenizer", "first"],
        ),
        case(
            "MetaspaceFirstBehindAReplace",
            pieces_spec(normalizer=replace("ab", "c"), pre_tokenizer=metaspace(prepend_scheme="first")),
            None,
            ["tokenizer.json:", "pre_tokenizer", "first"],
        ),
        case(
            "BosWithoutTemplate",
            bytes_spec(),
            config(bos_token="<s>", add_bos_token=True),
            ["tokenizer_config.json:", "add_bos_token", "post_processor"],
        ),
        case(
            "NoBosBesideTemplate",
            with_bos,
            config(bos_token="<s>", add_bos_token=False),
            ["tokenizer_config.json:", "add_bos_token", "post_processor"],
        ),
        case(
            "BosWithoutText",
            bytes_spec(),
            config("LlamaTokenizer", bos_token=None),
            ["tokenizer_config.json:", "bos_token"],
        ),
        case(
            "UnknownClass",
            bytes_spec(),
            config("XLNetTokenizer"),
            ["tokenizer_config.json:", "tokenizer_class", "XLNetTokenizer"],
        ),
        case(
            "AnotherId",
            bytes_spec(),
            config(added_tokens_decoder={str(new + 5): token("<new>", True)}),
            ["tokenizer_config.json:", "added_tokens_decoder", "<new>", f"has id {new + 5}", str(new)],
        ),
        case(
            "SplitSpecialTokens",
            with_new,
            config(split_special_tokens=True),
            ["tokenizer_config.json:", "split_special_tokens"],
        ),
        case("Lowercase", bytes_spec(normalizer={"type": "Lowercase"}), None, ["tokenizer.json:", "Lowercase"]),
        case("Strip", bytes_spec(normalizer={"type": "Strip"}), None, ["tokenizer.json:", "normalizer", "Strip"]),
        case(
            "TwoTexts",
            bytes_spec(post_processor=template() | {"single": [{"Sequence": {"id": "A", "type_id": 0}}] * 2}),
            None,
            ["tokenizer.json:", "post_processor", "once"],
        ),
        case(
            "UnknownIdInTemplate",
            bytes_spec(post_processor=template(["a"], ids={"a": 9999})),
            None,
            ["tokenizer.json:", "post_processor", "9999"],
        ),
    ]


def record(case):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in case["files"].items():
            (folder / file).write_text(json.dumps(content), encoding="utf-8")
        named = "tokenizer_class" in case["files"].get("tokenizer_config.json", {})
        tokenizer = (AutoTokenizer if named else PreTrainedTokenizerFast).from_pretrained(folder)
        case["texts"] = TEXTS
        case["ids"] = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
        case["ids_with_special"] = [tokenizer(text)["input_ids"] for text in TEXTS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.set_verbosity_error()
    recorded = copy.deepcopy(cases())
    for case in recorded:
        if "refused" not in case:
            record(case)
    lines = ",\n".join(json.dumps(case) for case in recorded)
    args.out.write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    main()
