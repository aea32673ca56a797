#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cprobe/run/run_options.h"
#include "cprobe/spec/spec.h"

/// What several commands have in common: options, the spec file, and how they begin to compute.
namespace cprobe {

/// Adds an option.
/// @param type  stands for the value in the help, such as "FOLDER".
template <typename Value>
CLI::Option* add_option(CLI::App& command, const std::string& name, Value& value, const std::string& type,
                        const std::string& help) {
  return command.add_option(name, value, help)->type_name(type);
}

/// As `add_option`. The help also shows the value that holds without the option.
template <typename Value>
CLI::Option* add_option_with_default(CLI::App& command, const std::string& name, Value& value, const std::string& type,
                                     const std::string& help) {
  return add_option(command, name, value, type, help)->capture_default_str();
}

/// Adds `--special-tokens`, template or none, to a command that tokenizes texts.
/// @param text  takes the value; holds the default.
CLI::Option* add_special_tokens_option(CLI::App& command, std::string& text);

/// What stands for a value of `--special-tokens`. @param otherwise  stands for template.
inline TemplateTokens template_tokens_of(const std::string& text, TemplateTokens otherwise) {
  return text == "none" ? TemplateTokens::kNone : otherwise;
}

/// Adds `--threads` to a command that computes.
/// @param n_threads  takes the value; stays as it is without the option. 0: all processors.
void add_threads_option(CLI::App& command, int& n_threads);

/// The command line of `fit` or `baseline`, as far as both have it.
struct RunCommand {
  std::filesystem::path spec;
  RunOptions run;
  bool quiet = false;
  bool json = false;
};

/// Adds the options that `fit` and `baseline` have in common, all but the spec.
/// @param json_help  of the option --json.
void add_run_options(CLI::App& app, RunCommand& command, const std::string& json_help);

/// Reads a spec, with its text for the run's record. Names on stderr the keys of a flat config that
/// have no effect.
/// @param method  mask method in place of the spec's own.
/// @throws Error (kInput) as `parse_spec`.
Spec read_spec_file(const std::filesystem::path& path, std::optional<MaskKind> method = {});

/// Begins a command that computes:
///   - makes Ctrl-C a request to stop;
///   - sets the number of threads;
///   - warns on stderr if the BLAS is slow.
/// @param n_threads  as in `add_threads_option`.
void begin_computing(int n_threads);

}  // namespace cprobe
