#!/usr/bin/env python3
"""Opens pages of `cprobe report` in a headless Chromium and uses them as a reader does.

usage: report_browser.py MAKE_PAGES

MAKE_PAGES is the program of make_pages.cc. Exit code 77 (skipped) without chromedriver or Plotly.
"""
import argparse
import csv
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from webdriver import Browser

HOSTILE = "</script><img src=x onerror=document.title='hit'>&lt;b&gt;<b>%{x}"
TITLE = "a <b>mod</b> 2"  # What the small run calls its column `parity`.
READY = "return document.documentElement.dataset.ready"
DRAW_ALL = "figures.forEach((f) => f.draw())"
# The figures that are seen: their ids, and how many numbers each draws.
FIGURES = """return Object.fromEntries(figures.filter((f) => !f.frame.hidden).map((f) => [f.id,
  f.plot.data.map((t) => t.z ? t.z.flat().filter((z) => z !== null).length : t.x.length).reduce((a, b) => a + b, 0)]))"""
COLUMN = """return [...document.querySelectorAll('#findings tbody tr')].map((row) => row.children[arguments[0]].textContent)"""
SORTED = "return [...document.querySelectorAll('#findings th')].map((th) => th.getAttribute('aria-sort'))[arguments[0]]"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def check_equal(found, expected, what):
    check(found == expected, f"{what}: {found!r}, expected {expected!r}")


def open_page(browser, path):
    browser.open(path)
    browser.wait_for(READY)


def downloaded(browser, name):
    end = time.monotonic() + 20
    path = browser.downloads / name
    while time.monotonic() < end:
        if path.exists():
            return path.read_bytes()
        time.sleep(0.05)
    raise AssertionError(f"{name} was not downloaded; there are {[p.name for p in browser.downloads.iterdir()]}")


def hostile_names_stay_text(browser, pages):
    open_page(browser, pages / "small.html")
    browser.run(DRAW_ALL)
    check_equal(browser.run("return document.title"), HOSTILE, "title")
    check_equal(browser.run("return document.querySelector('h1').textContent"), HOSTILE, "heading")
    check_equal(browser.run("return document.querySelector('.verdict h3').textContent"), HOSTILE, "verdict")
    check_equal(browser.run("return document.querySelector('#provenance pre').textContent"), HOSTILE, "spec")
    check_equal(browser.run("return document.querySelectorAll('main img, main b, svg a').length"), 0, "elements made of names")
    ticks = browser.run("return [...document.querySelectorAll('#heatmap .ytick text')].map((t) => t.textContent)")
    check(any(tick.startswith("</script><img src=x") for tick in ticks), f"labels of the heat map: {ticks}")


def titles_stand_with_their_columns_once(browser, pages):
    open_page(browser, pages / "small.html")
    browser.run(DRAW_ALL)
    options = browser.run("return [...document.getElementById('choose-variable').options].map((o) => o.textContent)")
    check(f"{TITLE} (parity)" in options, f"variables to choose: {options}")
    headings = browser.run("return [...document.querySelectorAll('.verdict h3')].map((h) => h.textContent)")
    check(f"{TITLE} (parity)" in headings, f"headings of verdicts: {headings}")
    texts = browser.run("return [...document.querySelectorAll('.verdict')].map((v) => v.textContent).join(' ')")
    check(f"{TITLE} is present in this model" in texts, f"verdicts: {texts}")
    check("parity is" not in texts, f"the column in sentences: {texts}")
    for plot in ("heatmap", "decodability", "baselines"):
        ticks = browser.run(f"return [...document.querySelectorAll('#{plot} .ytick text')].map((t) => t.textContent)")
        check(any(tick.startswith(TITLE) for tick in ticks) and not any(tick.startswith("parity") for tick in ticks),
              f"labels of {plot}: {ticks}")


