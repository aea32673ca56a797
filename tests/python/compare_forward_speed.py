#!/usr/bin/env python3
"""Times a model's forward pass over sentences, in `transformers` as usually written and in cprobe.

usage: compare_forward_speed.py MODEL_FOLDER SENTENCES.csv [--rows N] [--batch N] [--threads N]
                                [--runs N] [--cprobe build/release/bench/forward_seconds]

needs: pip install torch==2.0.1 transformers==4.46.3 "numpy<2"

The usual way takes the rows of column `sentence` in file order, in batches padded to their longest
row, with eager attention and logits at every position. Only the forward passes are timed: loading
and tokenizing do not count, and a batch is run before the clock starts. The script prints how much
of the work is padding, or repeats a prefix that rows share.

cprobe's program runs the same sentences as a trie of prefixes, with logits at every prefix, and
times only the forward pass too.

Prints medians over the runs. transformers and cprobe take turns, so that other work on the machine
slows both. On a busy machine, also set OMP_WAIT_POLICY=passive. With the default policy, threads
that wait for one another take several times as long.
"""
import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import transformers


def read_sentences(path, n_rows):
    with open(path, newline="", encoding="utf-8") as file:
        sentences = [row["sentence"] for row in csv.DictReader(file)][:n_rows]
    if not sentences:
        sys.exit(f"{path}: no rows")
    return sentences


def write_sentences(path, sentences):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["sentence"], *([sentence] for sentence in sentences)])


def padded_batches(rows, batch):
    """Pairs (input_ids, attention_mask), each [batch, longest row], of rows of token ids. The
    padding is on the right."""
    for first in range(0, len(rows), batch):
        part = [torch.tensor(row) for row in rows[first : first + batch]]
        ids = torch.nn.utils.rnn.pad_sequence(part, batch_first=True)
        lengths = torch.tensor([len(row) for row in part])
        yield ids, (torch.arange(ids.shape[1]) < lengths[:, None]).long()


@torch.no_grad()
def forward_seconds(model, batches):
    start = time.perf_counter()
    for ids, attention_mask in batches:
        model(ids, attention_mask=attention_mask, use_cache=False)
    return time.perf_counter() - start


def program_seconds(program, model, path, threads):
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    command = [program, model, path, str(threads)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sentences")
    parser.add_argument("--rows", type=int, default=1000, help="sentences read, from the first (1000)")
    parser.add_argument("--batch", type=int, default=50, help="rows in a padded batch (50)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cprobe", default="build/release/bench/forward_seconds")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    sentences = read_sentences(options.sentences, options.rows)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    rows = tokenizer(sentences, add_special_tokens=False)["input_ids"]
    batches = list(padded_batches(rows, options.batch))
    n_tokens = sum(map(len, rows))
    n_padded = sum(ids.numel() for ids, _ in batches)
    n_prefixes = len({tuple(row[: t + 1]) for row in rows for t in range(len(row))})
    print(f"{len(rows)} rows: {n_padded} tokens with padding, {n_tokens} without, {n_prefixes} distinct prefixes")

    model = transformers.AutoModelForCausalLM.from_pretrained(
        options.model, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval()
    forward_seconds(model, batches[:1])
    theirs, ours = [], []
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        write_sentences(file.name, sentences)
        for run in range(options.runs):
            theirs.append(forward_seconds(model, batches))
            ours.append(program_seconds(options.cprobe, options.model, file.name, options.threads))
            print(f"run {run + 1} of {options.runs} done", file=sys.stderr)

    for name, seconds in (("transformers", theirs), ("cprobe", ours)):
        median = statistics.median(seconds)
        print(f"{name:13} {median:8.2f} s   {len(rows) / median:8.1f} rows/s   {n_tokens / median:8.0f} tokens/s")
    print(f"ratio (median of runs) {statistics.median(t / o for t, o in zip(theirs, ours)):.1f}")


main()
