/// Runs the `cprobe` program as a user does.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "tests/support.h"

namespace cprobe::testing {

struct ProgramResult {
  int exit_code = -1;  ///< 128 + signal if a signal ended the program.
  std::string out;
  std::string err;
};

/// A started program. Its output goes to files in a folder of its own.
class Program {
 public:
  /// @param largest_file  limit in bytes on every file that the program writes, like a full disk;
  ///                      0: no limit.
  /// @param environment   variables beside those of this process.
  explicit Program(const std::vector<std::string>& arguments, rlim_t largest_file = 0,
                   const std::vector<std::pair<std::string, std::string>>& environment = {}) {
    std::vector<std::string> words = {CPROBE_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string out = (folder_ / "out").string(), err = (folder_ / "err").string();
    process_ = fork();
    if (process_ != 0) return;
    const int out_file = open(out.c_str(), O_WRONLY | O_CREAT, 0600),
              err_file = open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(out_file, STDOUT_FILENO);
    dup2(err_file, STDERR_FILENO);
    if (largest_file > 0) {
      const rlimit limit = {largest_file, largest_file};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    execv(argv[0], argv.data());
    _exit(127);
  }

  pid_t process() const { return process_; }

  void send(int signal_number) const { kill(process_, signal_number); }

  /// Waits until a file is written and some work has followed.
  /// @param since  time at which an earlier version of the file was written.
  /// @return false if the program ended before.
  bool is_busy_after(const std::filesystem::path& file, std::filesystem::file_time_type since = {}) {
    const auto ended = [&] { return ended_ = ended_ || waitpid(process_, &status_, WNOHANG) == process_; };
    const auto written = [&] {
      return std::filesystem::exists(file) && std::filesystem::last_write_time(file) != since;
    };
    while (!written() && !ended()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return !ended();
  }

  /// Waits until the program has printed a text to stderr.
  /// @return false if it ended without.
  bool has_said(std::string_view text) {
    while (true) {
      const bool ended = ended_ = ended_ || waitpid(process_, &status_, WNOHANG) == process_;
      const std::filesystem::path err = folder_ / "err";
      if (std::filesystem::exists(err) && read_bytes(err).find(text) != std::string::npos) return true;
      if (ended) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  ProgramResult wait() {
    if (!ended_) waitpid(process_, &status_, 0);
    ended_ = true;
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), read_bytes(folder_ / "out"),
            read_bytes(folder_ / "err")};
  }

 private:
  TemporaryFolder folder_;
  pid_t process_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

inline ProgramResult cprobe(const std::vector<std::string>& arguments, rlim_t largest_file = 0) {
  return Program(arguments, largest_file).wait();
}

/// A trained toy model (a + b mod 7) with its data, made once for all tests of a test program.
class ToyRun {
 public:
  static const ToyRun& get() {
    static const ToyRun run;
    return run;
  }

  std::string model() const { return (folder_ / "toy/final").string(); }
  std::string data(const std::string& name) const { return (folder_ / "toy/data" / name).string(); }

  /// The text of a spec that takes seconds.
  /// @param replacements  parts of the text, and what to replace each by.
  std::string spec(const std::vector<std::pair<std::string, std::string>>& replacements = {}) const {
    std::string text = "model: " + model() + "\ntask:\n  train: " + data("train.csv") +
                       "\n  test: " + data("test.csv") +
                       "\nvariables: [var_0]\nblocks: [attn, mlp]\nfit: {epochs: 3, batch_size: 8}\n"
                       "evaluate: {exemplar_draws: 3, random_controls: 2}\n";
    for (const auto& [from, to] : replacements) {
      const size_t at = text.find(from);
      if (at == std::string::npos) throw std::runtime_error("the spec has no '" + from + "'");
      text.replace(at, from.size(), to);
    }
    return text;
  }

 private:
  ToyRun() {
    write_bytes(folder_ / "task.yaml",
                "name: toy\nmodulus: 7\noperands: [a, b]\ntokens: [a, b, 7]\nanswer: (a + b) % p\n"
                "variables: {var_0: a}\nauxiliaries: {aux_0: b}\ntrain_fraction: 0.6\n");
    const ProgramResult trained =
        cprobe({"train", (folder_ / "task.yaml").string(), "--out", (folder_ / "toy").string(), "--steps", "20",
                "--d-model", "16", "--d-mlp", "32", "--threads", "1"});
    if (trained.exit_code != 0) throw std::runtime_error("cannot train the toy model: " + trained.err);
  }

  TemporaryFolder folder_;
};

/// Copies the toy model to a folder, and adds a tokenizer that knows the letters a to d and " b".
inline void copy_toy_with_tokenizer(const std::filesystem::path& folder) {
  std::filesystem::copy(ToyRun::get().model(), folder);
  write_bytes(folder / "tokenizer.json",
              R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "Ġ": 4,
      "Ġb": 5}, "merges": ["Ġ b"]}, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
      "trim_offsets": true, "use_regex": true}, "normalizer": null, "added_tokens": [], "decoder": null})");
}

}  // namespace cprobe::testing