def figures_have_data(browser, pages):
    for page, expected in {
        "small.html": {"heatmap", "decodability", "ablation", "path", "curves", "matrices", "heads", "overlap", "baselines"},
        "training.html": {"heatmap", "decodability", "ablation", "emergence-plot"},
    }.items():
        open_page(browser, pages / page)
        browser.run(DRAW_ALL)
        found = browser.run(FIGURES)
        check(expected <= set(found), f"{page}: figures {sorted(found)}, expected {sorted(expected)}")
        for name, n_numbers in found.items():
            check(n_numbers > 0, f"{page}: {name} is empty")
            text = browser.run(f"return document.getElementById('{name}-plot').getAttribute('aria-label')")
            check(len(text) > 40, f"{page}: {name} is called only {text!r}")


def choices_change_the_figures(browser, pages):
    open_page(browser, pages / "small.html")
    browser.run(DRAW_ALL)
    check_equal(browser.run("return figures[0].plot.data[0].z.length"), 4, "rows of the heat map")
    browser.run("const s = document.getElementById('choose-variable'); s.value = '1'; s.dispatchEvent(new Event('change'))")
    check_equal(browser.run("figures[0].draw(); return figures[0].plot.data[0].z.length"), 2, "rows of one variable")
    check_equal(set(browser.run(COLUMN, 0)), {TITLE}, "variables in the table")
    browser.run("const s = document.getElementById('heatmap-figure'); s.value = 'present'; s.dispatchEvent(new Event('change'))")
    check_equal(browser.run("return figures[0].plot.data[0].z[1][0]"), 0.05, "p in the heat map")


def tables_filter_and_sort(browser, pages):
    open_page(browser, pages / "small.html")
    check_equal(len(browser.run(COLUMN, 0)), 10, "rows")
    browser.click("#findings th:nth-child(5) button")
    check_equal(browser.run(SORTED, 4), "ascending", "aria-sort")
    column = browser.run(COLUMN, 4)
    check_equal(column, sorted(column), "sorted column")
    browser.type("#findings th:nth-child(5) button", "\ue007")  # The Enter key.
    check_equal(browser.run(SORTED, 4), "descending", "aria-sort after Enter")
    check_equal(browser.run(COLUMN, 4), sorted(column, reverse=True), "column sorted the other way")
    browser.type("#findings-filter", "MOD</B> 2 L2")
    check_equal(browser.run(COLUMN, 1), ["L2.mlp"], "filtered rows")


def methods_answer(browser, pages):
    open_page(browser, pages / "small.html")
    row = browser.run("return [...document.querySelectorAll('#answers-table tbody tr td')].map((cell) => cell.textContent)")
    check_equal(row[:9], ["linear_probe", HOSTILE, "L0.post", "type_accuracy Test", "0.800", "0.200 ± 0.006", "0.580", "0.620", "0.050"],
                "the answer of a method")
    check_equal(row[10], "yes", "the answer's word")
    open_page(browser, pages / "large.html")
    check_equal(browser.run("return document.getElementById('answers-table')"), None, "a table without answers")


def figures_and_tables_export(browser, pages):
    open_page(browser, pages / "small.html")
    for kind in ("SVG", "PNG", "CSV"):
        browser.run("[...document.querySelectorAll('#decodability button')].find((b) => b.textContent === arguments[0]).click()", kind)
    check(downloaded(browser, "decodability.svg").lstrip().startswith(b"<svg"), "decodability.svg is no SVG")
    check(downloaded(browser, "decodability.png").startswith(b"\x89PNG"), "decodability.png is no PNG")
    lines = list(csv.reader(io.StringIO(downloaded(browser, "decodability.csv").decode())))
    check_equal(lines[0][:3], ["row", "mask", "mask sd"], "heading of decodability.csv")
    check_equal(len(lines), 11, "lines of decodability.csv")
    check_equal(lines[1][0], f"{HOSTILE} L0.mlp", "name in decodability.csv")
    browser.run("[...document.querySelectorAll('#verdicts .tools button')].find((b) => b.textContent === 'CSV').click()")
    check_equal(len(downloaded(browser, "findings.csv").decode().splitlines()), 11, "lines of findings.csv")


