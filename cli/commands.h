#pragma once

#include <CLI/CLI.hpp>

/// The subcommands, one file each (cli/cmd_<name>.cc). `setup_x` adds subcommand x to the program.
/// The callback of the subcommand does the work.
namespace cprobe {

void setup_data(CLI::App& app);       ///< Write a task's CSV files.
void setup_train(CLI::App& app);      ///< Train a toy model.
void setup_init(CLI::App& app);       ///< Write a spec for a file of sentences.
void setup_schema(CLI::App& app);     ///< Print the JSON Schema of files that users write.
void setup_check(CLI::App& app);      ///< Show what a spec probes.
void setup_fit(CLI::App& app);        ///< Find circuits, decode and ablate them.
void setup_baseline(CLI::App& app);   ///< Run comparison methods on a spec.
void setup_merge(CLI::App& app);      ///< Gather what shards of a run folder found.
void setup_ablate(CLI::App& app);     ///< Ablate a saved circuit on any data.
void setup_exchange(CLI::App& app);   ///< Exchange a component's inputs between rows.
void setup_compare(CLI::App& app);    ///< Overlap, union, intersection and difference of circuits.
void setup_inspect(CLI::App& app);    ///< Describe a model folder, circuit file or run folder.
void setup_report(CLI::App& app);     ///< Make a page for readers, or a table for papers.
void setup_doctor(CLI::App& app);     ///< Check a model against itself and golden outputs.
void setup_plant(CLI::App& app);      ///< Make a model in which the answer is known.
void setup_benchmark(CLI::App& app);  ///< Score methods on models in which the answer is known.
void setup_power(CLI::App& app);      ///< Say what circuits a search would have found.
void setup_reproduce(CLI::App& app);  ///< Run a published experiment from nothing.

}  // namespace cprobe
