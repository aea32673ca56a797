#!/usr/bin/env python3
"""Writes examples/tense.csv, sentences in two tenses, for docs/tutorial_own_data.md.

Each of 40 verbs stands in 8 sentences, 4 of each tense, with a subject, a place and a second clause
drawn at random. The sentence ends before the verb of that clause, whose tense follows the first.
"""
import csv
import random
import sys

VERBS = """walk walks walked; talk talks talked; cook cooks cooked; paint paints painted; jump jumps jumped;
call calls called; help helps helped; work works worked; clean cleans cleaned; play plays played;
wait waits waited; watch watches watched; smile smiles smiled; laugh laughs laughed; dance dances danced;
listen listens listened; stay stays stayed; look looks looked; shout shouts shouted; rest rests rested;
go goes went; run runs ran; sing sings sang; write writes wrote; sit sits sat;
stand stands stood; speak speaks spoke; eat eats ate; sleep sleeps slept; drive drives drove;
swim swims swam; hide hides hid; fall falls fell; come comes came; fly flies flew;
teach teaches taught; drink drinks drank; win wins won; begin begins began; leave leaves left"""
SUBJECTS = ["The teacher", "My sister", "A doctor", "The old man", "Her friend", "The nurse", "Our neighbour", "The pilot"]
PLACES = ["near the station", "in the garden", "behind the house", "at the market", "in the park", "by the river"]
CLAUSES = ["and the weather", "and the street", "because the day", "while the sky", "and everything", "but the air"]


def main():
    draw = random.Random(1)
    rows = []
    for verb in VERBS.replace("\n", " ").split(";"):
        lemma, present, past = verb.split()
        for tense, form in [("present", present), ("past", past)] * 4:
            sentence = ""
            while not sentence or any(row[0] == sentence for row in rows):
                sentence = f"{draw.choice(SUBJECTS)} {form} {draw.choice(PLACES)}, {draw.choice(CLAUSES)}"
            rows.append([sentence, form, lemma, tense])
    draw.shuffle(rows)
    with open(sys.argv[1] if len(sys.argv) > 1 else "examples/tense.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sentence", "verb", "lemma", "tense"])
        writer.writerows(rows)


main()