def nulls_are_drawn_one_by_one(browser, pages):
    open_page(browser, pages / "small.html")
    browser.run(DRAW_ALL)
    clouds = """return document.getElementById(arguments[0]).data.filter((t) => t.name.startsWith('each ')).map((t) => [t.name, t.x.length])"""
    check_equal(browser.run(clouds, "ablation-plot"), [["each random set", 39 * 9], ["each null circuit", 19 * 9]], "nulls of ablations")
    check_equal(browser.run(clouds, "decodability-plot"), [["each null circuit", 19 * 10]], "null circuits")
    browser.run("[...document.querySelectorAll('#ablation button')].find((b) => b.textContent === 'CSV').click()")
    lines = list(csv.reader(io.StringIO(downloaded(browser, "ablation.csv").decode())))
    check_equal(lines[0][-4:], ["mask ablated lower", "mask ablated upper", "each random set", "each null circuit"], "heading of ablation.csv")
    check_equal([len(lines[1][-2].split()), len(lines[1][-1].split())], [39, 19], "nulls in ablation.csv")


CHIPS = "return [...document.querySelectorAll(arguments[0])].map((c) => c.textContent)"


def only_a_yes_has_the_tick(browser, pages):
    open_page(browser, pages / "control.html")
    check_equal(browser.run(CHIPS, ".chips .chip.yes"), ["✓ present in what the mask writes: yes", "✓ behaviour needs these weights: yes"], "ticks")
    check_equal(browser.run(CHIPS, ".chips .chip.no"), ["✗ present in what the mask writes: no", "✗ behaviour needs these weights: no"], "crosses")
    check_equal(browser.run(CHIPS, ".chips .chip.open"), ["→ made in this component: received from token 0", "– made in this component: not tested"], "others")
    check_equal(browser.run("return document.querySelector('.chips .chip.yes').title"), "p = 0.050, above all 19 null circuits", "what stands behind a chip")
    open_page(browser, pages / "earlier.html")
    check_equal(browser.run(CHIPS, ".chip"), [f"– {q}: not tested" for q in ("present in what the mask writes", "made in this component", "behaviour needs these weights")], "an earlier record")
    check(browser.run("return document.querySelector('.verdict').textContent.includes('p of complement controls (not calibrated) 0.010')"), "no p of complement controls")


def a_negative_control_is_labelled(browser, pages):
    open_page(browser, pages / "control.html")
    check_equal(browser.run("return document.getElementById('model').textContent"), "Model: a/model. Task: arithmetic. Accuracy of the untouched model: 1.000 on Test.", "model")
    banner = browser.run("return document.querySelector('.banner').textContent")
    check(banner.startswith("Negative control (random_init): all weights are random."), banner)
    check_equal(browser.run(CHIPS, ".chip.control"), ["negative control: random_init"], "label of the card")
    open_page(browser, pages / "small.html")
    check_equal(browser.run("return document.querySelectorAll('.banner').length"), 0, "banners of a trained model")


def models_are_tested_together(browser, pages):
    open_page(browser, pages / "models.html")
    check_equal(browser.run(CHIPS, ".chips .chip.yes"), ["✓ present in what the mask writes: yes in 3 of 3 models", "✓ behaviour needs these weights: yes in 3 of 3 models"], "ticks")
    text = browser.run("return document.querySelector('.verdict').textContent")
    check("Present: yes in 3 of 3 models, p(2 of 3 models) = 0.050 (L0.mlp)." in text, text)
    headings = browser.run("return [...document.querySelectorAll('#findings th')].map((th) => th.textContent)")
    for name, p in (("present", "0.050"), ("needed", "0.025")):
        place = next(i for i, heading in enumerate(headings) if f"p over models, {name}" in heading)
        check_equal(browser.run(COLUMN, place), [p], f"p over models, {name}")
    check(not any(heading.startswith("q ") for heading in headings), "a column of q without 99 nulls")
    check("an effect counts from 0.1 on" in browser.run("return document.getElementById('verdicts').textContent"), "the rules are not named")


def a_negative_control_stands_beside_the_model(browser, pages):
    open_page(browser, pages / "both.html")
    check_equal(browser.run("return [...document.querySelectorAll('#probed li')].map((li) => li.textContent)"),
                [f"{kind}. Task: arithmetic. Accuracy of the untouched model: 1.000 on Test." for kind in
                 ("control: a/model, negative control random_init", "trained: a/model, the model itself")], "what was probed")
    banner = browser.run("return document.querySelector('.banner').textContent")
    check(banner.startswith("control: Negative control (random_init):"), banner)
    check_equal(browser.run("return document.getElementById('choose-place').value"), "trained", "what is shown first")
    text = browser.run("return document.querySelector('.verdict > p').textContent")
    check("Also present in the negative control random_init: comes from the architecture and the data (L0.mlp)." in text, text)
    check("Not present in the negative control random_init (L1.mlp)." in text, text)
    check_equal(browser.run(CHIPS, ".chips .chip.control"), ["in random_init: also present", "in random_init: not present"], "chips")
    headings = browser.run("return [...document.querySelectorAll('#findings th')].map((th) => th.textContent)")
    check_equal(browser.run(COLUMN, headings.index("present in control")), ["random_init: also present", "random_init: not present"], "column")
    check_equal(browser.run(COLUMN, headings.index("weights suffice")), ["no: more than random sets by at most 0.020", "yes"], "a run that asks whether weights suffice")


def positions_stay_apart(browser, pages):
    open_page(browser, pages / "control.html")
    browser.run(DRAW_ALL)
    check_equal(browser.run("return [...document.querySelectorAll('.verdict strong')].map((s) => s.textContent.trim())"),
                ["L0.mlp position 0", "L0.mlp position 1"], "components of the card")
    check_equal(browser.run("return document.getElementById('heatmap-plot').data[0].z.length"), 2, "rows of the heat map")
    check_equal(browser.run(COLUMN, 2), ["0", "1"], "positions in the table")


def choose(browser, name, value):
    browser.run("const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('change'))", name, value)


def a_figure_without_data_keeps_its_choice(browser, pages):
    open_page(browser, pages / "small.html")
    browser.run("for (const f of findings) f.sets = []")
    choose(browser, "heatmap-figure", "present")
    check_equal(browser.run("const f = document.getElementById('heatmap'); return [f.hidden, f.querySelector('.note').textContent]"),
                [False, "There is no such figure of what is chosen."], "heat map of a figure that is not there")
    choose(browser, "heatmap-figure", "knn")
    check_equal(browser.run("return document.querySelector('#heatmap .plot').hidden"), False, "heat map of one that is")


def overlaps_follow_the_variable(browser, pages):
    rows = "return document.querySelectorAll('#overlap-table tbody tr').length"
    open_page(browser, pages / "small.html")
    check(browser.run(rows) > 0, "no overlaps")
    choose(browser, "choose-variable", "2")
    check_equal(browser.run(rows), 0, "overlaps of an empty circuit")


def print_opens_what_is_closed(browser, pages):
    closed = "return document.querySelectorAll('details:not([open])').length"
    open_page(browser, pages / "small.html")
    n_closed = browser.run(closed)
    check(n_closed > 0, "nothing is closed")
    check_equal(browser.run("window.dispatchEvent(new Event('beforeprint')); " + closed), 0, "closed on paper")
    check_equal(browser.run("return document.documentElement.dataset.theme"), "light", "theme of paper")
    check_equal(browser.run("return figures.filter((f) => !f.frame.hidden && !f.drawn).map((f) => f.id)"), [], "figures that are not drawn")
    width = "return document.querySelector('#decodability-plot .main-svg').clientWidth"
    check_equal(browser.run(width), 680, "width of a figure on paper")
    check_equal(browser.run("window.dispatchEvent(new Event('afterprint')); " + closed), n_closed, "closed afterwards")
    browser.run("document.querySelector('#decodability').scrollIntoView()")
    browser.wait_for(width.replace("return ", "return 680 < "))
    check(browser.run("return document.querySelector(document.querySelector('.skip').getAttribute('href')) !== null"), "the skip link leads nowhere")


def dark_mode_follows_the_system_and_the_reader(browser, pages):
    colour = "return getComputedStyle(document.body).backgroundColor"
    drawn = "return document.querySelector('#heatmap .main-svg').style.background"
    browser.resize(1200, 900, "dark")
    open_page(browser, pages / "small.html")
    browser.run(DRAW_ALL)
    check_equal(browser.run(colour), "rgb(21, 24, 28)", "background in dark mode")
    check_equal(browser.run(drawn), "rgb(21, 24, 28)", "background of a figure in dark mode")
    browser.click("#theme")
    browser.run(DRAW_ALL)
    check_equal(browser.run(colour), "rgb(255, 255, 255)", "background after the button")
    check_equal(browser.run(drawn), "rgb(255, 255, 255)", "background of a figure after the button")
    browser.run("localStorage.clear()")
    browser.resize(1200, 900, "light")


def narrow_screens_do_not_scroll_sideways(browser, pages):
    browser.resize(400, 800)
    for page in ("small.html", "large.html", "control.html", "training.html", "benchmark.html", "tiny_benchmark.html"):
        open_page(browser, pages / page)
        browser.run(DRAW_ALL)
        check_equal(browser.run("return document.documentElement.scrollWidth"), 400, f"width of {page}")
    browser.resize(1200, 900)


def five_hundred_cells_are_there_within_two_seconds(browser, pages):
    times = []
    for _ in range(3):  # The machine may be busy with other tests.
        open_page(browser, pages / "large.html")
        times.append(int(browser.run(READY)))
    check(min(times) <= 2000, f"ready after {times} ms")
    print(f"500 cells: ready after {times} ms")
    check_equal(browser.run("return report.cells.length"), 500, "cells")


def unfinished_runs_say_so(browser, pages):
    open_page(browser, pages / "unfinished.html")
    text = browser.run("return document.getElementById('summary').textContent")
    check("no cell is finished" in text, text)


CELLS = "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map((row) => [...row.children].map((c) => c.textContent))"


def a_benchmark_ranks_methods(browser, pages):
    open_page(browser, pages / "benchmark.html")
    browser.run(DRAW_ALL)
    check_equal(browser.run("return document.title"), HOSTILE, "title")
    rows = browser.run(CELLS, "units")
    check_equal([row[0] for row in rows], ["oracle", "linear probe", "hard concrete"], "methods by AUROC")
    check_equal(rows[0][1:3], ["1.000 [1.000, 1.000], n 24", "chooses no set"], "figures of the oracle")
    check(".873 [" in rows[2][1], f"AUROC of hard concrete: {rows[2]}")
    check_equal(rows[1][2], "chooses no set", "precision of a probe")
    check_equal(browser.run("return document.querySelectorAll('#units .whisker').length"), 5, "drawings")
    place = browser.run("return [...document.querySelectorAll('#units .whisker circle')].map((c) => c.getAttribute('cx'))")
    check_equal(place[0], "96", "dot of an AUROC of 1")
    texts = browser.run("return [...document.querySelectorAll('.scores .note')].map((n) => n.textContent)")
    for text in ("Not scored: mlp probe (no score of units).", "Of output coordinates, hence of the last matrix alone: linear probe.",
                 "Not scored: oracle (gives no answer); mlp probe (no such case)."):
        check(text in texts, f"what is said of scores: {texts}")
    check_equal({row[0]: row[1] for row in browser.run(CELLS, "errors")},
                {name: ".042 [.001, .211], n 24" for name in ("hard concrete", "linear probe", "mlp probe")}, "false positives")
    check_equal(browser.run("return document.querySelectorAll('#errors .nominal').length"), 3, "marks of what is promised")


def a_benchmark_shows_knobs_and_power(browser, pages):
    open_page(browser, pages / "benchmark.html")
    browser.run(DRAW_ALL)
    found = browser.run(FIGURES)
    check_equal(set(found), {"knob-gain", "knob-noise", "uniform", "gain"}, "figures of a benchmark")
    traces = "return document.getElementById(arguments[0]).data.map((t) => [t.name, t.y])"
    check_equal(dict(browser.run(traces, "gain-plot")), {"present": [0.5, 1, 1]}, "power")
    units = dict(browser.run(traces, "knob-gain-plot"))
    check_equal([round(y, 3) for y in units["AUROC"]], [0.65, 0.8, 0.9], "AUROC by gain")
    ticks = "return document.getElementById(arguments[0]).layout.xaxis.ticktext"
    check_equal(browser.run(ticks, "knob-gain-plot"), ["0.25", "0.5", "1 (default)"], "levels")
    bars = browser.run("return document.getElementById('gain-plot').data[0].error_y.arrayminus")
    check(bars[0] > 0.45 and bars[2] > 0.1, f"intervals of power: {bars}")
    check(browser.run("return document.querySelector('#gain .note').textContent").startswith("hard concrete; models: 2 at 0.25, 1 at 0.5, 20 at 1 (default)"), "models of the levels")
    choose(browser, "choose-method", "oracle")
    browser.run(DRAW_ALL)
    check_equal([name for name, _ in browser.run(traces, "knob-gain-plot")], ["AUROC"], "figures of the oracle by gain")
    check_equal(browser.run("return document.getElementById('gain').hidden"), True, "power of a method without answers")


def a_benchmark_shows_calibration(browser, pages):
    open_page(browser, pages / "benchmark.html")
    browser.run(DRAW_ALL)
    step = browser.run("return document.getElementById('uniform-plot').data[3]")
    check_equal([step["x"][0], step["x"][1], step["line"]["shape"]], [0, 0.05, "hv"], "steps")
    check_equal(round(step["y"][1], 4), round(1 / 24, 4), "share of the smallest p")
    check_equal(browser.run(CELLS, "rejections")[0][1:3], [".042 [.001, .211], n 24", ".000 [.000, .142], n 24"], "rejections at .05 and .01")
    choose(browser, "uniform-method", "1")
    check_equal(browser.run("return document.getElementById('uniform-plot').data[3].name"), "linear probe", "another method")
    open_page(browser, pages / "tiny_benchmark.html")
    text = browser.run("return [...document.querySelectorAll('#knobs .note, #power .note')].map((n) => n.textContent)")
    check_equal(text, ["All models are at default knobs. The sizes small and full move each knob.",
                       "No model has another gain than the default. The sizes small and full have some."], "what tiny lacks")


def a_benchmark_is_printed_whole(browser, pages):
    open_page(browser, pages / "benchmark.html")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    check_equal(browser.run("return figures.filter((f) => !f.frame.hidden && !f.drawn).map((f) => f.id)"), [], "figures that are not drawn")
    check_equal(browser.run("return document.querySelector('#knob-gain-plot .main-svg').clientWidth"), 680, "width of a figure on paper")
    browser.run("window.dispatchEvent(new Event('afterprint'))")


TESTS = [hostile_names_stay_text, titles_stand_with_their_columns_once, figures_have_data, choices_change_the_figures, tables_filter_and_sort, methods_answer,
         figures_and_tables_export, nulls_are_drawn_one_by_one, only_a_yes_has_the_tick, a_negative_control_is_labelled,
         a_negative_control_stands_beside_the_model, models_are_tested_together,
         positions_stay_apart, a_figure_without_data_keeps_its_choice,
         overlaps_follow_the_variable, print_opens_what_is_closed, dark_mode_follows_the_system_and_the_reader, narrow_screens_do_not_scroll_sideways,
         five_hundred_cells_are_there_within_two_seconds, unfinished_runs_say_so,
         a_benchmark_ranks_methods, a_benchmark_shows_knobs_and_power, a_benchmark_shows_calibration, a_benchmark_is_printed_whole]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("make_pages")
    options = arguments.parse_args()
    if shutil.which("chromedriver") is None:
        print("skipped: there is no chromedriver (Debian: chromium-driver)")
        return 77
    n_failed = 0
    with tempfile.TemporaryDirectory(prefix="cprobe_pages_") as folder:
        pages = pathlib.Path(folder)
        made = subprocess.run([options.make_pages, folder])
        if made.returncode == 77:
            print("skipped: cprobe was built without Plotly (scripts/install_deps fetches it)")
        if made.returncode != 0:
            return made.returncode
        with Browser() as browser:
            for test in TESTS:
                try:
                    test(browser, pages)
                    problems = [m["message"] for m in browser.console() if m["level"] in ("SEVERE", "WARNING")]
                    check(not problems, f"the console says {problems}")
                    print(f"ok: {test.__name__}")
                except (AssertionError, RuntimeError) as error:
                    n_failed += 1
                    print(f"FAILED: {test.__name__}: {error}")
    return 1 if n_failed else 0


sys.exit(main())
